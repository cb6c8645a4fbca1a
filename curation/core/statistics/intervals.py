"""Figures with 95% intervals. What is drawn is a unit, such as all that one customer wrote."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
BORROWED = 10  # units that differ, of the weights that all have: so many of their own tell more than these
FEW = (
    30  # units; below, nothing good is shown: what happens in every tenth may not have been seen (rule of three, 3 / n)
)


@dataclass(frozen=True)
class Bootstrap:
    """How often to redraw, and from which seed. The same seed redraws the same conversations for every arm."""

    draws: int
    seed: int


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval over `n` units."""

    value: float
    low: float
    high: float
    n: int


def ratio(values: "np.ndarray", weights: "np.ndarray", bootstrap: Bootstrap) -> Interval:
    """Sum of values over sum of weights, each array one number a unit."""
    return _interval(values.sum() / weights.sum(), _redrawn(values, weights, bootstrap), len(values))


Side = tuple["np.ndarray", "np.ndarray"]  # values and weights, one number a unit


def paired_difference(ours: Side, theirs: Side, z: float = Z) -> Interval:
    """Ratio of `ours` minus ratio of `theirs`, of the same units in the same order.

    Of shares, values of 0 and 1 under weights of 1, the interval is Tango's (1998). Other differences d count in it
    as sum |d| / c of n units that differ by one size, c = sum d² / sum |d|, which keeps their mean and their spread: so
    Fay and Feuer (1997) count weighted events. Units of unequal weight may have shown too few large ones for that; then
    `_size` leans on the weights of all. What they add to a ratio though they do not differ does not count in c, or a
    few lost ones would look like many small losses. Where few large ones make them skew, or few weigh as much as all
    others, `skewed` widens it. It never has width zero: where no unit differs, one more may by 1, or by the largest
    figure there is, and weigh what units do. `z` is how many standard errors it reaches.
    """
    import numpy as np

    (v, w), (v_, w_) = ours, theirs
    n, ratios = len(v), (v.sum() / w.sum(), v_.sum() / w_.sum())
    value = float(ratios[0] - ratios[1])
    # Each unit's part in the difference of the ratios (Taylor); where all weights are equal, its own difference.
    parts = value + n * ((v - ratios[0] * w) / w.sum() - (v_ - ratios[1] * w_) / w_.sum())
    if not np.isfinite(parts).all():
        return Interval(value, math.nan, math.nan, n)
    largest = max(1.0, _largest(v, w), _largest(v_, w_))
    whole = largest * max(w.max() / w.mean(), w_.max() / w_.mean())
    parts[np.abs(parts) < 1e-12 * whole] = 0.0  # what division leaves of equal numbers
    own = v / w.mean() - v_ / w_.mean()
    own[np.abs(own) < 1e-12 * whole] = 0.0
    weights = (w / w.mean() + w_ / w_.mean()) / 2
    size = _size(parts, own, weights) if own.any() else largest * max(_uneven(w), _uneven(w_))
    more, less = (float(np.clip(sign * parts, 0, None).sum()) / size for sign in (1, -1))
    low, high = (size * end for end in tango(more, less, n, z))
    least, most = skewed(parts, z, weights)
    return Interval(value, min(low, least, value), max(high, most, value), n)


def _largest(values: "np.ndarray", weights: "np.ndarray") -> float:
    """The largest figure of a unit; 0 where none has weight."""
    told = weights > 0
    return float((abs(values[told]) / weights[told]).max(initial=0.0))


def _uneven(weights: "np.ndarray") -> float:
    """By how much the c of `paired_difference` exceeds 1 where all units differ by 1: sum w² / (sum w x mean w)."""
    return float((weights**2).sum() / weights.sum() / weights.mean())


