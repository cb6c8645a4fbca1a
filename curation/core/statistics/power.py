"""How many units a comparison takes, before it is made or after it showed nothing."""

import math
from statistics import NormalDist

from curation.core.statistics.intervals import Z

POWER = 0.8


def needed(sd: float, effect: float, margin: float = 0.0, power: float = POWER, z: float = Z) -> int | None:
    """Units in a pair of arms until the 95% interval of their difference lies above -margin, with this power.

    `sd` is the spread of a unit's differences, `effect` their true mean, more being better. None: with no number of
    units, the effect not lying above -margin. Of two arms of shares that differ in a share d of the units, sd is
    sqrt(d - effect²): with d = 0.13 and no effect a margin of 0.05 takes 409. Where nothing spreads see `seen`. `z` is
    how many standard errors the interval reaches, where it is not 95%.
    """
    if not effect + margin > 0:
        return None
    return max(1, math.ceil(((z + NormalDist().inv_cdf(power)) * sd / (effect + margin)) ** 2))


def seen(margin: float, effect: float = 0.0, z: float = Z) -> int | None:
    """Units until what is in none of them can no longer eat up a share of `margin` + `effect` (the rule of three).

    A margin of 0.05 takes 73: if an arm fails wholly in one of 20 units, 72 show no such unit in more than 2.5% of all
    draws. None: with no number of units.
    """
    if not effect + margin > 0:
        return None
    share = min(effect + margin, 1.0)
    return max(1, math.ceil(z * z * (1 - share) / share - 1e-9))
