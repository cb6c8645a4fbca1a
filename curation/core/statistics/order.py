"""Whether the order of a set tells anything: rows that lie near one another are then alike."""

import numpy as np
import numpy.typing as npt

PERMUTATIONS = 25

Indices = npt.NDArray[np.int64]


def order_p_value(neighbours: Indices, seed: int = 0) -> float:
    """Chance that the likest rows (n, k: their places) of each lie as near to it, or as far, in a set without order.

    Cummings et al. 2023, "Detecting Dataset Drift and Non-IID Sampling via k-Nearest Neighbors": the largest difference
    (Kolmogorov and Smirnov) between how far neighbours lie apart and any two rows do, beside that of permuted places,
    whose density is smoothed by Gaussians (Scott's rule). As cleanlab's Datalab reckons it.
    """
    from scipy.special import ndtr

    rows = len(neighbours)
    any_two = np.cumsum((rows - np.arange(1, rows)) / (rows * (rows - 1) / 2))
    drawn = np.random.RandomState(seed)
    places = [np.arange(rows), *(drawn.permutation(rows) for _ in range(PERMUTATIONS))]
    found, *permuted = (_difference(np.abs(place[:, None] - place[neighbours]), any_two) for place in places)
    width = max(np.std(permuted, ddof=1) * PERMUTATIONS**-0.2, np.finfo(float).tiny)
    return float(np.mean(ndtr((np.array(permuted) - found) / width)))


def _difference(distances: Indices, any_two: npt.NDArray[np.float64]) -> float:
    """Between the distribution of these distances and that of `any_two` rows."""
    apart = np.append(np.sort(distances, axis=None), len(any_two))
    return float(np.abs(np.arange(len(apart)) / distances.size - any_two[apart - 1]).max())