def _size(parts: "np.ndarray", own: "np.ndarray", weights: "np.ndarray") -> float:
    """The c of `paired_difference`: what a unit that differs moves the figure by, by its parts and own differences.

    What few of them weigh is luck: ten small customers who fail do not show that no large one does. So to k units that
    differ `BORROWED` are added that differ by as much for their weight, and weigh what all do. It is never below what
    was seen, and of equal weights the same.
    """
    import numpy as np

    differ = (own != 0.0) & (weights > 0)
    if not differ.any():
        differ = own != 0.0
        weights = np.ones(len(weights))
    moved, rates = np.abs(parts[differ]), np.abs(own[differ]) / weights[differ]
    seen = float((moved**2).sum() / moved.sum())
    usual = float((rates**2).sum() / rates.sum() * (weights**2).mean())
    return max(seen, (len(moved) * seen + BORROWED * usual) / (len(moved) + BORROWED))


def tango(more: float, less: float, n: float, z: float = Z) -> tuple[float, float]:
    """The ends of the score interval of (more - less) / n: in how many of n pairs only the first succeeds, or only the
    second (Tango 1998, Statistics in Medicine 17). The counts may be fractions; together they are n at most.
    """

    def score(difference: float) -> float:
        linear = -more - less + (2 * n - more + less) * difference
        constant = -less * difference * (1 - difference)
        only_second = (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
        variance = n * (2 * only_second + difference * (1 - difference))
        return (more - less - n * difference) / math.sqrt(max(variance, 1e-300))

    value = (more - less) / n
    return _crossing(score, z, -1.0, value), _crossing(score, -z, value, 1.0)


def _crossing(score: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Where a falling score passes the level, by halving; the end where it never does."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > level else (low, middle)
    return (low + high) / 2


def skewed(values: "np.ndarray", z: float = Z, weights: "np.ndarray | None" = None) -> tuple[float, float]:
    """The ends of the interval of a mean by Student's t, moved for skewness (Johnson 1978).

    Where rare losses are large, the lower end lies further away. The mean itself where nothing spreads. Where units
    have `weights`, a few may stand for all: `_leaning` says how much wider it is then, and how skew the figure is, the
    heavy ones alone would tell badly; where `_own_skew` of all units says more, that counts.
    """
    import numpy as np

    n, mean, spread = len(values), float(values.mean()), float(values.std())
    if n < 2 or spread <= 1e-12 * float(np.abs(values).max()):
        return mean, mean
    skew = float(((values - mean) ** 3).mean()) / spread**3
    reach, wider = spread / math.sqrt(n - 1), 1.0 if weights is None else _leaning(values - mean, weights, z)
    moved = skew / math.sqrt(n)
    own = moved if weights is None else _own_skew(values - mean, weights)
    below, above = _johnson(max(-moved, -own), z, wider), _johnson(max(moved, own), z, wider)
    return mean - reach * below, mean + reach * above


def _johnson(skew: float, z: float, wider: float) -> float:
    """How many standard errors an end lies away; `skew`, of the mean itself, is positive where it moves away.

    Where it moves nearer it would from some z on come nearer the surer it is to be; it stays at the furthest.
    """
    if skew < 0:
        z = min(z, 1.5 * wider / -skew)
    return wider * z + skew * (1 + 2 * z * z) / 6


def _own_skew(deviations: "np.ndarray", weights: "np.ndarray") -> float:
    """The skewness of a weighted mean if the units' own figures are skew as these are, whatever the units weigh.

    That of a sum is the sum of the third moments: of equal weights, the figures' own over the square root of n.
    """
    told = weights > 1e-9 * weights.sum()
    own, h = deviations[told] / weights[told], weights[told] / weights[told].sum()
    own = own - own.mean()
    spread = float(own.std())
    if spread <= 0:
        return 0.0
    return float((own**3).mean()) / spread**3 * float((h**3).sum()) / math.sqrt(float((h**2).sum())) ** 3


def _leaning(deviations: "np.ndarray", weights: "np.ndarray", z: float) -> float:
    """By how much an interval widens as its units weigh unequally; 1 where they weigh alike.

    A heavy unit pulls the figure to itself, so its deviation is too small, and few heavy ones tell the spread badly.
    Source: Bell and McCaffrey (2002), the variance CR2 and the degrees of freedom by Satterthwaite, as if each unit
    were of one piece; both against what they are for equal weights.
    """
    import numpy as np
    from scipy.stats import norm, t

    n, h = len(weights), weights / weights.sum()
    if n < 3 or h.max() >= 1 or np.ptp(h) <= 1e-12:
        return 1.0
    wider = math.sqrt(float((deviations**2 / (1 - h)).sum() / (deviations**2).sum()) * (1 - 1 / n))
    a, s = h * h / (1 - h), float((h * h).sum())
    trace = float((a * (1 - 2 * h + s)).sum())
    zeroth, first, second = (float((a * h**power).sum()) for power in range(3))
    whole = s * s * zeroth**2 - 4 * s * zeroth * first + 2 * zeroth * second + 2 * first**2
    whole += float((a * a * (1 + 2 * (s - 2 * h))).sum())
    error = norm.sf(z)
    return wider * float(t.isf(error, min(trace * trace / whole, n - 1)) / t.isf(error, n - 1))


def unseen(n: float, z: float = Z) -> float:
    """The largest share of what happens and yet is not seen once in n, at 2.5%: a rule of three, as Wilson has it.

    `z` is how many standard errors an interval reaches, where that is not 95%.
    """
    return z * z / (n + z * z)


def share(successes: float, n: int, effective: float | None = None, z: float = Z) -> Interval:
    """A share of `n` with Wilson's interval (1927), which keeps its width where all or none succeed.

    `effective`: how many independent draws the n are worth, fewer where several belong together, see `effective`; `z`:
    how many standard errors the interval reaches.
    """
    value, worth = successes / n, effective or n
    middle, shrunk = (value + z * z / (2 * worth)) / (1 + z * z / worth), z / (1 + z * z / worth)
    half = shrunk * math.sqrt(value * (1 - value) / worth + z * z / (4 * worth * worth))
    return Interval(value, max(middle - half, 0.0), min(middle + half, 1.0), n)


def effective(successes: "np.ndarray", sizes: "np.ndarray") -> float:
    """How many independent draws a share is worth whose draws come in groups: (successes, size) of each.

    As Kish (1965) has it, n by the design effect, which is how much groups add to the variance; at most n. Where all
    draws are alike there is nothing to see it by, and the groups count. Few failures tell little of how large the
    groups are that fail: so it is taken from the sizes of all, too, and from how often two draws of one group both fail
    (`_alike`), and the smaller figure counts.
    """
    n, groups = float(sizes.sum()), len(sizes)
    if groups == n:
        return n
    value = float(successes.sum()) / n
    by_sizes = n / (1 + _alike(successes, sizes) * (float((sizes**2).sum()) / n - 1))
    spread = float(((successes - value * sizes) ** 2).sum()) * groups / max(groups - 1, 1)
    seen = n * n * value * (1 - value) / spread if spread > 1e-12 else float(groups)
    return min(n, seen, by_sizes)


def _alike(successes: "np.ndarray", sizes: "np.ndarray") -> float:
    """How alike the draws of a group are, 0 to 1, by pairs of which one fails; one pair that both fail is added."""
    failed = sizes - successes
    both = (float((failed * (failed - 1)).sum()) + 1) / (float((failed * (sizes - 1)).sum()) + 1)
    share = float(failed.sum() / sizes.sum())
    return max(both - share, 0.0) / (1 - share) if share < 1 else 1.0


def wilson(confirmed: int, decided: int) -> tuple[float, float]:
    """The ends of that interval to four digits; all of 0 to 1 when nothing was decided."""
    if not decided:
        return 0.0, 1.0
    found = share(confirmed, decided)
    return round(found.low, 4), round(found.high, 4)


def jackknife(value: float, without_one: "np.ndarray", z: float = Z) -> Interval:
    """The interval of a figure that is no mean, from its values with each conversation left out in turn.

    For figures that redrawing would move, such as distances of profiles: a redrawn text repeats itself. Source: Efron
    and Tibshirani, An Introduction to the Bootstrap (1993), chapter 11.
    """
    n = len(without_one)
    deviations = without_one - without_one.mean()
    reach = z * math.sqrt((n - 1) / n * float((deviations**2).sum()))
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
