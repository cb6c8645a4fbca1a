"""Logistic regression of few features, as scikit-learn's gives it, whose import takes a second."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

STEPS = 100  # of Newton's method, which takes ten
HALVINGS = 20
FLAT = 1e-8  # gradient, for a row, at which it ends

Given = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer]


def logistic(
    features: Given, truth: Indices, *, penalty: float = 1.0, intercept: bool = True, balanced: bool = False
) -> Callable[[Given], Floats]:
    """From features (n, d) to the logarithm of each class's odds (n, classes), learned where the `truth` is known.

    Classes are 0, 1, ...; of two the first one has 0 throughout. `penalty` is on half the squares of all slopes (1 / C
    of scikit-learn). With `balanced` ones all classes weigh the same.
    """
    counts = np.bincount(truth)
    classes, rows = len(counts), len(truth)
    weights = (rows / (classes * counts))[truth] if balanced else np.ones(rows)
    inputs = np.asarray(_with_ones(features) if intercept else features, np.float64)
    free = np.arange(classes) if classes > 2 else np.array([1])
    is_truth = truth[:, None] == np.arange(classes)
    penalties = np.full(inputs.shape[1], float(penalty))
    penalties[features.shape[1] :] = 0

    def odds(slopes: Floats, given: Given) -> Floats:
        found = np.zeros((len(given), classes))
        found[:, free] = given @ slopes.T
        return found

    def loss(slopes: Floats) -> float:
        own = odds(slopes, inputs)
        total = np.logaddexp.reduce(own, axis=1)
        return float(weights @ (total - own[is_truth]) + (penalties * slopes**2).sum() / 2)

    slopes = np.zeros((len(free), inputs.shape[1]))
    before = loss(slopes)
    for _ in range(STEPS):
        chances = probabilities(odds(slopes, inputs))[:, free]
        slope = (weights[:, None] * (chances - is_truth[:, free])).T @ inputs + penalties * slopes
        if np.abs(slope).max() <= FLAT * rows:
            break
        step = _newton(inputs, weights, chances, penalties, slope)
        for _ in range(HALVINGS):
            if (now := loss(slopes - step)) <= before:
                break
            step /= 2
        slopes -= step
        before = now
    return lambda given: odds(slopes, _with_ones(given) if intercept else given)


def probabilities(odds: Floats) -> Floats:
    """Of each class, from the logarithms of their odds (n, classes)."""
    shifted = np.exp(odds - odds.max(axis=1, keepdims=True))
    found: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return found


def _newton(inputs: Floats, weights: Floats, chances: Floats, penalties: Floats, slope: Floats) -> Floats:
    """The step to the minimum of what the second derivatives tell; intercepts of all classes have a sum of 0."""
    free, width = slope.shape
    curvature = np.empty((free, width, free, width))
    for one in range(free):
        for other in range(free):
            bend = weights * chances[:, one] * ((one == other) - chances[:, other])
            curvature[one, :, other] = (inputs * bend[:, None]).T @ inputs
        curvature[one, :, one] += np.diag(penalties)
    square = curvature.reshape(free * width, free * width)
    step = np.asarray(np.linalg.lstsq(square, slope.ravel(), rcond=None)[0], np.float64)
    return step.reshape(free, width)


def _with_ones(features: Given) -> Given:
    return np.column_stack([features, np.ones(len(features))])
