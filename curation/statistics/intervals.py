"""Figures with 95% intervals. The conversation is the unit that is drawn: its turns belong together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
FEW = 30  # conversations; below, percentile bootstrap intervals are known to be too narrow to decide on


@dataclass(frozen=True)
class Bootstrap:
    """How often to redraw, and from which seed. The same seed redraws the same conversations for every arm."""

    draws: int
    seed: int


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval over `n` conversations."""

    value: float
    low: float
    high: float
    n: int


def ratio(values: "np.ndarray", weights: "np.ndarray", bootstrap: Bootstrap) -> Interval:
    """Sum of values over sum of weights, each array one number a conversation."""
    return _interval(values.sum() / weights.sum(), _redrawn(values, weights, bootstrap), len(values))


def paired_difference(
    ours: tuple["np.ndarray", "np.ndarray"], theirs: tuple["np.ndarray", "np.ndarray"], bootstrap: Bootstrap
) -> Interval:
    """Ratio of `ours` minus ratio of `theirs`, (values, weights) of the same conversations in the same order."""
    difference = ours[0].sum() / ours[1].sum() - theirs[0].sum() / theirs[1].sum()
    return _interval(difference, _redrawn(*ours, bootstrap) - _redrawn(*theirs, bootstrap), len(ours[0]))


def share(successes: int, n: int) -> Interval:
    """A share of `n` with Wilson's interval (1927), which keeps its width where all or none succeed."""
    from scipy.stats import binomtest

    value = successes / n
    ends = binomtest(successes, n, value).proportion_ci(LEVEL, method="wilson")  # of `value` its p needs no search
    return Interval(value, float(ends.low), float(ends.high), n)


def wilson(confirmed: int, decided: int) -> tuple[float, float]:
    """The ends of that interval to four digits; all of 0 to 1 when nothing was decided."""
    if not decided:
        return 0.0, 1.0
    found = share(confirmed, decided)
    return round(found.low, 4), round(found.high, 4)


def jackknife(value: float, without_one: "np.ndarray") -> Interval:
    """The interval of a figure that is no mean, from its values with each conversation left out in turn.

    For figures that redrawing would move, such as distances of profiles: a redrawn text repeats itself. Source: Efron
    and Tibshirani, An Introduction to the Bootstrap (1993), chapter 11.
    """
    n = len(without_one)
    deviations = without_one - without_one.mean()
    reach = Z * math.sqrt((n - 1) / n * float((deviations**2).sum()))
    return Interval(value, value - reach, value + reach, n)


def mcnemar(ours_only: int, theirs_only: int) -> float:
    """Exact two-sided p: were both sides equally good, each discordant pair would favour either like a coin."""
    from scipy.stats import binomtest

    n = ours_only + theirs_only
    return float(binomtest(ours_only, n).pvalue) if n else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted for their number, in the order given: below 0.05, that one is safe among all (Holm 1979)."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def _redrawn(values: "np.ndarray", weights: "np.ndarray", bootstrap: Bootstrap) -> "np.ndarray":
    import numpy as np

    n = len(values)
    counts = np.random.default_rng(bootstrap.seed).multinomial(n, np.full(n, 1 / n), size=bootstrap.draws)
    drawn: np.ndarray = (counts @ values) / (counts @ weights)
    return drawn


def _interval(value: float, redrawn: "np.ndarray", n: int) -> Interval:
    import numpy as np

    low, high = np.quantile(redrawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high), n)
