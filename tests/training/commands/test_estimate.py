import json
from pathlib import Path

import pytest
import yaml

from tests.builders import save
from tests.training.tiny import project
from training.commands.estimate import as_text, estimate, prompt_tokens, took_last
from training.model.cost import FREE, Numbers, memory


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


def test_steps_and_conversations_are_told_and_a_guessed_learning_rate_is_called_one(tokenized: Path) -> None:
    text = as_text(estimate("gpu"), {}, {}, 1000)
    assert "learning rate 0.002, 2 steps of about 8 conversations\n" in text  # two epochs of three examples
    assert "guess" not in text  # Llama
    config = json.loads((tokenized / "tiny/config.json").read_text("utf-8"))
    (tokenized / "tiny/config.json").write_text(json.dumps(config | {"model_type": "mistral"}), "utf-8")
    assert "is a guess for mistral" in as_text(estimate("gpu"), {}, {}, 1000)


def test_the_loss_on_dev_counts_in_the_time(tokenized: Path) -> None:
    before = estimate("gpu").operations
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    settings["train"]["gpu"]["dev_points"] += 5
    Path("params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    shape = estimate("gpu").shape
    weighed = 2 * 60 * (shape.linear + shape.lora) + 2 * 30 * shape.head  # 60 tokens, 30 of them told
    attended = 2 * shape.layers * shape.attention * sum(n * n for n in (10, 20, 30))
    assert estimate("gpu").operations - before == pytest.approx(5 * (weighed + attended))


def test_every_card_is_told_with_what_makes_it_fit(tokenized: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.commands import estimate as asked
    from training.model.cost import CARDS, Card

    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    settings["train"]["gpu"] |= {"batch": 4, "pack_tokens": 4096}
    Path("params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    whole = estimate("gpu")
    least = min(memory(whole.shape, 512, Numbers(2, 2, q), checkpointing=True) for q in (False, True)) / FREE
    cards = {"roomy": CARDS["H200"], "tight": Card(1e12, least * 1.05, 50), "none": Card(1e12, least / 9, 50)}
    monkeypatch.setattr(asked, "CARDS", cards)
    told = {line.split()[0]: line for line in as_text(whole, {}, {}, 1000).splitlines() if line.split()[:1]}
    assert told["roomy"].endswith("1 passes a step")
    assert "set train.gpu.pack_tokens: 512" in told["tight"]
    assert told["none"].endswith("too small")


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
    for torn in ("", "[1]", '{"seconds": 1'):
        (tokenized / "data/cache/cost").mkdir(parents=True, exist_ok=True)
        (tokenized / "data/cache/cost/train.json").write_text(torn)
        assert took_last() == {}
