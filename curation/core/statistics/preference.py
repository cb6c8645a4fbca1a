"""Which of two sides people prefer, in pairs: wins less losses, as a share of what was judged, ties among it.

For two sides Bradley and Terry's strengths with ties (Davidson 1970) are equal exactly where this share is zero; the
share can be read without a model. What one person says of one pair is a vote.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from curation.core.statistics.intervals import LEVEL, Interval, Z, tango


@dataclass(frozen=True)
class Vote:
    """`value`: 1 for our side, -1 for the other, 0 for neither. `weight`: what the judge's word counts, 0 to 1."""

    unit: str  # what is drawn: votes on the same one belong together
    value: int
    weight: float = 1.0


@dataclass(frozen=True)
class Preferred:
    """`net`: wins less losses as a share of the units, weighed. The counts are of units, each by most of its weight."""

    net: Interval
    wins: int
    ties: int
    losses: int


def preferred(votes: Iterable[Vote], z: float = Z) -> Preferred | None:
    """None where no vote weighs anything. `z` is how many standard errors the interval reaches.

    A unit counts by its best judge, so that many judges of one do not stand for many units. The interval is the wider
    on each side of two: Tango's score interval for a difference of paired shares (1998), and Clopper and Pearson's of
    the wins among those that are no ties, which is the sign test turned round. The second keeps the error of calling a
    winner below 2.5% a side however few were judged, where the first alone lets 4 wins of 4 pass. Weighed units count
    as so many as a mean with these weights is worth: (sum of weights)^2 / sum of squares.
    """
    units: dict[str, list[Vote]] = {}
    for vote in votes:
        if vote.weight > 0:
            units.setdefault(vote.unit, []).append(vote)
    if not units:
        return None
    weights = [max(vote.weight for vote in said) for said in units.values()]
    sides = [_sides(said) for said in units.values()]
    total = sum(weights)
    size = total**2 / sum(weight**2 for weight in weights)
    wins, losses = (sum(w * side[n] for w, side in zip(weights, sides, strict=True)) / total for n in (0, 1))
    low, high = _ends(size * wins, size * losses, size, z)
    decided = [(win > loss) - (win < loss) for win, loss in sides]
    counts = (decided.count(side) for side in (1, 0, -1))
    return Preferred(Interval(wins - losses, low, high, len(units)), *counts)


def without_errors(net: Interval, judges: Interval) -> Interval:
    """What `net` would be were the judges never wrong. `judges`: their net on pairs whose better side is known.

    A judge who slips pulls the net towards zero, in the proportion that they lose where they should win all. The
    interval of the ratio is Donner and Zou's from those of the two (2012). Raises ValueError where the judges are not
    shown to be better than chance.
    """
    if judges.low <= 0:
        raise ValueError("the judges are not shown to do better than chance")

    def end(reach: Callable[[float, float], float], d: float, others: float) -> float:
        scale = others * (2 * judges.value - others)
        product = net.value * judges.value
        root = math.sqrt(max(0.0, product**2 - d * (2 * net.value - d) * scale))
        return reach(product, root) / scale

    below = end(lambda p, r: p - r, net.low, judges.high if net.value >= 0 else judges.low)
    above = end(lambda p, r: p + r, net.high, judges.low if net.value >= 0 else judges.high)
    value, low, high = (max(-1.0, min(1.0, found)) for found in (net.value / judges.value, below, above))
    return Interval(value, low, high, net.n)


def rectified(people: Sequence[float], model: Sequence[float], model_elsewhere: Sequence[float]) -> Interval:
    """The mean that people would give everywhere, from a model's values and theirs where both judged.

    `people` and `model` are of the same units, `model_elsewhere` of those that people did not judge. Prediction-powered
    inference (Angelopoulos et al. 2023) with its weight tuned (PPI++, Angelopoulos, Duchi and Zrnic 2023): a model that
    tells nothing of people's values gets weight 0 and changes nothing. Of Student's quantile, for `people` are few.
    Raises ValueError for fewer than two units on either side.
    """
    import numpy as np
    from scipy.stats import t

    y, f, g = (np.asarray(values, float) for values in (people, model, model_elsewhere))
    if min(len(y), len(g)) < 2:
        raise ValueError("two judged units are needed on either side")
    spread = float(np.var(np.concatenate([f, g]), ddof=1))
    tuned = float(np.cov(y, f)[0, 1]) / ((1 + len(y) / len(g)) * spread) if spread else 0.0
    weight = min(1.0, max(0.0, tuned))
    value = float(weight * g.mean() + (y - weight * f).mean())
    variance = weight**2 * g.var(ddof=1) / len(g) + (y - weight * f).var(ddof=1) / len(y)
    reach = float(t.ppf((1 + LEVEL) / 2, len(y) - 1)) * math.sqrt(variance)
    return Interval(value, max(-1.0, value - reach), min(1.0, value + reach), len(y) + len(g))


def _sides(said: list[Vote]) -> tuple[float, float]:
    """Shares of the weight for our side and for the other."""
    total = sum(vote.weight for vote in said)
    win, loss = (sum(vote.weight for vote in said if vote.value == side) / total for side in (1, -1))
    return win, loss


def _ends(wins: float, losses: float, n: float, z: float) -> tuple[float, float]:
    score = tango(wins, losses, n, z)
    sign = _signs(wins, losses, n, z)
    return min(score[0], sign[0]), max(score[1], sign[1])


def _signs(wins: float, losses: float, n: float, z: float) -> tuple[float, float]:
    from scipy.stats import beta

    decided, tail = wins + losses, 1 - NormalDist().cdf(z)
    low = float(beta.ppf(tail, wins, losses + 1)) if wins > 0 else 0.0
    high = float(beta.ppf(1 - tail, wins + 1, losses)) if losses > 0 else 1.0
    return (2 * low - 1) * decided / n, (2 * high - 1) * decided / n
