"""How well replies fit their conversations, learned from the set itself and tried on swaps planted in it."""

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.models.words import DIMENSIONS, TURN, Floats, Indices, Mask, Said, meanings, speaking, unit
from curation.similarity.vectors import Rows

FITTED = 20_000  # conversations that correlations are learned from
TRIED = 4_000  # conversations in which swaps are planted
BLOCK = 5_000  # conversations compared in one go
SHRINKAGE = 1.0  # of covariances, in mean eigenvalues
STRONGEST = 100  # correlations that count
FOLDS = 8
ODD = 0.65  # probability at even odds below which a row speaks for nothing
SUREST = 5  # rows that tell how many swaps there can be: fewer are chance ...
SUREST_SHARE = 0.01  # ... but of a small set no more than this share
REAL, ALL_SWAPPED, ONE_SWAPPED = 0, 1, 2
FEATURES = 11

# Sides of a reply, see `_by_reply`: its question, all the customer says, all other replies, the reply itself.
_SAID = slice(3 * DIMENSIONS, 4 * DIMENSIONS)
_BESIDE = (slice(0, 2 * DIMENSIONS), slice(0, 3 * DIMENSIONS), slice(2 * DIMENSIONS, 3 * DIMENSIONS))


@dataclass(frozen=True)
class Texts:
    """Vectors of what is said, worked out for those texts that are asked for: those of all would fill the memory.

    Text t is said by customers, and t + len(counts) are the same words said by teams: the two speak differently.
    """

    counts: Any  # (texts, words), sparse
    meanings: tuple[Floats, Floats]  # (words, d) of either side

    def __getitem__(self, which: Indices) -> Floats:
        """(which, DIMENSIONS) of length 1, or 0 where nothing is said."""
        texts = self.counts.shape[0]
        found = np.zeros((len(which), DIMENSIONS), np.float32)
        for side, meaning in enumerate(self.meanings):
            here = which // texts == side
            found[here, : meaning.shape[1]] = unit(self.counts[which[here] % texts] @ meaning)
        return found


@dataclass(frozen=True)
class Turns:
    """Conversations 0 to n - 1, each with a customer and a reply: what is said turn by turn, and their embeddings."""

    owner: Indices  # conversation of each turn, ascending
    reply: Mask  # whether the turn is a reply
    words: Indices  # in the turn
    text: Indices  # row of `vectors`
    vectors: Floats | Texts  # of what turns say
    theirs: Floats | Rows  # (n, d): embedding of what the customer says; (n, 0) without
    ours: Floats | Rows  # (n, d): embedding of the replies

    @classmethod
    def of(cls, said: Said, theirs: Rows | None, ours: Rows | None, seed: int) -> "Turns":
        words = said.turns["spaced"].to_numpy().astype(np.int64)
        texts = Texts(said.counts, (meanings(said, ~said.reply, seed), meanings(said, said.reply, seed)))
        text = np.where(said.reply, said.text + said.counts.shape[0], said.text)
        none = np.zeros((said.conversations.height, 0), np.float32)
        embedded = (none if side is None else side for side in (theirs, ours))
        return cls(said.owner, said.reply, words, text, texts, *embedded)

    @property
    def count(self) -> int:
        return len(self.theirs)

    def only(self, which: Indices) -> "Talks":
        """These conversations, ascending, with the vectors of what they say."""
        place = np.full(self.count, -1)
        place[which] = np.arange(len(which))
        kept = place[self.owner] >= 0
        used, text = np.unique(self.text[kept], return_inverse=True)
        turns = (self.reply[kept], self.words[kept], text)
        return Talks(place[self.owner[kept]], *turns, self.vectors[used], self.theirs[which], self.ours[which])


