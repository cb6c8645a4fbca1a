"""Which label each row would have by itself: models learned from the set, none of which saw the row that it judges."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.checks.models.words import Indices

MOST = 200_000_000  # numbers that a model holds at a time (0.8 GB)
FOLDS = 5
ROUNDING = 1e-6  # of sums of 32-bit numbers; keeps the covariance of rows that are all the same invertible
LEAST_LOGARITHM = -700  # exp() of less is zero
UNSEEN = 0.1  # how much of a gram each label is taken to have said beforehand (Lidstone's smoothing)
LEAST = 200  # rows of a language from which it has weights of its own for what models say
SAMPLED = 4_000  # rows of a language that its weights are found from

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Folds = list[Indices]


def folds(given: Indices, seed: int) -> Folds:
    """Places of the rows in each of FOLDS parts, which have the labels in equal shares."""
    from sklearn.model_selection import StratifiedKFold

    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(given, given)
    return [test for _, test in parts]


# -- what the vectors say ----------------------------------------------------------------------------------------------


def by_vectors(vectors: Matrix, given: Indices, parts: Folds) -> Matrix:
    """Log-probabilities of each label (n, labels) from a linear discriminant.

    It is closed form, so cheap; it ranks label errors as logistic regression does at a thirtieth of its time
    (docs/log.md). What it needs of the rows are sums, so those of a fold are taken from those of all.
    """
    from scipy.special import log_softmax

    found = np.empty((len(vectors), int(given.max()) + 1), np.float32)
    products = [own.T @ own for own in (vectors[test] for test in parts)]
    length = np.einsum("ij,ij->i", vectors, vectors)
    for test, product in zip(parts, products, strict=True):
        seen = np.ones(len(vectors), np.float32)
        seen[test] = 0
        slopes, offsets = _discriminant(vectors, length, given, seen, sum(products) - product)
        found[test] = log_softmax(vectors[test] @ slopes + offsets, axis=1)
    return np.maximum(found, LEAST_LOGARITHM)


def _discriminant(
    vectors: Matrix, length: Matrix, given: Indices, seen: Matrix, products: Matrix
) -> tuple[Matrix, Matrix]:
    """Slopes (dimensions, labels) and offsets of Gaussians with one covariance, from the rows whose `seen` is 1.

    `length`: squared, of the vectors; `products`: sum of the outer products of the rows that are seen.
    """
    from scipy.linalg import solve
    from scipy.sparse import csr_matrix

    members = csr_matrix((seen, (given, np.arange(len(given)))))
    counts = np.bincount(given, weights=seen).astype(np.float32)
    means: Matrix = members @ vectors / counts[:, None]
    spread = (products - (means.T * counts) @ means).astype(np.float64) / seen.sum()
    here = np.arange(len(given)), given
    distances = length - 2 * (vectors @ means.T)[here] + np.einsum("kd,kd->k", means, means)[given]
    slopes = solve(shrunken(spread, distances[seen > 0]), means.T, assume_a="pos")
    offsets = np.log(counts / seen.sum()) - 0.5 * np.einsum("kd,dk->k", means, slopes)
    return slopes.astype(np.float32), offsets.astype(np.float32)


def shrunken(covariance: Floats, distances: Matrix) -> Floats:
    """The covariance drawn towards a sphere as far as its uncertainty asks for (Ledoit and Wolf 2004).

    As sklearn.covariance.ledoit_wolf, without passing over the rows three times: `distances` are their squared
    distances to their means.
    """
    size, rows = len(covariance), len(distances)
    sphere = np.eye(size) * covariance.trace() / size
    away = ((covariance - sphere) ** 2).sum()
    uncertain = ((distances.astype(np.float64) ** 2).mean() - (covariance**2).sum()) / rows
    share = np.clip(uncertain / max(away, ROUNDING**2), 0, 1)
    drawn: Floats = (1 - share) * covariance + share * sphere + ROUNDING * np.eye(size)
    return drawn


# -- what the words say ------------------------------------------------------------------------------------------------


def by_words(grams: Any, given: Indices, parts: Folds) -> Matrix:
    """Log-probabilities of each label (n, labels) from naive Bayes over weighted grams (Rennie et al. 2003).

    Where there are more labels times grams than MOST, only the grams in most rows count.
    """
    from scipy.sparse import csr_matrix
    from scipy.special import log_softmax

    labels = int(given.max()) + 1
    if grams.shape[1] > (most := MOST // labels):
        grams = grams[:, np.sort(np.argsort(-grams.getnnz(axis=0), kind="stable")[:most])]
    members = csr_matrix((np.ones(len(given), np.float32), (given, np.arange(len(given)))))
    found = np.empty((len(given), labels), np.float32)
    said, counts = np.asarray((members @ grams).todense()), np.bincount(given)
    for test in parts:
        own = np.asarray((members[:, test] @ grams[test]).todense())
        told = np.maximum(said - own, 0) + np.float32(UNSEEN)
        told = np.log(told / told.sum(axis=1, keepdims=True)).T
        before = np.log((counts - np.bincount(given[test], minlength=labels)) / (len(given) - len(test)))
        found[test] = log_softmax(grams[test] @ told + before.astype(np.float32), axis=1)
    return found


# -- both together -----------------------------------------------------------------------------------------------------


def pooled(views: Sequence[Matrix], given: Indices, languages: Indices, seed: int) -> Matrix:
    """Log-probabilities of the models together, each weighed in each language so that given labels are likeliest.

    Logarithms are summed with weights that the set itself decides on by cross-validated log loss (a logarithmic opinion
    pool, Heskes 1998): a model that knows nothing of a language weighs nothing there. Rare languages share weights.
    """
    from scipy.special import log_softmax

    rng = np.random.default_rng(seed)
    rare = np.bincount(languages)[languages] < LEAST
    group = np.where(rare, -1, languages)
    found = np.empty_like(views[0])
    for one in np.unique(group):
        rows = np.flatnonzero(group == one)
        sample = np.sort(rng.permutation(rows)[:SAMPLED])
        weights = _weights([view[sample] for view in views], given[sample])
        found[rows] = log_softmax(_summed(weights, [view[rows] for view in views]), axis=1)
    return np.maximum(found, LEAST_LOGARITHM)


def _weights(views: Sequence[Matrix], given: Indices) -> Floats:
    """Of each model, none below zero. The loss is convex: there is one best answer."""
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    rows = np.arange(len(given))
    own = np.array([view[rows, given].mean(dtype=np.float64) for view in views])

    def loss(weights: Floats) -> tuple[float, Floats]:
        together = _summed(weights, views)
        total = logsumexp(together, axis=1, keepdims=True)
        chances = np.exp(together - total)
        expected = np.array([np.vdot(chances, view) / len(rows) for view in views])
        return float(total.mean(dtype=np.float64) - weights @ own), expected - own

    start = np.full(len(views), 0.3)
    weights: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 10.0)] * len(views)).x
    return weights


def _summed(weights: Floats, views: Sequence[Matrix]) -> Matrix:
    found: Matrix = np.sum([np.float32(w) * view for w, view in zip(weights, views, strict=True)], axis=0)
    return found
