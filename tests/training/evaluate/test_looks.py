"""Every look at a test set is written down once, and the looks share one look's error."""

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.statistics.intervals import Bootstrap, paired_difference, tango
from curation.core.statistics.preference import Vote, preferred
from curation.core.statistics.sequential import reach_of, shared
from curation.core.statistics.simultaneous import Part, simultaneous_differences
from curation.harness.errors import QiratError
from tests.builders import params
from training.evaluate.looks import LEDGER, Look, looked, voice
from training.judge import forgetting
from training.judge.arms import ADAPTER
from training.judge.scoring import PREDICTIONS, Evaluate
from training.judge.target import GOOD, standing

DRAWS = Bootstrap(200, 7)


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
    assert len(LEDGER.read_text("utf-8").splitlines()) == 1 + 6


def test_a_test_set_that_grew_was_looked_at_before_and_a_new_one_was_not() -> None:
    assert looked(look()) == 1
    assert looked(look(adapter="b", test=range(220))) == 2
    assert looked(look(adapter="c", test=range(1000, 1200))) == 1
    assert looked(look(adapter="c", test=range(2000, 2003))) == 1
    assert looked(look(adapter="d")) == 3


def test_the_order_of_conversations_and_of_earlier_lines_does_not_matter() -> None:
    assert [looked(look(adapter)) for adapter in "abc"] == [1, 2, 3]
    header, *lines = LEDGER.read_text("utf-8").splitlines()
    LEDGER.write_text("\n".join([header, *reversed(lines), lines[0]]), "utf-8")  # as a merge of branches leaves it
    ids = pl.DataFrame({"conversation_id": [f"{n:064x}" for n in reversed(range(200))]})
    written = pl.DataFrame([("base", "c", 1, 9, "مرحباً", 3, True)], schema=PREDICTIONS, orient="row")
    assert looked(Look.at(ids, "a", written, Evaluate.model_validate(params("evaluate")))) == 3


def test_a_broken_line_is_named_with_its_row_and_the_cure() -> None:
    looked(look())
    LEDGER.write_text(LEDGER.read_text("utf-8") + '{"test": ["a"]}\n', "utf-8")
    with pytest.raises(QiratError, match=r"data/looks.jsonl, line 3: .*mend or delete the line"):
        looked(look())


def test_however_many_looks_follow_their_error_stays_that_of_one() -> None:
    assert math.fsum(shared(number) for number in range(1, 100_000)) < 0.05
    assert shared(1) == pytest.approx(0.025)


def share_of(good: int, n: int) -> pl.DataFrame:
    return pl.DataFrame([(ADAPTER, code, good, n, float(n)) for code in ("all", "ar")], schema=GOOD, orient="row")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60), st.integers(1, 40))
def test_whatever_the_verdict_rests_on_is_as_sure_as_its_look_has_to_be(
    wins: int, losses: int, ties: int, number: int
) -> None:
    """Of two looks the later one has the wider interval: of comparisons, target, ability, people and slices alike."""
    import numpy as np

    n = wins + losses + ties
    ours, ones = np.repeat([1.0, 0.0, 1.0], (wins, losses, ties)), np.ones(n)
    theirs = np.repeat([0.0, 1.0, 1.0], (wins, losses, ties))
    votes = [Vote(str(place), int(value)) for place, value in enumerate(ours - theirs)]
    part = Part((ours, ones), (theirs, ones), [*map(str, range(n))], "playbook")
    answers = [
        (arm, f"en:{place}", "en", "sums", float(value), value > 0)
        for arm, values in ((ADAPTER, ours), ("base", theirs))
        for place, value in enumerate(values)
    ]

    def intervals(look: int) -> list[tuple[float, float]]:
        z = reach_of(look)
        able = forgetting.table(
            pl.DataFrame(answers, schema=forgetting.ANSWERS, orient="row"), ADAPTER, "base", DRAWS, z
        )
        (lost,) = able.filter(pl.col("against").is_not_null(), language="all").to_dicts()
        target = standing(share_of(wins + ties, n), ADAPTER, 0.5, z).figures
        found = [paired_difference((ours, ones), (theirs, ones), z), preferred(votes, z).net]  # type: ignore[union-attr]
        found += simultaneous_differences([part], DRAWS, z)
        return [*((one.low, one.high) for one in found), *((one["low"], one["high"]) for one in (lost, target))]

    for (low, high), (later_low, later_high) in zip(intervals(number), intervals(number + 1), strict=True):
        assert later_low <= low + 1e-9
        assert later_high >= high - 1e-9


def test_what_is_shown_at_the_first_look_may_be_open_at_the_ninth() -> None:
    """A hundred flawless conversations reach 95%, and 34 votes of 46 show a preference, once."""
    votes = [Vote(str(place), 1 if place < 34 else -1) for place in range(46)]
    words = [
        (standing(share_of(100, 100), ADAPTER, 0.95, z).word, preferred(votes, z).net.low > 0)  # type: ignore[union-attr]
        for z in (reach_of(1), reach_of(9))
    ]
    assert words == [("reached", True), ("open", False)]


def test_an_adapter_that_is_tried_until_it_wins_wins_no_more_often_than_one_look_may() -> None:
    """Five adapters that fail wholly in as many conversations as the margin lets, 2,000 times, beside none seen."""
    import numpy as np

    draw, n = np.random.default_rng(1), 150
    lost = draw.binomial(n, 0.05, (2000, 5))
    low = {(look, k): tango(0, k, n, reach_of(look))[0] for look in range(1, 6) for k in range(4)}
    passed = np.array([[low.get((look, k), -1.0) >= -0.05 for look, k in enumerate(row, 1)] for row in lost.tolist()])
    naive = np.array([[tango(0, k, n)[0] >= -0.05 for k in row] for row in lost[:500].tolist()])
    assert naive.any(axis=1).mean() > 0.05
    assert passed.any(axis=1).mean() <= 0.025


def test_the_verdict_tells_which_look_it_is() -> None:
    (reason,) = voice(3).told
    assert str(reason).startswith("look 3 at this test set")
    assert "99.58%" in str(reason)
