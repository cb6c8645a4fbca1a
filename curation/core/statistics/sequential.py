"""What may be asked more than once: which arm is out, while answers come in; and one test set again and again."""

import math
from collections.abc import Iterable
from statistics import NormalDist

from curation.core.statistics.intervals import LEVEL, Side, paired_difference

LEAST = 10  # units before the first look: the intervals hold from there on


def shared(look: int) -> float:
    """The error that is left for this look, from 1, of the 1 - LEVEL that a single one would have.

    Look k has 1 / (k (k + 1)) of it, which adds up to one however many follow (alpha spending; Foster and Stine 2008
    for streams of hypotheses).
    """
    return (1 - LEVEL) / (look * (look + 1))


def reach_of(look: int) -> float:
    """Standard errors that an interval must reach to err as seldom as that."""
    return NormalDist().inv_cdf(1 - shared(look) / 2)


def reach(n: int, planned: int) -> float:
    """Standard errors that an interval over n units must reach to hold at every n at once, narrowest near `planned`.

    In place of the 1.96 of one look it is about 3. Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    Time-uniform central limit theory and asymptotic confidence sequences (2024), theorem 2.2 and section B.2.
    """
    alpha = 1 - LEVEL
    widest = -2 * math.log(alpha)
    grown = n * (widest + math.log(widest + 1)) / planned + 1
    return math.sqrt(2 * grown / (grown - 1) * math.log(math.sqrt(grown) / alpha))


def out(ours: Side, theirs: Side, planned: int) -> bool:
    """Whether our side is shown to be worse, more being better. At most 2.5% of equals are ever out, at any look."""
    n = len(ours[0])
    return n >= LEAST and paired_difference(ours, theirs, reach(n, planned)).high < 0


def stopped(ours: Side, theirs: Side, planned: int, looks: Iterable[int]) -> int | None:
    """At the first of how many units our side is out; None: at no look."""
    parts = ((n, [(side[0][:n], side[1][:n]) for side in (ours, theirs)]) for n in looks)
    return next((n for n, (mine, other) in parts if out(mine, other, planned)), None)