@dataclass(frozen=True)
class Talks(Turns):
    """So few conversations that the vectors of all they say are at hand."""

    vectors: Floats
    theirs: Floats
    ours: Floats

    @property
    def replies(self) -> Indices:
        """Turns that are replies."""
        return np.flatnonzero(self.reply)

    def summed(self, which: Mask) -> Floats:
        """Sum of the vectors of these turns by conversation."""
        from scipy.sparse import csr_matrix

        starts = np.searchsorted(self.owner[which], np.arange(self.count + 1))
        said = self.text[which]
        table = csr_matrix((np.ones(len(said), np.float32), said, starts), shape=(self.count, len(self.vectors)))
        return np.asarray(table @ self.vectors)


@dataclass(frozen=True)
class Beside:
    """Spoilt conversations, of which nothing is learned, in the words and vectors of those that they were made of."""

    keys: pl.Series  # conversation_id of each
    talks: Turns
    origin: Indices  # the conversation that each was made of

    @classmethod
    def of(cls, planted: pl.DataFrame, said: Said, talks: Turns) -> "Beside":
        """Those of the `planted` (of Context) that are made of these talks and say nothing that no other side says."""
        places = said.conversations.select(made_of="conversation_id").with_row_index("origin")
        mine = planted.join(places, on="made_of").sort("conversation_id")
        texts = said.turns.select("said", text=pl.Series(talks.text), reply=pl.Series(talks.reply))
        texts = texts.unique(["reply", "said"])
        turns = speaking(mine).select("conversation_id", **TURN)
        spoken = turns.join(texts, on=["reply", "said"], how="left", maintain_order="left")
        sides = spoken.group_by("conversation_id").agg(
            sides=pl.col("reply").n_unique(), new=pl.col("text").null_count()
        )
        mine = mine.join(sides.filter(sides=2, new=0), on="conversation_id", how="semi", maintain_order="left")
        spoken = spoken.join(mine, on="conversation_id", how="semi", maintain_order="left")
        donors = said.conversations.select(replies_of="conversation_id").with_row_index("donor")
        given = mine.join(donors, on="replies_of", how="left", maintain_order="left")
        origin = given["origin"].cast(pl.Int64)
        donor = given["donor"].cast(pl.Int64).fill_null(origin).to_numpy()
        owner = spoken["conversation_id"].rle_id().to_numpy().astype(np.int64)
        reply = spoken["reply"].to_numpy()
        words = spoken["spaced"].to_numpy().astype(np.int64)
        text = spoken["text"].cast(pl.Int64).to_numpy()
        theirs, ours = talks.theirs[origin.to_numpy()], talks.ours[donor]
        made = Turns(owner, reply, words, text, talks.vectors, theirs, ours)
        return cls(mine["conversation_id"], made, origin.to_numpy())


def doubts(talks: Turns, seed: int, beside: Beside | None = None) -> tuple[Floats, Indices, Floats]:
    """By conversation: what share of those at least as odd can be swaps, see `precision`; the reply that fits least.

    And the share of each that stands `beside` them, by the models that did not see what it was made of. However large
    the set, the first conversations teach how sides go together: by id, a hash, they are a fair sample.
    """
    rng = np.random.default_rng(seed)
    fold = rng.permutation(talks.count) % FOLDS
    folds = [np.flatnonzero(fold == k) for k in range(FOLDS)]
    models = _models([_moments(talks.only(rows[rows < FITTED])) for rows in folds])
    features, least = np.zeros((talks.count, FEATURES)), np.zeros(talks.count, np.int64)
    planted, kinds, spoilt = [], [], []
    apart = [np.flatnonzero(fold[beside.origin] == k) if beside else np.zeros(0, np.int64) for k in range(FOLDS)]
    for rows, model, others in zip(folds, models, apart, strict=True):
        for block in _blocks(rows):
            features[block], least[block] = _features(talks.only(block), model)
        swapped, kind = _with_swaps(talks.only(rows[rows < TRIED]), rng)
        planted.append(_features(swapped, model)[0])
        kinds.append(kind)
        if beside and len(others):
            spoilt.append(_features(beside.talks.only(others), model)[0])
        else:
            spoilt.append(np.zeros((0, FEATURES)))
    real: Floats = np.zeros(talks.count)
    odd: Floats = np.zeros(sum(map(len, apart)))
    swaps = []
    for k, rows in enumerate(folds):
        rest = [other for other in range(FOLDS) if other != k]
        as_they_come = features[:TRIED][fold[:TRIED] != k]
        examples = np.concatenate([as_they_come, *(planted[other] for other in rest)])
        truth = np.concatenate([np.full(len(as_they_come), REAL), *(kinds[other] for other in rest)])
        probability = _probability(examples, truth)
        both = probability(np.concatenate([features[rows], planted[k]]))
        real[rows] = both[: len(rows)]
        swaps.append(both[len(rows) :])
        if len(apart[k]):
            odd[apart[k]] = probability(spoilt[k])
    share = precision(real, np.concatenate(swaps))
    return share, least, as_doubtful(real, share, odd)


