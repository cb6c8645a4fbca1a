from pathlib import Path

import pytest

from tests.builders import save
from tests.training.tiny import project
from training.commands.estimate import as_text, estimate, prompt_tokens, took_last


@pytest.fixture
def tokenized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import polars as pl

    monkeypatch.chdir(project(tmp_path))
    rows = [([1] * n, [-100] * (n // 2) + [1] * (n - n // 2)) for n in (10, 20, 30)]
    schema = {"input_ids": pl.List(pl.Int32), "labels": pl.List(pl.Int32)}
    for split in ("train", "dev"):
        save(tmp_path, f"tokenized/{split}", pl.DataFrame(rows, schema=schema, orient="row"))
    return tmp_path


def test_tokens_are_those_of_all_epochs_and_the_text_names_the_cards(tokenized: Path) -> None:
    found = estimate("gpu")
    assert (found.tokens, found.supervised) == (120, 60)  # two epochs
    text = as_text(found, {}, {}, 1000)
    assert "H200" in text
    assert "paid for itself" not in text


def test_a_long_prompt_is_paid_back_by_traffic_and_the_last_run_is_compared(tokenized: Path) -> None:
    import polars as pl

    scores = [("adapter", 20.0), ("few_shot", 220.0)]
    table = pl.DataFrame(
        [(a, "c", "prompt_tokens", v, 2.0) for a, v in scores],
        schema=["arm", "conversation_id", "metric", "value", "weight"],
        orient="row",
    )
    save(tokenized, "evaluated/scores", table)
    assert prompt_tokens() == {"adapter": 10.0, "few_shot": 110.0}
    took = {"predicted_seconds": 100.0, "seconds": 110.0, "resumed": 0.0}
    text = as_text(estimate("gpu"), prompt_tokens(), took, 10)
    assert "few_shot reads 100 tokens a reply more" in text
    assert "100.0 s predicted, 110.0 s (+10%)" in text
    assert took_last() == {}
