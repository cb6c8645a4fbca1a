"""Near-copies by MinHash candidates, every one verified by its true Jaccard similarity.

Broder 1997 (resemblance), Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3 (banding).
A pair with Jaccard s becomes a candidate with probability 1 - (1 - s^rows)^bands.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.shingles import MIX, Indices, Shingles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ALL_PAIRS_UP_TO = 64  # members of one bucket; larger buckets are compared with their first and their next neighbours
NEIGHBOURS = 8
VERIFIED_AT_ONCE = 50_000


def candidate_pairs(shingles: Shingles, bands: int, rows: int, seed: int) -> Indices:
    """Row pairs (k, 2), left < right, that agree in all `rows` MinHash values of at least one of the `bands`."""
    from rensa import RMinHash

    if not shingles.ids:
        return np.empty((0, 2), np.int64)
    digests = RMinHash.digest_matrix_from_flat_token_hashes(
        shingles.flat.tolist(), shingles.offsets.tolist(), bands * rows, seed
    )
    matrix = np.array(digests.to_rows(), np.uint64).reshape(-1, bands, rows)
    filled = np.diff(shingles.offsets) > 0
    pairs = [np.empty((0, 2), np.int64)]
    for band in range(bands):
        key = np.zeros(len(matrix), np.uint64)
        for value in matrix[:, band, :].T:
            key = (key ^ value) * MIX
        members = np.flatnonzero(filled)
        members = members[np.argsort(key[members], kind="stable")]
        starts = np.flatnonzero(np.diff(key[members], prepend=~key[members][:1]))
        pairs += [_bucket_pairs(bucket) for bucket in np.split(members, starts) if len(bucket) > 1]
    return np.unique(np.concatenate(pairs), axis=0)


def _bucket_pairs(bucket: Indices) -> Indices:
    """Pairs of one bucket's ascending members. A bucket of a template is not squared: see ALL_PAIRS_UP_TO."""
    if len(bucket) <= ALL_PAIRS_UP_TO:
        left, right = np.triu_indices(len(bucket), 1)
        return np.column_stack([bucket[left], bucket[right]])
    next_ones = [np.column_stack([bucket[:-k], bucket[k:]]) for k in range(1, NEIGHBOURS + 1)]
    first = np.column_stack([np.full(len(bucket) - 1, bucket[0]), bucket[1:]])
    return np.concatenate([first, *next_ones])


def verify(views: Sequence[Shingles], pairs: Indices, least: float) -> pl.DataFrame:
    """The pairs whose true Jaccard similarity is at least `least`: left, right (conversation ids), similarity.

    `views` are different shinglings of the same conversations, in the same order; the least alike view counts.
    """
    similarity = np.min([_similarities(shingles, pairs) for shingles in views], axis=0)
    kept = similarity >= least
    ids = pl.Series(views[0].ids, dtype=pl.String)
    return pl.DataFrame(
        {"left": ids.gather(pairs[kept, 0]), "right": ids.gather(pairs[kept, 1]), "similarity": similarity[kept]}
    )


def _similarities(shingles: Shingles, pairs: Indices) -> npt.NDArray[np.float64]:
    matrix, sizes = _incidence(shingles), np.diff(shingles.offsets)
    parts = [pairs[start : start + VERIFIED_AT_ONCE] for start in range(0, len(pairs), VERIFIED_AT_ONCE)]
    return np.concatenate([np.empty(0), *(_jaccard(matrix, sizes, part) for part in parts)])


def _incidence(shingles: Shingles) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    vocabulary, columns = np.unique(shingles.flat, return_inverse=True)
    ones = np.ones(len(columns), np.int32)
    return csr_matrix((ones, columns, shingles.offsets), shape=(len(shingles.ids), len(vocabulary)))


def _jaccard(matrix: "csr_matrix", sizes: Indices, pairs: Indices) -> npt.NDArray[np.float64]:
    left, right = pairs.T
    shared = np.asarray(matrix[left].multiply(matrix[right]).sum(axis=1)).ravel()
    result: npt.NDArray[np.float64] = shared / (sizes[left] + sizes[right] - shared)
    return result
