import math
from dataclasses import replace

import numpy as np
import pytest

from curation.core.statistics.intervals import Bootstrap, Interval
from curation.core.statistics.simultaneous import Part, simultaneous_differences

BOOTSTRAP = Bootstrap(400, 1)
N = 150


def parts(
    draw: np.random.Generator, true: float = 0.0, slices: int = 25, groups: int = N, apart: bool = False
) -> list[Part]:
    """Overlapping parts of conversations in which we are better by `true`; those of a group are alike.

    `apart`: less all other conversations.
    """
    unit = draw.integers(0, groups, N) if groups < N else np.arange(N)
    alike = draw.normal(size=groups)[unit]
    weight = draw.integers(2, 9, N).astype(float)
    ours, theirs = (
        weight * (0.7 + shift + 0.1 * alike * side + 0.2 * draw.normal(size=N)) for side, shift in ((1, true), (-1, 0))
    )
    inside = [draw.random(N) < share for share in draw.uniform(0.08, 0.6, slices)]

    def part(i: np.ndarray) -> Part:
        return Part((ours[i], weight[i]), (theirs[i], weight[i]), [str(u) for u in unit[i]], "rules")

    return [replace(part(i), less=part(~i) if apart else None) for i in inside]


@pytest.mark.parametrize(("groups", "apart"), [(N, False), (N // 3, False), (N, True), (N // 3, True)])
def test_all_intervals_hold_together_95_times_in_100(groups: int, apart: bool) -> None:
    """Seven failures in 50 have chance 0.01; plain intervals fail in about 7 of 10."""
    failed = 0
    for seed in range(50):
        drawn = parts(np.random.default_rng(seed), 0.1, groups=groups, apart=apart)
        true = 0.0 if apart else 0.1
        failed += any(not one.low <= true <= one.high for one in simultaneous_differences(drawn, BOOTSTRAP))
    assert failed <= 6


def test_the_value_is_the_difference_of_ratios_and_the_order_of_parts_says_nothing() -> None:
    some = parts(np.random.default_rng(1), slices=6)
    found = simultaneous_differences(some, BOOTSTRAP)
    for part, one in zip(some, found, strict=True):
        shares = [float(values.sum() / weights.sum()) for values, weights in (part.ours, part.theirs)]
        assert one.value == pytest.approx(shares[0] - shares[1])
        assert one.n == len(part.units)
    turned = simultaneous_differences(some[::-1], BOOTSTRAP)[::-1]
    assert [one.low for one in turned] == pytest.approx([one.low for one in found], abs=1e-9)


def test_how_far_a_part_lies_apart_is_its_difference_less_that_of_the_others() -> None:
    own, other = (parts(np.random.default_rng(5), 0.2, slices=2)[n] for n in (0, 1))
    alone = simultaneous_differences([own, other], BOOTSTRAP)
    (apart,) = simultaneous_differences([replace(own, less=other)], BOOTSTRAP)
    assert apart.value == pytest.approx(alone[0].value - alone[1].value)


def test_the_more_is_looked_at_the_wider_each_interval() -> None:
    some = parts(np.random.default_rng(2), slices=40)
    few, many = (simultaneous_differences(some[:k], BOOTSTRAP)[0] for k in (1, 40))
    assert many.high - many.low > 1.3 * (few.high - few.low)


def test_a_few_units_that_are_alike_by_luck_prove_nothing() -> None:
    """Ten conversations lose the same small thing: their own spread is zero, that of all others is not."""
    draw, one = np.random.default_rng(3), np.ones(10)
    alike = Part((one * 0.9, one), (one, one), [f"alike {n}" for n in range(10)], "rules")
    found = simultaneous_differences([*parts(draw), alike], BOOTSTRAP)[-1]
    assert found.low < 0 < found.high


def test_copies_of_a_conversation_are_one_unit() -> None:
    draw = np.random.default_rng(4)
    ours, theirs, units = draw.random(12), draw.random(12), [str(n) for n in range(12)]

    def repeated(times: int) -> Part:
        one = np.ones(12 * times)
        return Part((np.tile(ours, times), one), (np.tile(theirs, times), one), units * times, "x")

    single, copied = (simultaneous_differences([repeated(times)], BOOTSTRAP)[0] for times in (1, 5))
    assert (single.low, single.high) == pytest.approx((copied.low, copied.high))


def test_what_is_no_number_spoils_no_other() -> None:
    some = parts(np.random.default_rng(5), slices=4)
    broken = Part((some[0].ours[0] * math.nan, some[0].ours[1]), some[0].theirs, some[0].units, "rules")
    found = simultaneous_differences([*some, broken], BOOTSTRAP)
    assert math.isnan(found[-1].low)
    assert all(math.isfinite(one.low) for one in found[:-1])


def test_nothing_to_compare_and_no_difference_at_all() -> None:
    assert simultaneous_differences([], BOOTSTRAP) == []
    one = np.ones(12)
    same = Part((one, one), (one, one), [str(n) for n in range(12)], "x")
    assert simultaneous_differences([same], BOOTSTRAP) == [Interval(0.0, 0.0, 0.0, 12)]
