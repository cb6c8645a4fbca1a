"""Estimates with 95% intervals: how much people agree, and how much the policy gets wrong, from samples of it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from math import sqrt

from curation.core.statistics.intervals import Z

DRAWS, SEED = 1_000, 7  # of the bootstrap

Share = tuple[float, float, float]  # with the ends of its 95% interval
Counted = tuple[int, int]  # how many, of how many


def alpha(choices: Iterable[tuple[str, str]]) -> Share | None:
    """Krippendorff's alpha for nominal data (2011) of (what was judged, choice): 1 is perfect agreement, 0 is chance.

    Its interval is of a bootstrap over conversations. None where fewer than two conversations have several answers, or
    everybody said the same everywhere.
    """
    import numpy as np

    said: dict[str, Counter[str]] = {}
    for unit, choice in choices:
        said.setdefault(unit, Counter())[choice] += 1
    known = sorted({choice for counts in said.values() for choice in counts})
    several = [counts for counts in said.values() if counts.total() > 1]
    units = np.array([[counts[choice] for choice in known] for counts in several], float).reshape(
        -1, max(len(known), 1)
    )
    if len(units) < 2:
        return None
    size = units.sum(axis=1)
    observed = (size**2 - (units**2).sum(axis=1)) / (size - 1)
    draws = np.random.default_rng(SEED).multinomial(len(units), np.full(len(units), 1 / len(units)), DRAWS)
    times = np.vstack([np.ones(len(units)), draws])  # the first is the data itself
    totals = times @ units
    n = totals.sum(axis=1)
    expected = (n**2 - (totals**2).sum(axis=1)) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - (times @ observed) / expected
    if not np.isfinite(found[0]):
        return None
    low, high = np.nanquantile(found[1:], [0.025, 0.975])
    return round(float(found[0]), 4), round(float(low), 4), round(float(high), 4)


def false_rate(
    decided: int, changed: int, population: int, sensitivity: Counted | None = None, specificity: Counted | None = None
) -> Share:
    """The share of a `population` that people would change, from the `changed` of `decided` sampled rows.

    Without more, people are taken to be right, and the interval is exact for a sample without replacement, as Clopper
    and Pearson's is for one with. `sensitivity` (right, asked) of their answers where a change was due, and
    `specificity` where it was not, correct the share (Rogan and Gladen 1978); the interval is then Lang and
    Reiczigel's (2014), in which the part that comes from sampling, and only that, shrinks towards the whole population.
    """
    if sensitivity and specificity:
        return _corrected(decided, changed, population, sensitivity, specificity)
    least, most = _hypergeometric(decided, changed, population)
    low, high = least / population, most / population
    share = min(max(changed / decided, low), high)  # a nearly whole sample may lie between two possible shares
    return round(share, 4), round(low, 4), round(high, 4)


def _hypergeometric(decided: int, changed: int, population: int) -> tuple[int, int]:
    """The smallest and the largest number in the population under which the sample is not too odd, at 2.5% each."""
    from scipy.stats import hypergeom

    possible = range(changed, population - decided + changed + 1)
    low = bisect_left(possible, True, key=lambda k: hypergeom.sf(changed - 1, population, k, decided) >= 0.025)
    over = bisect_left(possible, True, key=lambda k: hypergeom.cdf(changed, population, k, decided) < 0.025)
    return possible[low], possible[over - 1]


def _corrected(decided: int, changed: int, population: int, sensitivity: Counted, specificity: Counted) -> Share:
    """The estimate is of the shares as they are; the interval, as its source has it, of shares drawn towards a half."""
    told = sensitivity[0] / sensitivity[1] + specificity[0] / specificity[1] - 1
    (se, n_se), (sp, n_sp) = (((right + 1) / (asked + 2), asked) for right, asked in (sensitivity, specificity))
    apart = se + sp - 1
    if min(told, apart) <= 0:  # people answer as if by chance: nothing follows from what they say
        return round(changed / decided, 4), 0.0, 1.0
    seen = (changed + Z * Z / 2) / (decided + Z * Z)
    middle = min(1.0, max(0.0, (seen + sp - 1) / apart))
    unseen = (population - decided) / max(population - 1, 1)
    of_people = middle * se * (1 - se) + (1 - middle) * sp * (1 - sp)
    of_sample = apart**2 * middle * (1 - middle) * unseen
    error_se, error_sp = middle**2 * se * (1 - se) / n_se, (1 - middle) ** 2 * sp * (1 - sp) / n_sp
    half = Z * sqrt((of_people + of_sample) / (decided + Z * Z) + error_se + error_sp) / apart
    shift = 2 * Z * Z * (middle * se * (1 - se) / n_se - (1 - middle) * sp * (1 - sp) / n_sp)
    low, high = (min(1.0, max(0.0, middle + shift + end)) for end in (-half, half))
    share = (changed / decided + specificity[0] / specificity[1] - 1) / told
    return round(min(max(share, low), high), 4), round(low, 4), round(high, 4)
