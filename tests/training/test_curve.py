from pathlib import Path

import polars as pl
import pytest

from tests.training.tiny import tokenized
from training import curve as asked
from training.intervals import Bootstrap


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tokenized(tmp_path_factory.mktemp("curve"))


def point(share: float, *losses: tuple[float, float]) -> asked.Point:
    rows = [(f"c{n}", "en" if n % 2 else "ar", value, weight) for n, (value, weight) in enumerate(losses)]
    return asked.Point(share, 4, 40, pl.DataFrame(rows, schema=asked.LOSSES, orient="row"))


def falling(*levels: float) -> list[asked.Point]:
    """Twenty conversations, their losses falling to these levels part by part."""
    return [
        point(share, *[(level * (8 + n % 5), 8.0 + n % 5) for n in range(20)])
        for share, level in zip(asked.SHARES, levels, strict=True)
    ]


def answer(points: list[asked.Point]) -> dict[str, object]:
    rows = list(asked.rows(points, Bootstrap(200, 1)))
    counts = {"examples": 9, "examples_used": 4, "conversations_judged": 20}
    return {"base": "b", "profile": "cpu", **counts, "rows": rows, "next_doubling": asked.bracket(rows)}


def test_a_falling_curve_says_that_more_data_helps_and_brackets_the_next_doubling() -> None:
    found = answer(falling(3.0, 2.0, 1.5))
    assert found["next_doubling"] == {language: [0.0, pytest.approx(0.5)] for language in ("all", "ar", "en")}
    text = asked.as_text(found)
    assert text.count("more data helps; the last doubling gained +0.500") == 3
    assert "the 4 examples that the recipe looks at, of 9" in text


def test_a_curve_that_rises_at_the_end_promises_nothing() -> None:
    found = answer(falling(3.0, 2.0, 2.1))
    assert found["next_doubling"] == {language: [0.0, 0.0] for language in ("all", "ar", "en")}
    assert "that more data helps is not shown" in asked.as_text(found)


def test_each_part_is_trained_as_long_judged_alike_and_not_trained_again(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ready)
    found = asked.curve(judged=6)
    overall = [row for row in found["rows"] if row["language"] == "all"]
    examples = [row["examples"] for row in overall]
    assert examples == [round(share * examples[-1]) for share in asked.SHARES]
    assert [row["loss"]["n"] for row in overall] == [6, 6, 6]
    assert {row["language"] for row in found["rows"]} == {"all", "en", "ar"}
    assert (ready / "data/cache/curve.json").exists()

    monkeypatch.setattr(asked, "fit", None)  # a second training would fail
    assert asked.curve(judged=6) == found


def test_other_data_is_trained_anew(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)
    asked.curve(judged=6)
    path = ready / "data/tokenized/train.parquet"
    pl.read_parquet(path).tail(-1).write_parquet(path)
    monkeypatch.setattr(asked, "fit", None)
    with pytest.raises(TypeError):
        asked.curve(judged=6)


def test_parts_that_would_hold_nothing_are_refused(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.stage import QiratError

    monkeypatch.chdir(ready)
    path = ready / "data/tokenized/train.parquet"
    pl.read_parquet(path).head(2).write_parquet(path)
    with pytest.raises(QiratError, match="2 examples are too few"):
        asked.curve(judged=6)
