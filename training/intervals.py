"""Figures with 95% intervals. The conversation is the unit that is drawn: its turns belong together."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95
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
    """A share of `n` conversations with Wilson's interval, which keeps its width where all or none succeed."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    value, scale = successes / n, 1 + z**2 / n
    middle = (value + z**2 / (2 * n)) / scale
    reach = z * (value * (1 - value) / n + z**2 / (4 * n**2)) ** 0.5 / scale
    return Interval(value, max(middle - reach, 0.0), min(middle + reach, 1.0), n)


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
