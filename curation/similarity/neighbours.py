"""Which vectors are near which: exactly where the set is small enough, by sampling or hashing where it is not.

Vectors are float32 rows of length 1 (or 0). All numbers of a row are those of its place: the same rows in the same
order give the same answer. Of a large set they are read some at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.similarity.vectors import Rows

EXACT = 30_000  # rows up to which every row is compared with every other one: 15 s on two cores
SAMPLE = 10_000  # rows that stand for all above that
BLOCK = 1_000  # rows compared at a time
TILE = 1_024  # ... where the nearest are sought
PARTS = 4  # of a row, for each of its least that are sought

AXES, LEARNED, ROUNDS = 128, 4_000, 2  # on which copies are sought first; rows that they are learned from
ROUNDING = 1e-4  # more than products of rows of length 1 are off by

BANDS, BITS = 40, 24  # a pair of cosine .97 meets in some band with probability .998, one of .5 with .002
WINDOW = 8  # rows of the same band and bits that a row is compared with, those just before it
SURE = 5  # standard deviations: one pair of 3 million that is just near enough differs in more bits than are looked at
PAIRS = 20_000  # pairs verified at a time: 80 MB

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]  # (n, BANDS)


@dataclass(frozen=True)
class Near:
    """The k nearest other rows of each of n rows, the nearest first, of equals the first; -1 where it is not known."""

    places: Indices  # (n, k)
    distances: Matrix  # (n, k): by cosine
    among: Mask  # (n,): the rows that they were sought among

    @classmethod
    def unknown(cls, rows: int, k: int) -> "Near":
        return cls(np.full((rows, k), -1), np.full((rows, k), np.inf, np.float32), np.zeros(rows, bool))

    def offer(self, rows: Indices, others: Indices, distances: Matrix) -> None:
        """Lets rows choose among others, (rows, others); both are places in order, and no row is offered one twice."""
        k = self.places.shape[1]
        if not len(rows) or not len(others):
            return
        if rows[0] <= others[-1] and others[0] <= rows[-1]:
            distances = np.where(rows[:, None] == others, np.float32(np.inf), distances)
        row, place, value = _within(distances, self.distances[rows, -1], k)
        changed = np.flatnonzero(np.bincount(row, minlength=len(rows)))
        before = rows[changed]
        row = np.concatenate([np.repeat(changed, k), row])
        place = np.concatenate([self.places[before].ravel(), others[place]])
        value = np.concatenate([self.distances[before].ravel(), value])
        order = np.lexsort((place, value, row))
        first = order[np.searchsorted(row[order], changed)[:, None] + np.arange(k)]
        self.places[before], self.distances[before] = place[first], value[first]


def sought_among(rows: int) -> int:
    """How many of the first rows are those among which the nearest are sought."""
    return rows if rows <= EXACT else SAMPLE


def nearest(vectors: Matrix | Rows, k: int, known: Near | None = None) -> Near:
    """The k nearest of each row by cosine distance.

    Above EXACT rows these are sought among the first SAMPLE rows only (Sugiyama and Borgwardt 2013, "Rapid
    distance-based outlier detection via sampling"): order the rows such that the first are a fair sample.

    `known`: what was told before of some of the rows, by their places of now, in which they have the order of then. It
    changes no number.
    """
    rows = len(vectors)
    number = sought_among(rows)
    found = Near.unknown(rows, k) if known is None else known
    asking = found.places[:, 0] < 0
    new = ~found.among & (np.arange(rows) < number)
    if 2 * (asking | new).sum() > rows:
        found = Near.unknown(rows, k)
        _compare_all(vectors, number, found)
    else:
        _compare_new(vectors, number, asking, new, found)
    return Near(found.places, found.distances, np.arange(rows) < number)


def _compare_all(vectors: Matrix | Rows, number: int, found: Near) -> None:
    """Each pair once."""
    places, reference = np.arange(len(vectors)), vectors[:number]
    for place in range(0, len(vectors), TILE):
        rows = places[place : place + TILE]
        held = vectors[rows]
        for start in range(0, min(place + 1, number), TILE):
            some = places[start : min(start + TILE, number)]
            distances = _distances(held, reference[some])
            found.offer(rows, some, distances)
            if start < place < number:
                inside = min(len(rows), number - place)
                found.offer(some, rows[:inside], distances[:inside].T.copy())


def _compare_new(vectors: Matrix | Rows, number: int, asking: Mask, new: Mask, found: Near) -> None:
    """Those that are `asking` with all of the number, and with those that are new the ones that are not."""
    places, looking = np.arange(len(vectors)), np.flatnonzero(asking | new)
    for start in range(0, len(looking), TILE):
        some = looking[start : start + TILE]
        for place in range(0, len(vectors) if new[some].any() else number, TILE):
            rows = places[place : place + TILE]
            distances = _distances(vectors[rows], vectors[some])
            told = rows < number
            found.offer(some[asking[some]], rows[told], distances[told][:, asking[some]].T.copy())
            settled = ~asking[rows]
            found.offer(rows[settled], some[new[some]], distances[settled][:, new[some]])


def _distances(rows: Matrix, others: Matrix) -> Matrix:
    """Products of whole tiles: the same number for a pair of rows, wherever in them it stands."""
    distances: Matrix = (_tile(rows) @ _tile(others).T)[: len(rows), : len(others)]
    np.subtract(1, distances, out=distances)
    return np.maximum(distances, 0, out=distances)


def _tile(rows: Matrix) -> Matrix:
    if len(rows) == TILE:
        return rows
    found = np.zeros((TILE, rows.shape[1]), np.float32)
    found[: len(rows)] = rows
    return found


def _within(table: Matrix, limit: Matrix, k: int) -> tuple[Indices, Indices, Matrix]:
    """Row, place and value of the numbers that are no larger than the limit of their row and may be of its k least.

    A row without a limit gets one: the k-th least of the least of its parts, within which a dozen of a thousand are.
    """
    size = table.shape[1]
    parts = min(PARTS * k, size)
    if parts >= k and np.isinf(limit).any():
        each = size // parts
        of_parts = table[:, : parts * each].reshape(len(table), each, parts).min(axis=1)
        limit = np.minimum(limit, np.partition(of_parts, k - 1, axis=1)[:, k - 1])
    row, place = np.divmod(np.flatnonzero(table <= limit[:, None]), size)
    value = table[row, place]
    at_limit = value == limit[row]  # of these no row needs more than k, and there may be any number
    before = np.cumsum(at_limit)
    begins = np.searchsorted(row, np.arange(len(table))).clip(max=max(len(row) - 1, 0))
    needed = ~at_limit | (before - before[begins[row]] < k)
    return row[needed], place[needed], value[needed]


def copies(left: Matrix | Rows, right: Matrix | Rows, limit: float, seed: int) -> tuple[Indices, Matrix]:
    """Of each row the likest earlier row and their likeness, the smaller of the two cosines; -1 and 0 below `limit`.

    Above EXACT rows only rows that meet in a band of random-hyperplane hashes are compared (Charikar 2002), each
    with the WINDOW rows before it: a few copies go unseen, none is made up.
    """
    if len(left) <= EXACT:
        return _copies_exactly(left[: len(left)], right[: len(right)], limit, seed)
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


def _copies_exactly(left: Matrix, right: Matrix, limit: float, seed: int) -> tuple[Indices, Matrix]:
    place, likeness = np.full(len(left), -1, np.int64), np.zeros(len(left), np.float32)
    shadows = _shadows(left, right, seed)
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        near = shadows[start:stop] @ shadows[:stop].T >= 2 * limit - ROUNDING
        near[:, start:] &= np.tri(stop - start, k=-1, dtype=bool)  # only earlier ones
        rows, others = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if len(rows):
            both = np.minimum(*(side[rows + start] @ side[others].T for side in (left, right)))
            both[~near[np.ix_(rows, others)]] = 0
            best = both.argmax(axis=1)
            value = both[np.arange(len(rows)), best]
            found = value >= limit
            place[rows[found] + start], likeness[rows[found] + start] = others[best[found]], value[found]
    return place, likeness


def _shadows(left: Matrix, right: Matrix, seed: int) -> Matrix:
    """(n, AXES + 1): rows whose products are never below the sum of both cosines, and mostly little above.

    They are what both vectors are on the axes on which rows differ most (by subspace iteration, Halko et al. 2011), and
    the length of what is left of them, which may point the same way.
    """
    size = left.shape[1] + right.shape[1]
    some = slice(None, None, max(len(left) // LEARNED, 1))
    sample = np.hstack([left[some], right[some]])
    axes = np.random.default_rng(seed).standard_normal((size, min(AXES, size)), np.float32)
    for _ in range(ROUNDS):
        axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
    shadows = left @ axes[: left.shape[1]] + right @ axes[left.shape[1] :]
    length = sum(np.einsum("ij,ij->i", side, side) for side in (left, right))
    rest = np.maximum(length - np.einsum("ij,ij->i", shadows, shadows), 0)
    return np.column_stack([shadows, np.sqrt(rest)])


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
    planes = np.hstack([draw.standard_normal((size, BITS), dtype=np.float32) for _ in range(BANDS)])
    weights = 1 << np.arange(BITS, dtype=np.int32)
    found = np.empty((len(left), BANDS), np.int32)
    for start in range(0, len(left), BLOCK):
        block = slice(start, start + BLOCK)
        both = np.concatenate([left[block], right[block]], axis=1)
        found[block] = (both @ planes > 0).reshape(-1, BANDS, BITS) @ weights
    return found


def _cosines(vectors: Matrix | Rows, later: Indices, earlier: Indices) -> Matrix:
    found: Matrix = np.einsum("ij,ij->i", vectors[later], vectors[earlier])
    return found