def as_doubtful(real: Floats, share: Floats, odd: Floats) -> Floats:
    """The share, see `precision`, of what is so odd: that of the oddest row which is no odder; `odd` (m,)."""
    order = np.argsort(real)
    before = np.searchsorted(real[order], odd, side="right")
    return np.concatenate([np.zeros(1), share[order]])[before]


def precision(real: Floats, swaps: Floats) -> Floats:
    """What share of the rows at least as odd as each can be swaps, at the most; 0 for rows that are hardly odd.

    `real` is how odd the rows are, `swaps` how odd planted swaps are: probabilities where half of all are swaps. Of
    some rows, a share of at least t is `seen(t)`; were a share s of the set swaps, s * planted(t) of it would be. So s
    is at most the least of seen / planted (Blanchard, Lee and Scott 2010; seen with two standard errors on top), and
    s * planted / seen of those rows are swaps. Where nobody swapped anything the oddest rows alone are left, for no set
    tells what it has a few of.
    """
    count = len(real)
    seen = 1 - np.searchsorted(np.sort(real), real) / count
    planted = np.maximum(1 - np.searchsorted(np.sort(swaps), real) / len(swaps), 1e-9)
    enough = seen * count >= min(SUREST, SUREST_SHARE * count)
    at_most = seen + 2 * np.sqrt(seen / count)  # as few rows as these may be many by chance
    swapped = np.min((at_most / planted)[enough])
    share = np.minimum(swapped * planted / seen, 1)
    order = np.argsort(real)
    share[order] = np.maximum.accumulate(share[order])  # an odder row is no less doubtful
    return np.asarray(np.where(real >= ODD, share, 0))


