"""Every look at a test set is written down once, and the looks share one look's error."""

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from tests.builders import params
from training.evaluate.looks import LEDGER, Look, looked, shared, voice, widened
from training.judge.scoring import PREDICTIONS, Evaluate

Z = NormalDist().inv_cdf


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def look(adapter: str = "a", test: range = range(200), said: str = "مرحباً", **other: Any) -> Look:
    ids = pl.DataFrame({"conversation_id": [f"{n:064x}" for n in test]})
    written = pl.DataFrame([("base", "c", 1, 9, said, 3, True)], schema=PREDICTIONS, orient="row")
    return Look.at(ids, adapter, written, Evaluate.model_validate(params("evaluate") | other))


def test_another_adapter_prompt_or_question_is_another_look_and_the_same_is_none() -> None:
    each = [look(), look(adapter="b"), look(said="Hello"), look(seed=8), look(generated=9), look(primary="nll")]
    assert [looked(one) for one in each] == [1, 2, 3, 4, 5, 6]
    assert [looked(one) for one in each] == [6] * 6
    assert looked(look(batch=3, require_promotion=True)) == 6  # how it runs is no question
    assert len(LEDGER.read_text("utf-8").splitlines()) == 6


def test_a_test_set_that_grew_was_looked_at_before_and_a_new_one_was_not() -> None:
    assert looked(look()) == 1
    assert looked(look(adapter="b", test=range(220))) == 2
    assert looked(look(adapter="c", test=range(1000, 1200))) == 1
    assert looked(look(adapter="c", test=range(2000, 2003))) == 1
    assert looked(look(adapter="d")) == 3


def test_the_order_of_conversations_and_of_earlier_lines_does_not_matter() -> None:
    assert [looked(look(adapter)) for adapter in "abc"] == [1, 2, 3]
    lines = LEDGER.read_text("utf-8").splitlines()
    LEDGER.write_text("\n".join([*reversed(lines), lines[0]]), "utf-8")  # as a merge of branches leaves it
    ids = pl.DataFrame({"conversation_id": [f"{n:064x}" for n in reversed(range(200))]})
    written = pl.DataFrame([("base", "c", 1, 9, "مرحباً", 3, True)], schema=PREDICTIONS, orient="row")
    assert looked(Look.at(ids, "a", written, Evaluate.model_validate(params("evaluate")))) == 3


def test_a_broken_line_is_named_with_its_row_and_the_cure() -> None:
    looked(look())
    LEDGER.write_text(LEDGER.read_text("utf-8") + '{"test": ["a"]}\n', "utf-8")
    with pytest.raises(QiratError, match=r"data/looks.jsonl, row 2: .*restore it from there"):
        looked(look())


def test_however_many_looks_follow_their_error_stays_that_of_one() -> None:
    assert math.fsum(shared(number) for number in range(1, 100_000)) < 0.05
    assert shared(1) == pytest.approx(0.025)


@settings(deadline=None, max_examples=50)
@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.integers(1, 50))
def test_an_interval_is_stretched_on_each_side_by_what_its_look_has_left(
    value: float, below: float, above: float, number: int
) -> None:
    table = pl.DataFrame({"difference": [value], "low": [value - below], "high": [value + above]})
    (row,) = widened(table, number).to_dicts()
    stretch = Z(1 - 0.025 / (number * (number + 1))) / Z(0.975)
    assert stretch > 1
    assert (row["low"], row["high"]) == pytest.approx((value - below * stretch, value + above * stretch))


def test_a_draw_that_is_tried_until_it_wins_wins_no_more_often_than_one_look_may() -> None:
    """Five adapters that are as good as the prompt, 4,000 times: the first whose interval clears zero is promoted."""
    import numpy as np

    found = np.random.default_rng(1).normal(size=(4000, 5))
    naive = (found - Z(0.975) > 0).any(axis=1).mean()
    wins = np.zeros(4000, dtype=bool)
    for number, value in enumerate(found.T, 1):
        table = pl.DataFrame({"value": value, "low": value - Z(0.975), "high": value + Z(0.975)})
        wins |= (widened(table, number)["low"] > 0).to_numpy()
    assert naive > 0.1
    assert wins.mean() <= 0.025 + 3 * math.sqrt(0.025 / 4000)


def test_the_verdict_tells_which_look_it_is() -> None:
    (reason,) = voice(3).told
    assert str(reason).startswith("look 3 at this test set")
    assert "99.58%" in str(reason)
