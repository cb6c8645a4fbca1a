"""Margins hold where few differ, and what a comparison takes is known beforehand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.statistics.intervals import Side, effective, paired_difference, share, skewed, tango, unseen
from curation.core.statistics.power import needed, seen
from curation.core.statistics.sequential import reach, stopped

MARGIN = 0.05


def sides(differences: np.ndarray) -> tuple[Side, Side]:
    """Paired values between 0 and 1 that differ by these."""
    ones = np.ones(len(differences))
    return (np.clip(differences, 0, None), ones), (np.clip(-differences, 0, None), ones)


def rare(draw: np.random.Generator, n: int, loss: float) -> np.ndarray:
    """Ours fails wholly in so many pairs, and nothing else differs."""
    return -(draw.random(n) < loss).astype(float)


def both_ways(draw: np.random.Generator, n: int, loss: float) -> np.ndarray:
    """A fifth of the pairs differ, either way."""
    chance = draw.random(n)
    return np.where(chance < (0.2 - loss) / 2, 1.0, np.where(chance < 0.2, -1.0, 0.0))


def skew(draw: np.random.Generator, n: int, loss: float) -> np.ndarray:
    """Small gains and rare losses that are large."""
    return np.clip(0.15 - draw.exponential(0.15, n) - loss, -1, 1)


@pytest.mark.parametrize("drawn", [rare, both_ways, skew])
@pytest.mark.parametrize("n", [30, 60, 200])
def test_a_loss_as_large_as_the_margin_passes_in_a_fortieth_of_the_trials(drawn, n) -> None:  # type: ignore[no-untyped-def]
    """At 2.5% of 600 trials, more than 4.3% come once in two hundred; percentiles of redraws gave up to 59%."""
    draw = np.random.default_rng(n)
    passed = sum(paired_difference(*sides(drawn(draw, n, MARGIN))).low >= -MARGIN for _ in range(600))
    assert passed / 600 <= 0.043


def test_ten_pairs_show_no_margin_whatever_they_hold() -> None:
    draw = np.random.default_rng(1)
    passed = sum(paired_difference(*sides(rare(draw, 10, MARGIN))).low >= -MARGIN for _ in range(300))
    assert passed == 0


def test_more_pairs_never_show_less() -> None:
    """Power was 54% of 30 pairs and 29% of 60: no pair differed in half of the draws of 30."""
    shown = []
    for n in (30, 60, 120, 240, 480):
        draw = np.random.default_rng(n)
        shown.append(sum(paired_difference(*sides(rare(draw, n, 0.02))).low >= -MARGIN for _ in range(150)) / 150)
    assert shown == sorted(shown)
    assert shown[-1] > 0.8


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=60))
def test_an_interval_has_width_and_holds_the_difference(differences: list[float]) -> None:
    first, second = sides(np.array(differences))
    found, turned = paired_difference(first, second), paired_difference(second, first)
    assert found.low <= found.value <= found.high
    assert found.high > found.low
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-9)


def test_of_shares_it_is_tangos_interval() -> None:
    """The example of his paper: 14 pairs, of which one differs, and 44 of 53."""
    assert tango(0, 1, 14) == pytest.approx((-0.3146, 0.1523), abs=0.02)
    differences = np.array([1.0] * 9 + [-1.0] * 2 + [0.0] * 39)
    found = paired_difference(*sides(differences))
    low, high = tango(9, 2, 50)
    least, most = skewed(differences)
    assert (found.low, found.high) == pytest.approx((min(low, least), max(high, most)))


@given(st.floats(0.01, 1), st.floats(-0.04, 0.3), st.floats(0.5, 0.95))
def test_less_spread_more_effect_and_less_power_take_fewer(sd: float, effect: float, power: float) -> None:
    told = needed(sd, effect, MARGIN, power)
    assert told is not None
    assert told <= (needed(sd * 2, effect, MARGIN, power) or 0)
    assert told >= (needed(sd, effect + 0.1, MARGIN, power) or 0)
    assert told <= (needed(sd, effect, MARGIN, 0.99) or 0)
    assert needed(sd, -MARGIN, MARGIN) is None is needed(sd, -0.2)


def test_so_many_show_it_in_four_cases_of_five() -> None:
    draw = np.random.default_rng(5)
    n = needed(0.3, 0.1)
    assert n == 71
    shown = sum(paired_difference(*sides(np.clip(draw.normal(0.1, 0.3, n), -1, 1))).low > 0 for _ in range(400))
    assert 0.74 < shown / 400 < 0.86
    assert needed(0.13**0.5, 0.0, MARGIN) == 409  # docs/training.md


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_seen_is_where_the_unseen_fits_into_the_margin(margin: float) -> None:
    n = seen(margin)
    assert n is not None
    assert unseen(n) <= margin < unseen(n - 1)
    assert (1 - margin) ** n < 0.0275
    assert seen(margin, -margin) is None


def test_groups_of_conversations_that_are_alike_are_worth_one_each() -> None:
    one, same = np.ones(40), np.full(10, 4.0)
    assert effective(one * 0.0, one) == 40
    assert effective(np.array([4.0, 0.0] * 5), same) == pytest.approx(9, abs=1)
    assert effective(np.array([2.0] * 10), same) == 10
    assert share(36, 40, 10).low < share(36, 40).low


@settings(deadline=None, max_examples=20)
@given(st.integers(10, 2000), st.integers(30, 500))
def test_looking_all_the_time_takes_more_than_looking_once(n: int, planned: int) -> None:
    assert reach(n, planned) > 2.7
    assert reach(planned, planned) < 3.1


@pytest.mark.parametrize("drawn", [both_ways, skew])
def test_equals_are_out_in_less_than_a_fortieth_of_the_runs_however_often_one_looks(drawn) -> None:  # type: ignore[no-untyped-def]
    draw = np.random.default_rng(3)
    out = [stopped(*sides(drawn(draw, 120, 0.0)), 60, range(10, 121, 10)) for _ in range(80)]
    assert sum(n is not None for n in out) <= 2


def test_an_arm_that_is_far_worse_is_out_early() -> None:
    draw = np.random.default_rng(4)
    worse = [stopped(*sides(np.clip(draw.normal(-0.2, 0.2, 120), -1, 1)), 60, range(10, 121, 10)) for _ in range(30)]
    assert all(n is not None and n <= 40 for n in worse)
    better = [stopped(*sides(np.clip(draw.normal(0.1, 0.2, 120), -1, 1)), 60, range(10, 121, 10)) for _ in range(30)]
    assert better == [None] * 30


def test_customers_of_unequal_size_who_differ_nowhere_show_about_what_equal_ones_do() -> None:
    """That nobody differs is never less sure than that the smallest one does."""
    weights = np.repeat([1.0, 5.0], (180, 9))
    same = paired_difference((weights, weights), (weights, weights))
    one_lost = paired_difference((weights - (np.arange(189) == 0), weights), (weights, weights))
    assert -0.05 < same.low <= -unseen(189)
    assert same.low >= one_lost.low - unseen(189)


def test_a_loss_as_large_as_the_margin_passes_seldom_among_customers_of_unequal_size_too() -> None:
    """Customers whose conversations all fail, or none: 5% of them, 800 times; 2.5% may pass, 3.6% by chance."""
    passed = 0
    for seed in range(800):
        draw = np.random.default_rng(seed)
        weights = draw.choice((1.0, 2.0, 3.0, 5.0), 190, p=(0.85, 0.1, 0.03, 0.02))
        lost = draw.random(190) < MARGIN
        found = paired_difference((weights * ~lost, weights), (weights, weights))
        passed += found.low >= -MARGIN and found.value - unseen(190) >= -MARGIN
    assert passed / 800 <= 0.036