def _probability(examples: Floats, truth: Indices) -> Callable[[Floats], Floats]:
    """From features: of a swap, where half of all rows have one."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    model.fit(examples, truth)
    return lambda features: np.asarray(1 - model.predict_proba(features)[:, REAL])


def _blocks(rows: Indices) -> Iterator[Indices]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


def most_alike(talks: Turns, rows: Indices, among: int, seed: int) -> Indices:
    """For each of these conversations, ascending: the one of a sample of others whose customer says the likest."""
    sample = np.random.default_rng(seed).permutation(talks.count)[:among]
    ordered = np.sort(sample)
    theirs = _wanted(talks, ordered)[np.searchsorted(ordered, sample)]
    alike = [_nearest(_wanted(talks, block), block, theirs, sample) for block in _blocks(rows)]
    return np.concatenate([np.zeros(0, np.int64), *alike])


def _wanted(talks: Turns, rows: Indices) -> Floats:
    """(rows, DIMENSIONS): what customers say in these conversations, ascending."""
    some = talks.only(rows)
    return unit(some.summed(~some.reply))


def _nearest(wanted: Floats, rows: Indices, theirs: Floats, sample: Indices) -> Indices:
    likeness = wanted @ theirs.T
    likeness[rows[:, None] == sample] = -1
    return np.asarray(sample[likeness.argmax(axis=1)])


def longest_reply(talks: Turns) -> Indices:
    """Of each conversation, which of its replies (0, 1, ...) has the most words."""
    owner, words = talks.owner[talks.reply], talks.words[talks.reply]
    return _first_by_owner(owner, -words)


def _first_by_owner(owner: Indices, value: npt.NDArray[Any]) -> Indices:
    """Place, among the rows of each owner, of the one with the smallest value."""
    number = np.bincount(owner)
    start = np.cumsum(number) - number
    least: Indices = np.lexsort((value, owner))[start] - start
    return least


# -- what is compared --------------------------------------------------------------------------------------------------


def _whole(talks: Talks) -> tuple[Floats, int]:
    """By conversation: all the customer says, then all replies; and where the replies begin."""
    theirs, ours = unit(talks.summed(~talks.reply)), unit(talks.summed(talks.reply))
    return np.hstack([theirs, talks.theirs / 2, ours, talks.ours / 2]), theirs.shape[1] + talks.theirs.shape[1]


def _by_reply(talks: Talks) -> Floats:
    """By reply: its question, all the customer says, all other replies, the reply; DIMENSIONS each."""
    ours, at = talks.summed(talks.reply), talks.replies
    owner, said = talks.owner[at], talks.vectors[talks.text[at]]
    answers = (at > 0) & (talks.owner[at - 1] == owner) & ~talks.reply[at - 1]
    question = talks.vectors[talks.text[at - 1]] * answers[:, None]
    wanted = unit(talks.summed(~talks.reply))[owner]
    return np.hstack([question, wanted, unit(ours[owner] - said), said])


def _features(talks: Talks, model: "_Model") -> tuple[Floats, Indices]:
    """By conversation: the fit of the whole, the number of replies, and for each way to look at a reply the worst, the
    mean and the longest reply's fit, (n, FEATURES); and the reply that fits least among all other turns."""
    owner = talks.owner[talks.reply]
    number = np.bincount(owner)
    start = np.cumsum(number) - number
    longest = start + longest_reply(talks)
    replies = _by_reply(talks)
    columns = [model.whole.fit(_whole(talks)[0]), np.log(number)]
    fits = [one.fit(replies) for one in model.by_reply]
    for fit in fits:
        columns += [np.minimum.reduceat(fit, start), np.add.reduceat(fit, start) / number, fit[longest]]
    return np.column_stack(columns), _first_by_owner(owner, fits[1])


def _with_swaps(talks: Talks, rng: np.random.Generator) -> tuple[Talks, Indices]:
    """The same conversations with the replies of others in place of all or one of theirs; and which of the two."""
    shuffled = rng.permutation(talks.count)
    donor = np.empty(talks.count, np.int64)
    donor[shuffled] = np.roll(shuffled, 1)
    at = talks.replies
    owner = talks.owner[at]
    number = np.bincount(owner)
    start = np.cumsum(number) - number
    place = np.arange(len(at)) - start[owner]
    every = (rng.random(talks.count) < 0.5) | (number == 1)

    def one_of_each() -> Indices:
        """A reply of each conversation; longer ones, which say more, as much more often."""
        total = np.cumsum(talks.words[at])
        before = np.concatenate([[0], total])[start]
        drawn = before + rng.random(talks.count) * (total[start + number - 1] - before)
        found: Indices = np.minimum(np.searchsorted(total, drawn, side="right"), start + number - 1)
        return found

    chosen, taken = one_of_each(), one_of_each()[donor]
    in_their_order = start[donor][owner] + np.minimum(place, number[donor][owner] - 1)
    source = np.where(every[owner], in_their_order, taken[owner])
    here = every[owner] | (start[owner] + place == chosen[owner])
    words, text = talks.words.copy(), talks.text.copy()
    words[at[here]], text[at[here]] = talks.words[at[source[here]]], talks.text[at[source[here]]]
    ours = np.where(every[:, None], talks.ours[donor], talks.ours)
    return replace(talks, words=words, text=text, ours=ours), np.where(every, ALL_SWAPPED, ONE_SWAPPED)


