"""Which labels are wrong, and how many: a model of how people confuse labels, fitted to what other models say."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curation.checks.models.words import Indices

KEPT = 20  # likeliest labels of a row that count
ROUNDS = 10
SETTLED = 3e-4  # change of the share of wrong labels from which on rounds change nothing
COLDEST, WARMEST = 0.02, 50.0  # temperatures that are tried
SMOOTHING = 1.0  # confusions that each label is taken to have had beforehand, spread over all others
TAKEN = 0.6  # of the errors that the models expect of themselves: as many may be taken for wrong labels
HIDDEN = 1 / 3  # of the same: as many wrong labels may pass for hard rows
SURE = 1.96  # standard errors on either side of a 95% interval
LEAST_CHANCE = 1e-30
LEAST_SHARE = 1e-4

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mislabelled:
    """What is said of n rows with labels."""

    wrong: Floats  # (n,): probability that the given label is wrong
    likelier: Indices  # (n,): the likeliest label but the given one
    share: float  # of wrong labels
    low: float  # of the interval in which the share lies
    high: float


class _Shortlist(NamedTuple):
    """The KEPT likeliest labels of each row, the given one among them; and the confusions that they make possible."""

    labels: Indices  # (n, kept)
    logarithms: Floats  # (n, kept)
    given: npt.NDArray[np.bool_]  # (n, kept)
    confusion: Indices  # of each place that is not given: which confusion (label, given one) it would be
    confused: Indices  # of each confusion: the label
    total: int  # labels


def mislabelled(logarithms: Matrix, given: Indices) -> Mislabelled:
    """From log-probabilities (n, labels) by models that did not see the row.

    Each row has a true label, which the models know up to a temperature (Guo et al. 2017); a share of the given labels
    was drawn from those that are confused with the true one. Share, temperature and confusions are those under which
    the given labels are likeliest (expectation maximization, as Dawid and Skene 1979 with one annotator and the models
    as a prior). It begins with every disagreement as a wrong label, as the confident joint of Northcutt et al. 2021
    nearly ends: from fewer, labels that are always confused with the same one would pass for hard rows. From there hard
    rows warm the temperature, which says nothing of labels that people confuse.

    The interval holds what chance does (95%) and what the models cannot know: of the errors that they expect of
    themselves, TAKEN may be no wrong labels and HIDDEN be some more (docs/benchmarks.md: measured with planted errors).
    """
    from scipy.optimize import minimize_scalar

    known = _shortlist(logarithms, given)
    share, confused = _disagreements(known)
    heat, wrong = 0.0, np.zeros(len(given))
    reach = (np.log(COLDEST), np.log(WARMEST))
    for _ in range(ROUNDS):

        def surprise(heat: float, share: float = share, confused: Floats = confused) -> float:
            right, mistaken = _chances(known, heat, share, confused)
            return -float(np.log(right + mistaken.sum(axis=1) + LEAST_CHANCE).mean())

        heat = minimize_scalar(surprise, bounds=reach, method="bounded", options={"xatol": 0.02}).x
        reach = (heat - 0.5, heat + 0.5)
        right, mistaken = _chances(known, heat, share, confused)
        mistaken /= (right + mistaken.sum(axis=1) + LEAST_CHANCE)[:, None]
        wrong, before = mistaken.sum(axis=1), share
        share, confused = float(np.clip(wrong.mean(), LEAST_SHARE, 0.9)), _confusions(known, mistaken)
        if abs(share - before) < SETTLED:
            break
    chances = _softened(known, heat)
    expected = float(1 - chances.max(axis=1).mean())  # errors of the models
    variance = (wrong * (1 - wrong)).mean() + share * (1 - share)
    chance = SURE * float(np.sqrt(variance / len(given)))
    low, high = share - chance - TAKEN * expected, share + chance + HIDDEN * expected
    others = np.where(known.given, -1.0, chances).argmax(axis=1)
    likelier = known.labels[np.arange(len(given)), others]
    return Mislabelled(wrong, likelier, share, max(0.0, low), min(1.0, high))


def _shortlist(logarithms: Matrix, given: Indices) -> _Shortlist:
    rows, labels = logarithms.shape
    kept, each = min(KEPT, labels), np.arange(rows)
    top = np.argpartition(-logarithms, kept - 1, axis=1)[:, :kept]
    told = np.take_along_axis(logarithms, top, axis=1)
    without = ~(top == given[:, None]).any(axis=1)
    last = told.argmin(axis=1)[without]
    top[without, last] = given[without]
    told[without, last] = logarithms[each, given][without]
    is_given = top == given[:, None]
    pairs, confusion = np.unique((top * labels + given[:, None])[~is_given], return_inverse=True)
    return _Shortlist(top, told.astype(np.float64), is_given, confusion, pairs // labels, labels)


def _disagreements(known: _Shortlist) -> tuple[float, Floats]:
    """The share of rows of which the models say another label, and the confusions that these would be."""
    first = known.logarithms == known.logarithms.max(axis=1, keepdims=True)
    apart = ~(first & known.given).any(axis=1)
    mistaken = np.where(first & apart[:, None], 1.0, 0.0)
    return max(float(apart.mean()), LEAST_SHARE), _confusions(known, mistaken)


def _softened(known: _Shortlist, heat: float) -> Floats:
    """Probabilities of the labels at a temperature of exp(heat)."""
    from scipy.special import softmax

    chances: Floats = softmax(known.logarithms / np.exp(heat), axis=1)
    return chances


def _chances(known: _Shortlist, heat: float, share: float, confused: Floats) -> tuple[Floats, Floats]:
    """(n,): that the label is the true one and given; (n, kept): that another is true and was taken for the given."""
    chances = _softened(known, heat)
    return chances[known.given] * (1 - share), share * chances * confused


def _confusions(known: _Shortlist, mistaken: Floats) -> Floats:
    """(n, kept): how often a label, when it is mistaken at all, is taken for the one that is given in the row."""
    seen = np.bincount(known.confusion, mistaken[~known.given], len(known.confused))
    of_label = np.bincount(known.confused, seen, known.total)
    beforehand = SMOOTHING / max(known.total - 1, 1)
    found = np.zeros(mistaken.shape)
    found[~known.given] = ((seen + beforehand) / (of_label[known.confused] + SMOOTHING))[known.confusion]
    return found
