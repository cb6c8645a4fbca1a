import polars as pl
import pytest

from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import Bootstrap
from tests.builders import ROOT, params
from tests.training.tiny import model, renderer
from training.judge.forgetting import answers, items, table
from training.judge.scoring import Evaluate, Scorer


def asked(count: int) -> pl.DataFrame:
    settings = Evaluate.model_validate({**params("evaluate"), "forgetting": count})
    playbook = Playbook.load(ROOT / "playbook.yaml")
    return answers("base", Scorer(model(), renderer(), playbook, settings, lambda batches, *rest: batches))


def test_both_languages_ship_with_two_hundred_questions_of_every_kind() -> None:
    found = items(1000)
    kinds = {code: sorted({i.kind for _, c, i in found if c == code}) for code in ("en", "ar")}
    assert kinds["en"] == kinds["ar"]
    assert [sum(c == code for _, c, _ in found) for code in ("en", "ar")] == [200, 200]
    assert len({i.ask for *_, i in found}) == 400


def test_no_question_offers_the_same_answer_twice_or_gives_its_answer_away_by_length() -> None:
    for name, code, item in items(1000):
        offered = [item.right, *item.wrong]
        assert len(set(offered)) == 3, name
        assert max(map(len, offered)) <= 3 * min(map(len, offered)) + 6, name
        assert (code == "ar") == any("\u0620" <= letter <= "\u064a" for letter in item.ask), name


@pytest.mark.parametrize("count", [0, 1, 8, 15, 60, 200])
def test_a_few_questions_are_spread_over_the_file(count: int) -> None:
    found = items(count)
    assert len({name for name, *_ in found}) == len(found) == 2 * count
    if count >= 8:
        assert len({i.kind for *_, i in found}) >= 6


def test_a_chance_is_that_of_the_right_answer_among_those_offered() -> None:
    found = asked(3)
    assert found["value"].is_between(0, 1, closed="none").all()
    assert set(found["language"]) == {"ar", "en"}
    sure = found.filter(pl.col("value") > 0.5)
    assert sure["right"].all()
    assert asked(0).is_empty()


def test_the_difference_is_paired_question_by_question() -> None:
    base = asked(4)
    worse = base.with_columns(arm=pl.lit("adapter"), value=pl.col("value") - 0.1)
    rows = table(pl.concat([base, worse]), "adapter", "base", Bootstrap(200, 1))
    paired = rows.filter(pl.col("against") == "base", language="all").row(0, named=True)
    assert [paired[c] for c in ("value", "low", "high")] == pytest.approx([-0.1, -0.1, -0.1], abs=0.07)
    assert paired["n"] == 8
    assert table(asked(0), "adapter", "base", Bootstrap(10, 1)).is_empty()
