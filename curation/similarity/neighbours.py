"""Which vectors are near which: exactly where the set is small enough, by sampling or hashing where it is not.

Vectors are float32 rows of length 1 (or 0). All numbers of a row are those of its place: the same rows in the same
order give the same answer. Of a large set they are read some at a time.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from curation.similarity.vectors import Rows

EXACT = 30_000  # rows up to which every row is compared with every other one: 15 s on two cores
SAMPLE = 10_000  # rows that stand for all above that
BLOCK = 1_000  # rows compared at a time
RANKED = 100  # whose nearest are sought at a time

BANDS, BITS = 40, 24  # a pair of cosine .97 meets in some band with probability .998, one of .5 with .002
WINDOW = 8  # rows of the same band and bits that a row is compared with, those just before it
SURE = 5  # standard deviations: one pair of 3 million that is just near enough differs in more bits than are looked at
PAIRS = 20_000  # pairs verified at a time: 80 MB

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]  # (n, BANDS)


def nearest(vectors: Matrix | Rows, k: int) -> tuple[Indices, Matrix]:
    """Places and cosine distances (n, k) of the k nearest other rows, the nearest first.

    Above EXACT rows these are sought among the first SAMPLE rows only (Sugiyama and Borgwardt 2013, "Rapid
    distance-based outlier detection via sampling"): order the rows such that the first are a fair sample.
    """
    reference = vectors[: len(vectors) if len(vectors) <= EXACT else SAMPLE]
    places = np.empty((len(vectors), k), np.int64)
    distances = np.empty((len(vectors), k), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = slice(start, start + BLOCK)
        distance = vectors[block] @ reference.T
        np.subtract(1, distance, out=distance)
        own = np.arange(start, min(start + len(distance), len(reference)))
        distance[own - start, own] = np.inf
        some = (distance[row : row + RANKED] for row in range(0, len(distance), RANKED))
        near = np.concatenate([np.argpartition(rows, k - 1, axis=1)[:, :k] for rows in some])
        order = np.lexsort((near, np.take_along_axis(distance, near, axis=1)), axis=1)
        places[block] = np.take_along_axis(near, order, axis=1)
        distances[block] = np.take_along_axis(distance, places[block], axis=1)
    return places, np.maximum(distances, 0)


def copies(left: Matrix | Rows, right: Matrix | Rows, limit: float, seed: int) -> tuple[Indices, Matrix]:
    """Of each row the likest earlier row and their likeness, the smaller of the two cosines; -1 and 0 below `limit`.

    Above EXACT rows only rows that meet in a band of random-hyperplane hashes are compared (Charikar 2002), each
    with the WINDOW rows before it: a few copies go unseen, none is made up.
    """
    if len(left) <= EXACT:
        return _copies_exactly(left[: len(left)], right[: len(right)], limit)
    place, likeness = np.full(len(left), -1, np.int64), np.zeros(len(left), np.float32)
    for later, earlier in _meetings(_codes(left, right, seed), limit):
        alike = np.minimum(_cosines(left, later, earlier), _cosines(right, later, earlier))
        # The likest earlier row of each, of equals the first: in this order the last write wins.
        order = np.lexsort((-earlier, alike))
        best_place, best = place.copy(), likeness.copy()
        best_place[later[order]], best[later[order]] = earlier[order], alike[order]
        better = (best >= limit) & ((best > likeness) | ((best == likeness) & (best_place < place)))
        place[better], likeness[better] = best_place[better], best[better]
    return place, likeness


def _copies_exactly(left: Matrix, right: Matrix, limit: float) -> tuple[Indices, Matrix]:
    place, likeness = np.full(len(left), -1, np.int64), np.zeros(len(left), np.float32)
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        alike = left[start:stop] @ left[:stop].T
        alike[np.arange(stop) >= np.arange(start, stop)[:, None]] = 0  # only earlier ones
        near = alike >= limit
        rows, others = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if len(rows):
            both = np.minimum(alike[np.ix_(rows, others)], right[rows + start] @ right[others].T)
            best = both.argmax(axis=1)
            value = both[np.arange(len(rows)), best]
            found = value >= limit
            place[rows[found] + start], likeness[rows[found] + start] = others[best[found]], value[found]
    return place, likeness


def _meetings(codes: Codes, limit: float) -> Iterator[tuple[Indices, Indices]]:
    """(later, earlier) rows that share all bits of a band, some PAIRS at a time; of any size, most of these are chance:
    those that differ in more of all bits than rows as near as the limit do are left out."""
    share = np.arccos(limit) / np.pi  # of the planes that lie between them
    bits = BANDS * BITS
    most = bits * share + SURE * np.sqrt(bits * share * (1 - share))
    for code in codes.T:
        order = np.argsort(code, kind="stable")  # rows of one code side by side, the earlier first
        for step in range(1, WINDOW + 1):
            met = np.flatnonzero(code[order[step:]] == code[order[:-step]])
            for start in range(0, len(met), PAIRS):
                some = met[start : start + PAIRS]
                later, earlier = order[some + step], order[some]
                near = np.bitwise_count(codes[later] ^ codes[earlier]).sum(axis=1) <= most
                yield later[near], earlier[near]


def _codes(left: Matrix | Rows, right: Matrix | Rows, seed: int) -> Codes:
    """(n, BANDS): on which sides of the band's planes both vectors of a row lie together."""
    draw = np.random.default_rng(seed)
    size = left.shape[1] + right.shape[1]
    bands = [draw.standard_normal((size, BITS), dtype=np.float32) for _ in range(BANDS)]
    weights = 1 << np.arange(BITS, dtype=np.int32)
    found = np.empty((len(left), BANDS), np.int32)
    for start in range(0, len(left), BLOCK):
        block = slice(start, start + BLOCK)
        both = np.concatenate([left[block], right[block]], axis=1)
        for band, planes in enumerate(bands):
            found[block, band] = (both @ planes > 0) @ weights
    return found


def _cosines(vectors: Matrix | Rows, later: Indices, earlier: Indices) -> Matrix:
    found: Matrix = np.einsum("ij,ij->i", vectors[later], vectors[earlier])
    return found
