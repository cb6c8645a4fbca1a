"""Ratios of sums with bootstrap intervals. The conversation is the unit that is drawn: its turns belong together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95


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
