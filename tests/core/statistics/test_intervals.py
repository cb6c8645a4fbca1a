"""Intervals of shares, ratios and differences of pairs, and tests of many."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.statistics.intervals import (
    Bootstrap,
    effective,
    holm,
    jackknife,
    mcnemar,
    paired_difference,
    ratio,
    share,
    skewed,
    tango,
    unseen,
    wilson,
)


@settings(deadline=None)  # importing scipy takes a while
@given(st.integers(0, 400), st.integers(0, 400))
def test_both_are_what_wilsons_formula_gives(right: int, wrong: int) -> None:
    n = max(right + wrong, 1)
    p, z2 = right / n, 1.959963984540054**2
    middle, half = (p + z2 / (2 * n)) / (1 + z2 / n), (z2 * (p * (1 - p) + z2 / (4 * n)) / n) ** 0.5 / (1 + z2 / n)
    found = share(right, n)
    assert (found.value, found.n) == (p, n)
    assert (found.low, found.high) == (pytest.approx(max(middle - half, 0)), pytest.approx(min(middle + half, 1)))
    assert wilson(right, n) == (round(found.low, 4), round(found.high, 4))


def test_nothing_decided_leaves_everything_possible() -> None:
    assert wilson(0, 0) == (0, 1)


sizes = st.lists(st.tuples(st.floats(0, 50), st.floats(1, 50)), min_size=2, max_size=40)


@given(sizes)
def test_an_arm_does_not_differ_from_itself_but_might_have(pairs: list[tuple[float, float]]) -> None:
    values, weights = (pl.Series(side).to_numpy() for side in zip(*pairs, strict=True))
    found = paired_difference((values, weights), (values, weights))
    assert found.value == 0
    assert found.low <= -unseen(len(pairs)) + 1e-9 < 0 < unseen(len(pairs)) - 1e-9 <= found.high


@given(sizes)
def test_an_interval_lies_within_the_conversations_own_ratios(pairs: list[tuple[float, float]]) -> None:
    values, weights = (pl.Series(side).to_numpy() for side in zip(*pairs, strict=True))
    found = ratio(values, weights, Bootstrap(100, 1))
    ratios = values / weights
    assert min(ratios) - 1e-9 <= found.low <= found.high <= max(ratios) + 1e-9


def test_pairing_finds_what_two_separate_intervals_would_hide() -> None:
    base = pl.Series([float(n % 10) for n in range(160)]).to_numpy()
    ones = base * 0 + 1
    found = paired_difference((base + 0.5, ones), (base, ones))
    assert found.low > 0.47


def test_mcnemar_is_the_exact_binomial_test_of_the_discordant_pairs() -> None:
    assert mcnemar(0, 0) == mcnemar(4, 4) == 1
    assert mcnemar(9, 1) == mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(0, 6) == pytest.approx(0.03125)


@settings(deadline=None)  # importing scipy takes a while
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_the_binomial_test_of_scipy(ours: int, theirs: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
    assert mcnemar(ours, theirs) == pytest.approx(expected, rel=1e-9)


def test_holm_multiplies_the_smallest_by_all_and_never_turns_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= 1
    by_size = [adjusted for _, adjusted in sorted(zip(p_values, holm(p_values), strict=True))]
    assert by_size == sorted(by_size)


def test_the_jackknife_interval_of_a_mean_is_the_textbooks() -> None:
    values = pl.Series([1.0, 2.0, 4.0, 9.0]).to_numpy()
    without = (values.sum() - values) / 3
    found = jackknife(values.mean(), without)
    assert found.high - found.value == pytest.approx(1.959964 * values.std(ddof=1) / 2)


STATED = 2.241403  # standard errors of a first look at the test set: wrong on one side in 1.25%
SOME_WRITE_MORE = (1, 2, 4, 8, 16), (0.6, 0.2, 0.1, 0.07, 0.03)


def customers(draw: np.random.Generator, conversations: int) -> np.ndarray:
    """How often each of them writes."""
    sizes = draw.choice(SOME_WRITE_MORE[0], conversations, p=SOME_WRITE_MORE[1])
    until = np.searchsorted(np.cumsum(sizes), conversations) + 1
    return sizes[:until].astype(float)


def as_often_as_stated(wrong: int, trials: int) -> bool:
    """Or so much oftener as chance makes it once in a thousand times."""
    from scipy.stats import binom

    return bool(wrong <= binom.isf(0.001, trials, 0.0125))


def test_a_loss_at_the_margin_is_kept_as_seldom_as_stated_where_customers_fail_as_a_whole() -> None:
    draw, wrong = np.random.default_rng(1), 0
    for _ in range(300):
        sizes = customers(draw, 240)
        ended = sizes * (draw.random(len(sizes)) >= 0.05)
        wrong += paired_difference((ended, sizes), (sizes, sizes), STATED).low > -0.05
    assert as_often_as_stated(wrong, 300)


@pytest.mark.parametrize("conversations", [40, 120])
def test_few_customers_of_whom_some_write_more_lose_as_seldom_as_stated(conversations: int) -> None:
    draw, wrong = np.random.default_rng(3), 0
    for _ in range(300):
        sizes = customers(draw, conversations)
        own = sizes * draw.normal(-0.05, 0.1, len(sizes)) + np.sqrt(sizes) * draw.normal(0, 0.17, len(sizes))
        wrong += paired_difference((2 * sizes + own, sizes), (2 * sizes, sizes), STATED).low > -0.05
    assert as_often_as_stated(wrong, 300)


def test_rare_large_losses_of_customers_some_of_whom_write_more_pass_as_seldom_as_stated() -> None:
    draw, wrong = np.random.default_rng(7), 0
    for _ in range(600):
        sizes = customers(draw, 240)
        own = sizes * (-0.05 + 0.2 * (1 - draw.exponential(1, len(sizes))))
        wrong += paired_difference((2 * sizes + own, sizes), (2 * sizes, sizes), STATED).low > -0.05
    assert as_often_as_stated(wrong, 600)


def test_a_surer_interval_of_few_skew_differences_is_never_narrower() -> None:
    values = np.array([1.0, 1.0, 1.0, 0.0])
    ends = [skewed(values, z) for z in (2.0, 2.6, 2.9, 3.5)]
    assert sorted(ends, reverse=True) == ends
    assert sorted(high for _, high in ends) == [high for _, high in ends]


def test_a_share_at_the_target_does_not_pass_oftener_where_customers_fail_as_a_whole() -> None:
    draw, wrong = np.random.default_rng(5), 0
    for _ in range(400):
        sizes = customers(draw, 240)
        good = sizes * (draw.random(len(sizes)) >= 0.1)
        n, worth = int(sizes.sum()), effective(good, sizes)
        wrong += share(int(good.sum()), n, worth, STATED).low > 0.9
    assert as_often_as_stated(wrong, 400)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.0, 1.0]), min_size=3, max_size=80), st.integers(1, 20))
def test_customers_who_write_alike_often_change_no_interval(differences: list[float], often: int) -> None:
    ones = np.ones(len(differences))
    own = ones + np.array(differences)
    once, more = (paired_difference((own * m, ones * m), (ones * m, ones * m)) for m in (1, often))
    assert (more.low, more.high) == pytest.approx((once.low, once.high), abs=1e-9)
    if any(differences):
        low, high = tango(differences.count(1.0), differences.count(-1.0), len(ones))
        least, most = skewed(own - 1)
        assert (once.low, once.high) == pytest.approx((min(low, least), max(high, most)), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=30))
def test_a_share_is_worth_no_more_than_its_draws(groups: list[tuple[int, int]]) -> None:
    sizes = np.array([max(pair) for pair in groups], dtype=float)
    successes = np.array([pair[0] for pair in groups], dtype=float)
    assert 0 < effective(successes, sizes) <= sizes.sum()


def test_six_customers_who_write_nearly_all_are_worth_six() -> None:
    from scipy.stats import norm, t

    values = np.array([0.3, -0.2, 0.1, -0.4, 0.25, -0.05, *[0.0] * 60])
    sizes = np.array([1.0] * 6 + [1e-9] * 60)
    (low, high), (least, most) = skewed(values, STATED), skewed(values, STATED, sizes)
    of_six, of_all = (t.isf(norm.sf(STATED), free) for free in (5, 65))
    # The variance by n - 1, too, is that of six.
    assert (most - least) / (high - low) == pytest.approx(of_six / of_all * (6 / 5 * 65 / 66) ** 0.5, rel=1e-6)
    assert skewed(values, STATED, sizes * 0 + 3) == pytest.approx((low, high))
