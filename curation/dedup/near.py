"""Near-copies by MinHash candidates, every one verified by its true Jaccard similarity.

Broder 1997 (resemblance), Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3 (banding).
A pair with Jaccard s becomes a candidate with probability 1 - (1 - s^rows)^bands.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from curation.dedup.flat import Digests, Signs
from curation.dedup.tokens import AT_ONCE, HERE, Site, TokenizedTurns, Watch
from curation.similarity.shingles import MIX, U64, Indices, offsets, spans

Codes = Callable[[Indices], npt.NDArray[np.int32]]  # of rows: what copies must agree on, see guard.Meanings
Similarities = npt.NDArray[np.float64]
Number = TypeVar("Number", U64, Indices)

ALL_PAIRS_UP_TO = 64  # members of a bucket; of a larger one, a template, only those that mean the same are compared
NEIGHBOURS = 4  # see `_template_pairs`
VERIFIED_AT_ONCE = 50_000  # pairs; the number of one, or of a row of theirs, and HASH_BITS share 64 bits
HASH_BITS = np.uint64(44)  # of a shingle within a pair: two of 1,000 shingles fall together once in 35 million pairs


def digests(tokens: TokenizedTurns, values: int, seed: int, site: Site = HERE) -> tuple[Digests, Indices]:
    """`values` MinHash values of each conversation's own shingles, and the rows that have any."""
    result = Digests(tokens.places, values, site.folder)
    filled = np.zeros(len(tokens), bool)
    starts, in_order = range(0, len(tokens), AT_ONCE), tokens.in_order()

    def shingled() -> Iterator[tuple[U64, Indices]]:
        for start in starts:
            rows = in_order[start : start + AT_ONCE]
            flat, lengths = tokens.shingles(rows, own=True)
            filled[rows] = lengths > 0
            yield flat, lengths

    made = site.run(partial(digester, values, seed), shingled())
    for start, signs in zip(starts, site.watch(made, "MinHash", len(starts), "parts"), strict=True):
        result.put(start, signs)
    return result, np.flatnonzero(filled)


def digester(values: int, seed: int) -> Callable[[tuple[U64, Indices]], Signs]:
    """The kernel: MinHash values, a row for each text, out of hashes of all shingles and how many each text has."""
    from rensa import RMinHash

    def digested(texts: tuple[U64, Indices]) -> Signs:
        flat, lengths = texts
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets(lengths), values, seed)
        return np.asarray(matrix.to_rows(), np.uint32)

    return digested


def candidate_pairs(values: Digests, members: Indices, bands: int, codes: Codes, watch: Watch) -> Indices:
    """Pairs (k, 2) of members, left < right, that agree in all values of at least one of the `bands`."""
    found = np.empty(0, np.int64)
    columns = np.arange(values.values)
    for band in watch(np.split(columns, bands), "near-copies", bands, "bands"):
        small, large = _grouped(members, _mixed(values.of(band)[members]))
        pairs = [small]
        if large:
            codes(np.concatenate(large))  # at once, as they are read in the order in which they lie
            order = values.of(np.roll(columns, -int(band[-1]) - 1)[: 2 * len(band)])
            pairs += [_template_pairs(bucket, codes(bucket), order) for bucket in large]
        numbers = [some.min(axis=1) * len(values) + some.max(axis=1) for some in pairs]  # the smaller row first
        found = _distinct(np.concatenate([found, *numbers]))
    return np.column_stack(np.divmod(found, len(values)))


def _template_pairs(bucket: Indices, codes: npt.NDArray[np.int32], order: Signs) -> Indices:
    """Pairs worth a look in a bucket too large to square: those that mean the same, and each with the next two.

    The next two are no copies, for they mean different things; they tell that the bucket belongs together. Of a crowd
    that has the same words, which the last code tells, each is compared with the first and with the next ones by the
    MinHash values of `order`; of one that means the same but for its words, slips perhaps, with the next two of these.
    """
    same, like = _grouped(bucket, _mixed(codes[:, :-1]))
    worded, crowds = _grouped(bucket, _mixed(codes))
    pairs = [_next_ones(bucket, 2), same, worded]
    pairs += [_next_ones(_ordered(crowd, order), 2) for crowd in like]
    for crowd in crowds:
        to_first = np.column_stack([np.full(len(crowd) - 1, crowd[0]), crowd[1:]])
        pairs += [_next_ones(_ordered(crowd, order), NEIGHBOURS), to_first]
    return np.concatenate(pairs)


