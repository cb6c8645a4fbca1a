from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.core.statistics.intervals import Bootstrap
from tests.training.tiny import tokenized
from training.commands import curve as asked
from training.commands import trial
from training.train.fit import fit


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tokenized(tmp_path_factory.mktemp("curve"))


def point(share: float, *losses: tuple[float, float], seed: int = 7) -> asked.Point:
    rows = [(f"c{n}", "en" if n % 2 else "ar", value, weight) for n, (value, weight) in enumerate(losses)]
    return asked.Point(share, seed, 4, 40, pl.DataFrame(rows, schema=asked.LOSSES, orient="row"))


def at_level(share: float, level: float, seed: int = 7) -> asked.Point:
    """Twenty conversations that lose so much a token."""
    return point(share, *[(level * (8 + n % 5), 8.0 + n % 5) for n in range(20)], seed=seed)


def falling(*levels: float) -> list[asked.Point]:
    """Losses that fall to these levels part by part."""
    return [at_level(share, level) for share, level in zip(asked.SHARES, levels, strict=True)]


def answer(points: list[asked.Point], *again: float) -> dict[str, Any]:
    """The answer, all of the data trained with another seed for each level of `again`."""
    rows = list(asked.rows(points, Bootstrap(200, 1)))
    counts = {"examples": 9, "examples_used": 4, "conversations_judged": 20}
    seeded = [points[-1], *(at_level(1.0, level, seed=8 + n) for n, level in enumerate(again))]
    seeds = list(asked.luck(seeded, rows)) if again else []
    return {"base": "b", "profile": "cpu", **counts, "rows": rows, "next_doubling": asked.bracket(rows), "seeds": seeds}


def test_a_falling_curve_says_that_more_data_helps_and_brackets_the_next_doubling() -> None:
    found = answer(falling(3.0, 2.0, 1.5))
    upper = pytest.approx(0.5, abs=0.01)  # above the gain, as the conversations are of unequal length
    assert found["next_doubling"] == {language: [0.0, upper] for language in ("all", "ar", "en")}
    text = asked.as_text(found)
    assert text.count("more data helps; the last doubling gained +0.500") == 3
    assert "the 4 examples that the recipe looks at, of 9" in text


def test_a_curve_that_rises_at_the_end_promises_nothing() -> None:
    found = answer(falling(3.0, 2.0, 2.1))
    assert found["next_doubling"] == {language: [0.0, 0.0] for language in ("all", "ar", "en")}
    assert "that more data helps is not shown" in asked.as_text(found)


def test_seeds_are_told_with_their_mean_and_how_far_apart_they_are() -> None:
    for row in answer(falling(3.0, 2.0, 1.5), 1.4, 1.75)["seeds"]:
        assert [one["seed"] for one in row["losses"]] == [7, 8, 9]
        assert [one["loss"] for one in row["losses"]] == pytest.approx([1.5, 1.4, 1.75])
        assert (row["mean"], row["spread"]) == pytest.approx((1.55, 0.35))


@pytest.mark.parametrize(
    ("other_seed", "meaning"), [(1.1, "is larger than that"), (0.9, "is no larger than that"), (2.1, "is no larger")]
)
def test_a_gain_counts_for_something_when_seeds_differ_by_less(other_seed: float, meaning: str) -> None:
    text = asked.as_text(answer(falling(3.0, 2.0, 1.5), other_seed))
    assert text.count(f"the last doubling's gain, +0.500, {meaning}") == 3


def test_one_seed_tells_nothing_of_luck() -> None:
    assert "spread" not in asked.as_text(answer(falling(3.0, 2.0, 1.5)))


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

    monkeypatch.setattr(trial, "fit", None)  # a second training would fail
    assert asked.curve(judged=6) == found


def test_more_seeds_train_all_of_the_data_again_and_only_that(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)
    alone = asked.curve(judged=6)
    trained: list[int] = []

    def counted(base: Any, tokenizer: Any, tokens: pl.DataFrame, *rest: Any) -> Any:
        trained.append(tokens.height)
        return fit(base, tokenizer, tokens, *rest)

    monkeypatch.setattr(trial, "fit", counted)
    found = asked.curve(judged=6, seeds=2)
    assert trained == [alone["examples_used"]]
    assert (alone["seeds"], found["rows"]) == ([], alone["rows"])

    first, second = found["seeds"][0]["losses"]
    assert (first["loss"], second["seed"]) == (found["rows"][2]["loss"]["value"], first["seed"] + 1)
    assert found["seeds"][0]["spread"] == abs(first["loss"] - second["loss"]) > 0
    assert asked.curve(judged=6, seeds=2) == found
    assert len(trained) == 1


def test_other_data_is_trained_anew(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)
    asked.curve(judged=6)
    path = ready / "data/tokenized/train.parquet"
    pl.read_parquet(path).tail(-1).write_parquet(path)
    monkeypatch.setattr(trial, "fit", None)
    with pytest.raises(TypeError):
        asked.curve(judged=6)


def test_parts_that_would_hold_nothing_are_refused(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.harness.errors import QiratError

    monkeypatch.chdir(ready)
    path = ready / "data/tokenized/train.parquet"
    pl.read_parquet(path).head(2).write_parquet(path)
    with pytest.raises(QiratError, match="2 examples are too few"):
        asked.curve(judged=6)