# -- canonical correlations --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Correlation:
    """How two sides of a table go together: axes on which they correlate, and how strongly."""

    sides: tuple[slice, slice]  # columns
    means: tuple[Floats, Floats]  # on the axes
    axes: tuple[Floats, Floats]
    strength: Floats

    def fit(self, rows: Floats) -> Floats:
        """log p(left, right) / (p(left) p(right)) of each row, for jointly Gaussian sides."""
        places = zip(self.sides, self.means, self.axes, strict=True)
        a, b = (rows[:, side] @ axes - mean for side, mean, axes in places)
        r = self.strength
        apart = (a * a + b * b) @ (r**2 / (2 * (1 - r**2))) - (a * b) @ (r / (1 - r**2))
        return np.asarray(-0.5 * np.log(1 - r**2).sum() - apart)


@dataclass(frozen=True)
class _Model:
    """What goes together in a part of the set."""

    whole: _Correlation
    by_reply: Sequence[_Correlation]


@dataclass(frozen=True)
class _Moments:
    """Of a table: rows, their sum, the sum of their outer products. May be added."""

    count: int
    total: Floats
    products: Floats

    @classmethod
    def of(cls, rows: Floats) -> "_Moments":
        return cls(len(rows), rows.sum(axis=0, dtype=np.float64), (rows.T @ rows).astype(np.float64))

    def __add__(self, other: "_Moments") -> "_Moments":
        return _Moments(self.count + other.count, self.total + other.total, self.products + other.products)

    def __sub__(self, other: "_Moments") -> "_Moments":
        return _Moments(self.count - other.count, self.total - other.total, self.products - other.products)


def _moments(talks: Talks) -> tuple[_Moments, _Moments, int]:
    """Of the whole conversations and of their replies; and where the replies begin in the former."""
    whole, begin = _whole(talks)
    return _Moments.of(whole), _Moments.of(_by_reply(talks)), begin


def _models(folds: Sequence[tuple[_Moments, _Moments, int]]) -> list[_Model]:
    """For each fold, what goes together in all other folds."""
    whole, replies = (functools.reduce(operator.add, parts) for parts in list(zip(*folds, strict=True))[:2])
    found = []
    for own, answers, begin in folds:
        sides = slice(begin), slice(begin, None)
        by_reply = [_correlation(replies - answers, left, _SAID) for left in _BESIDE]
        found.append(_Model(_correlation(whole - own, *sides), by_reply))
    return found


def _correlation(moments: _Moments, left: slice, right: slice) -> _Correlation:
    from scipy.linalg import solve_triangular

    mean = moments.total / moments.count
    covariance = moments.products / moments.count - np.outer(mean, mean)
    roots = [_root(covariance[side, side]) for side in (left, right)]
    across = solve_triangular(roots[0], covariance[left, right], lower=True)
    whitened = solve_triangular(roots[1], across.T, lower=True).T
    u, strength, v = _strongest(whitened)
    axes = [solve_triangular(root, turn, lower=True, trans="T") for root, turn in zip(roots, (u, v), strict=True)]
    means = [mean[side] @ on for side, on in zip((left, right), axes, strict=True)]
    (a, b), (p, q) = ([one.astype(np.float32) for one in pair] for pair in (axes, means))
    return _Correlation((left, right), (p, q), (a, b), np.clip(strength, 0, 0.999).astype(np.float32))


def _strongest(table: Floats) -> tuple[Floats, Floats, Floats]:
    """The first STRONGEST singular vectors of both sides, in columns, and values: of the smaller side's products, which
    costs a fifth of taking the table apart."""
    from scipy.linalg import eigh

    if table.shape[0] < table.shape[1]:
        v, strength, u = _strongest(table.T)
        return u, strength, v
    size = table.shape[1]
    squares, v = eigh(table.T @ table, subset_by_index=(max(size - STRONGEST, 0), size - 1))
    strength = np.sqrt(np.maximum(squares, 0))
    return (table @ v) / np.maximum(strength, 1e-9), strength, v


def _root(covariance: Floats) -> Floats:
    """Lower triangular root, of the covariance drawn towards that of a ball."""
    size = len(covariance)
    ball = max(np.trace(covariance) / size, 1e-12)
    return np.asarray(np.linalg.cholesky(covariance + SHRINKAGE * ball * np.eye(size)))
