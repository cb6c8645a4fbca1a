"""How many conversations the target takes is known beforehand, in groups and in each language."""

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.statistics.intervals import FEW
from curation.core.statistics.sequential import reach_of
from training.judge.scoring import SCORES
from training.judge.target import good_shares, may_reach, showing, standing


def drawn(languages: Sequence[str], customers: Sequence[int]) -> pl.DataFrame:
    rows = [(f"c{n}", code, str(who)) for n, (code, who) in enumerate(zip(languages, customers, strict=True))]
    return pl.DataFrame(rows, schema=["conversation_id", "language", "cluster_id"], orient="row")


def judged(conversations: pl.DataFrame, good: Sequence[bool]) -> pl.DataFrame:
    rows = [
        ("adapter", key, metric, float(one), 1.0)
        for key, one in zip(conversations["conversation_id"], good, strict=True)
        for metric in ("playbook_pass", "stopped")
    ]
    return good_shares(pl.DataFrame(rows, schema=SCORES, orient="row"), conversations)


@pytest.mark.parametrize("languages", [["en"], ["ar"], ["en", "ar"]])
def test_sixty_never_show_it_and_the_number_that_is_told_just_does(languages: list[str]) -> None:
    test = drawn(languages * 200, range(200 * len(languages)))
    shows = showing(test, 60, 0.95)
    assert shows == 96 * len(languages)
    for n, word in ((60, "open"), (shows - 1, "open"), (shows, "reached")):
        assert standing(judged(test.head(n), [True] * n), "adapter", 0.95, reach_of(1)).word == word


def test_customers_count_once_and_a_language_with_a_handful_has_no_say() -> None:
    assert showing(drawn(["ar"] * 200, [n // 2 for n in range(200)]), 60, 0.95) == 191
    few = ["ar" if n in range(3) else "en" for n in range(200)]
    assert showing(drawn(few, range(200)), 60, 0.95) == 99  # 96 in English


def test_a_test_that_is_too_small_in_one_language_cannot_show_it() -> None:
    assert showing(drawn(["en"] * 95, range(95)), 60, 0.95) is None
    assert showing(drawn(["en", "ar"] * 95, range(190)), 60, 0.95) is None
    assert showing(drawn(["en"] * 200, range(200)), 60, 1.0) is None
    assert showing(drawn(["en"] * 200, range(200)), 60, 0.0) == FEW


@given(good=st.lists(st.booleans(), min_size=30, max_size=90), target=st.floats(0.05, 0.99))
def test_nobody_is_stopped_whom_the_verdict_would_not_call_below(good: list[bool], target: float) -> None:
    test = drawn(["en", "ar"] * 45, range(90)).head(len(good))
    shares = judged(test, good)
    assert may_reach(shares, "adapter", target) == (standing(shares, "adapter", target).word != "below")