def _ordered(crowd: Indices, order: Signs) -> Indices:
    """Such that members of equal MinHash values stand side by side, by the first column of `order` before all."""
    return crowd[np.lexsort((crowd, *order[crowd].T))]


def _grouped(members: Indices, keys: U64) -> tuple[Indices, list[Indices]]:
    """All pairs of the members of equal key; groups larger than ALL_PAIRS_UP_TO are given as they are, ascending."""
    order = np.argsort(keys)
    starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order][:1]))
    sizes = np.diff(starts, append=len(keys))
    pairs = [np.empty((0, 2), np.int64)]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= ALL_PAIRS_UP_TO)]):
        group = members[order][starts[sizes == size][:, None] + np.arange(size)]
        left, right = np.triu_indices(size, 1)
        pairs.append(np.column_stack([group[:, left].ravel(), group[:, right].ravel()]))
    crowds = starts[sizes > ALL_PAIRS_UP_TO], sizes[sizes > ALL_PAIRS_UP_TO]
    large = [np.sort(members[order[start : start + size]]) for start, size in zip(*crowds, strict=True)]
    return np.concatenate(pairs), large


def _next_ones(ordered: Indices, count: int) -> Indices:
    """Each with the `count` that follow."""
    return np.concatenate([np.column_stack([ordered[:-k], ordered[k:]]) for k in range(1, count + 1)])


def _mixed(columns: npt.NDArray[np.uint32] | npt.NDArray[np.int32]) -> U64:
    """One key a row out of its columns."""
    key = np.zeros(len(columns), np.uint64)
    for column in columns.T:
        key = (key ^ column.astype(np.uint64)) * MIX
        key ^= key >> np.uint64(32)
    return key


def verified(tokens: TokenizedTurns, pairs: Indices, least: float, watch: Watch) -> tuple[Indices, Similarities]:
    """The pairs whose shingles have a true Jaccard similarity of at least `least`, and that similarity.

    What carries content must be as alike on its own, too: a long standard text around two short matters is no copy.
    """
    starts = range(0, len(pairs), VERIFIED_AT_ONCE)
    parts, found = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for start in watch(starts, "verifying pairs", len(starts), "parts"):
        part = pairs[start : start + VERIFIED_AT_ONCE]
        similarity, entire = _jaccard(tokens, part, own=True)
        alike = similarity >= least
        part, similarity, more = part[alike], similarity[alike], ~entire[alike]
        similarity[more], _ = _jaccard(tokens, part[more], own=False)
        parts.append(part[similarity >= least])
        found.append(similarity[similarity >= least])
    return np.concatenate(parts), np.concatenate(found)


def _jaccard(tokens: TokenizedTurns, pairs: Indices, *, own: bool) -> tuple[Similarities, npt.NDArray[np.bool_]]:
    """The similarity of each pair, and whether all that both say was compared."""
    rows, places = np.unique(pairs, return_inverse=True)  # a row is in many pairs: its shingles are looked at once
    flat, lengths = tokens.shingles(rows, own=own)
    left, right = places.reshape(pairs.shape).T
    entire = lengths == tokens.most_runs(rows)
    shingles = _distinct(_numbered(flat >> np.uint64(64 - int(HASH_BITS)), lengths))
    sizes = _of_each(shingles, len(rows))
    begun = offsets(sizes)
    hashes = shingles & ((np.uint64(1) << HASH_BITS) - np.uint64(1))
    spoken = [spans(begun[side], begun[side + 1]) for side in (left, right)]
    both = np.sort(np.concatenate([_numbered(hashes[said], counts) for said, counts in spoken]))
    shared = _of_each(both[1:][both[1:] == both[:-1]], len(pairs))
    return shared / (sizes[left] + sizes[right] - shared), entire[left] & entire[right]


def _numbered(hashes: U64, lengths: Indices) -> U64:
    """Hashes of texts, one text after another, each with the number of its text in the upper bits."""
    numbers = np.repeat(np.arange(len(lengths), dtype=np.uint64) << HASH_BITS, lengths)
    return numbers | hashes


def _of_each(numbered: U64, texts: int) -> Indices:
    return np.bincount((numbered >> HASH_BITS).view(np.int64), minlength=texts)


def _distinct(numbers: Number) -> Number:
    """Sorted; `np.unique` hashes, and is ten times as slow on these."""
    ordered: Number = np.sort(numbers)
    distinct: Number = ordered[np.diff(ordered, prepend=~ordered[:1]) != 0]
    return distinct
