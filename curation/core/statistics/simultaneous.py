"""Many paired differences looked at together: intervals that hold for all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.core.statistics.intervals import Bootstrap, Interval, Z

if TYPE_CHECKING:
    import numpy as np

# Units with the usual spread that every part is given beside its own, so that a few alike units are not taken for sure.
BORROWED = 4
TAIL = 10  # draws beyond an end that tell where it lies; where fewer would, Bonferroni does


@dataclass(frozen=True)
class Part:
    """(values, weights) of two sides over the same conversations, in the same order."""

    ours: tuple["np.ndarray", "np.ndarray"]
    theirs: tuple["np.ndarray", "np.ndarray"]
    units: Sequence[str]  # what is drawn as a whole: the group that each conversation belongs to
    kind: str  # parts of a kind are on one scale, and borrow their spread from one another
    less: "Part | None" = None  # other conversations, whose difference is taken off: how far the part lies apart


def simultaneous_differences(parts: Sequence[Part], bootstrap: Bootstrap, z: float = Z) -> list[Interval]:
    """Ratio of `ours` minus ratio of `theirs`, part by part: all intervals hold together, 95 times in 100.

    How far the furthest of so many figures strays by chance is drawn with normal multipliers of the units, which keep
    what parts share (Chernozhukov, Chetverikov and Kato 2013). A part's spread is drawn towards the usual one of its
    kind, and its tails are those of Student's t with as many degrees of freedom as stand behind it (the moderated t of
    Smyth 2004): ten units that happen to be alike prove nothing. What is no number keeps an interval of no numbers.
    `z`: how many standard errors one interval of the level that is wanted reaches, where it is not 95%.
    """
    import numpy as np
    from scipy.stats import norm, t

    if not parts:
        return []
    every = [*parts, *(part.less for part in parts if part.less)]
    places = {unit: place for place, unit in enumerate(sorted({unit for part in every for unit in part.units}))}
    found = [_spread(part, places) for part in parts]
    usual = {kind: _usual([f for f, p in zip(found, parts, strict=True) if p.kind == kind]) for kind in _kinds(parts)}
    reach = float(norm.sf(_furthest(found, bootstrap, z)))
    intervals = []
    for part, one in zip(parts, found, strict=True):
        free = one.units - 1 + BORROWED
        variance = ((one.units - 1) * one.variance + BORROWED * usual[part.kind]) / free
        half = float(t.isf(reach, free)) * np.sqrt(variance * one.units) / len(part.units)
        intervals.append(Interval(one.value, one.value - half, one.value + half, len(part.units)))
    return intervals


@dataclass(frozen=True)
class _Spread:
    value: float
    influence: "np.ndarray"  # by unit, on the scale of a conversation
    units: int
    variance: float


def _spread(part: Part, places: dict[str, int]) -> _Spread:
    """The difference, and how far each unit moves it (the first order of the ratio's expansion)."""
    import numpy as np

    n, value, moved = len(part.units), 0.0, np.zeros(len(part.units))
    for sign, (values, weights) in ((1, part.ours), (-1, part.theirs)):
        ratio = values.sum() / weights.sum()
        value += sign * ratio
        moved += sign * n * (values - ratio * weights) / weights.sum()
    influence = np.zeros(len(places))
    np.add.at(influence, [places[unit] for unit in part.units], moved)
    if part.less:
        other = _spread(part.less, places)
        value -= other.value
        influence -= other.influence * (n / len(part.less.units))
    units = len(set(part.units))
    variance = float((influence**2).sum()) / max(units - 1, 1)
    return _Spread(float(value), influence, units, variance)


def _kinds(parts: Sequence[Part]) -> list[str]:
    return sorted({part.kind for part in parts})


def _usual(found: Sequence[_Spread]) -> float:
    """The spread of all parts of a kind together; those that are no numbers say nothing of the others."""
    import numpy as np

    known = [one for one in found if np.isfinite(one.variance)]
    free = sum(one.units - 1 for one in known)
    return sum((one.units - 1) * one.variance for one in known) / free if free else 0.0


def _furthest(found: Sequence[_Spread], bootstrap: Bootstrap, z: float) -> float:
    """How many standard errors the furthest of the figures strays, as seldom as a single one strays `z`."""
    import numpy as np
    from scipy.stats import norm

    spread = [one for one in found if np.isfinite(one.variance) and one.variance > 0]
    error = 2 * float(norm.sf(z))
    if not spread:
        return z
    if error * bootstrap.draws < TAIL:
        return float(norm.isf(error / 2 / len(spread)))
    moved = np.stack([one.influence / np.sqrt((one.influence**2).sum()) for one in spread], axis=1)
    draws = np.random.default_rng(bootstrap.seed).standard_normal((bootstrap.draws, len(moved)))
    return float(np.quantile(np.abs(draws @ moved).max(axis=1), 1 - error))
