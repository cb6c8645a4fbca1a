"""How well replies fit their conversations, learned from the set itself and tried on swaps planted in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks._words import Floats, unit, vectors

SHRINKAGE = 1.0  # of covariances, in mean eigenvalues
FOLDS = 4
REAL, ALL_SWAPPED, ONE_SWAPPED = 0, 1, 2

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Pair = tuple[Floats, Floats]  # two sides, row by row


@dataclass(frozen=True)
class Talks:
    """Conversations 0 to n - 1, each with a customer and a reply: what is said turn by turn, and their embeddings."""

    owner: Indices  # conversation of each turn, ascending
    reply: Mask  # whether the turn is a reply
    words: Indices  # in the turn
    vectors: Floats  # of the turn
    theirs: Floats  # (n, d): embedding of what the customer says; (n, 0) without
    ours: Floats  # (n, d): embedding of the replies

    @classmethod
    def of(cls, said: pl.DataFrame, theirs: Floats | None, ours: Floats | None, seed: int) -> "Talks":
        """From turns in order (conversation_id, role, content)."""
        owner = said["conversation_id"].rle_id().to_numpy().astype(np.int64)
        reply = (said["role"] == "assistant").to_numpy()
        words = said["content"].str.count_matches(r"\S+").to_numpy().astype(np.int64)
        found = np.zeros((len(owner), 0), np.float32)
        for side in (reply, ~reply):  # apart, for the two speak differently
            learned = vectors(said.filter(pl.Series(side))["content"], seed)
            found = found if found.size else np.zeros((len(owner), learned.shape[1]), np.float32)
            found[side] = learned
        none = np.zeros((int(owner[-1]) + 1, 0), np.float32)
        return cls(owner, reply, words, found, none if theirs is None else theirs, none if ours is None else ours)

    @property
    def count(self) -> int:
        return len(self.theirs)

    @property
    def replies(self) -> Indices:
        """Turns that are replies."""
        return np.flatnonzero(self.reply)

    def only(self, which: Mask) -> "Talks":
        """These conversations."""
        kept = which[self.owner]
        owner = (np.cumsum(which) - 1)[self.owner[kept]]
        turns = (self.reply[kept], self.words[kept], self.vectors[kept])
        return Talks(owner, *turns, self.theirs[which], self.ours[which])

    def summed(self, which: Mask) -> Floats:
        """Sum of the vectors of these turns by conversation."""
        total = np.zeros((self.count, self.vectors.shape[1]), np.float32)
        np.add.at(total, self.owner[which], self.vectors[which])
        return total


def doubts(talks: Talks, seed: int) -> tuple[Floats, Indices]:
    """By conversation: probability that replies are swapped if they were in half of all; the reply that fits least."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    fold = rng.permutation(talks.count) % FOLDS
    models = _correlations([[_moments(pair) for pair in _views(talks.only(fold == k))] for k in range(FOLDS)])
    seen, planted, kinds, least = [], [], [], np.zeros(talks.count, np.int64)
    for k in range(FOLDS):
        part = talks.only(fold == k)
        swapped, kind = _with_swaps(part, rng)
        features, least[fold == k] = _features(part, models[k])
        seen.append(features)
        planted.append(_features(swapped, models[k])[0])
        kinds.append(kind)
    probability: Floats = np.zeros(talks.count)
    for k in range(FOLDS):
        rest = [other for other in range(FOLDS) if other != k]
        examples = [*(seen[other] for other in rest), *(planted[other] for other in rest)]
        truth = [*(np.full(len(seen[other]), REAL) for other in rest), *(kinds[other] for other in rest)]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(np.concatenate(examples), np.concatenate(truth))
        probability[fold == k] = 1 - model.predict_proba(seen[k])[:, REAL]
    return probability, least


def most_alike(talks: Talks, rows: Indices, among: int, seed: int) -> Indices:
    """For each of these conversations, the one of a sample of others whose customer says the most similar."""
    wanted = unit(talks.summed(~talks.reply))
    sample = np.random.default_rng(seed).permutation(talks.count)[:among]
    likeness = wanted[rows] @ wanted[sample].T
    likeness[rows[:, None] == sample] = -1
    return np.asarray(sample[likeness.argmax(axis=1)])


def longest_reply(talks: Talks) -> Indices:
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


def _views(talks: Talks) -> list[Pair]:
    """All replies beside all the customer says; then each reply beside its question and all the customer says, beside
    all other turns, and beside the other replies."""
    theirs, ours = talks.summed(~talks.reply), talks.summed(talks.reply)
    at = talks.replies
    owner, said = talks.owner[at], talks.vectors[at]
    answers = (at > 0) & (talks.owner[at - 1] == owner) & ~talks.reply[at - 1]
    question = talks.vectors[at - 1] * answers[:, None]
    wanted, others = unit(theirs)[owner], unit(ours[owner] - said)
    return [
        (np.hstack([unit(theirs), talks.theirs / 2]), np.hstack([unit(ours), talks.ours / 2])),
        (np.hstack([question, wanted]), said),
        (np.hstack([question, wanted, others]), said),
        (others, said),
    ]


def _features(talks: Talks, models: "Sequence[_Correlation]") -> tuple[Floats, Indices]:
    """By conversation: the fit of the whole, the number of replies, and for each other view the worst, the mean and the
    longest reply's fit, (n, 11); and the reply that fits least among all other turns."""
    whole, *by_reply = [model.fit(*pair) for model, pair in zip(models, _views(talks), strict=True)]
    owner = talks.owner[talks.reply]
    number = np.bincount(owner)
    start = np.cumsum(number) - number
    longest = start + longest_reply(talks)
    columns = [whole, np.log(number)]
    for fit in by_reply:
        columns += [np.minimum.reduceat(fit, start), np.add.reduceat(fit, start) / number, fit[longest]]
    return np.column_stack(columns), _first_by_owner(owner, by_reply[1])


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
        return np.minimum(np.searchsorted(total, drawn, side="right"), start + number - 1)

    chosen, taken = one_of_each(), one_of_each()[donor]
    in_their_order = start[donor][owner] + np.minimum(place, number[donor][owner] - 1)
    source = np.where(every[owner], in_their_order, taken[owner])
    here = every[owner] | (start[owner] + place == chosen[owner])
    words, vectors_ = talks.words.copy(), talks.vectors.copy()
    words[at[here]], vectors_[at[here]] = talks.words[at[source[here]]], talks.vectors[at[source[here]]]
    ours = np.where(every[:, None], talks.ours[donor], talks.ours)
    return replace(talks, words=words, vectors=vectors_, ours=ours), np.where(every, ALL_SWAPPED, ONE_SWAPPED)


# -- canonical correlations --------------------------------------------------------------------------------------------

Moments = tuple[int, Floats, Floats]  # rows, their sum, the sum of their outer products


def _moments(pair: Pair) -> tuple[Moments, int]:
    """Of both sides joined, and the width of the left one."""
    joint = np.hstack(pair)
    return (len(joint), joint.sum(axis=0, dtype=np.float64), (joint.T @ joint).astype(np.float64)), pair[0].shape[1]


@dataclass(frozen=True)
class _Correlation:
    """How two sides go together: axes on which they correlate, and how strongly."""

    means: Pair
    axes: Pair
    strength: Floats

    def fit(self, left: Floats, right: Floats) -> Floats:
        """log p(left, right) / (p(left) p(right)) of each row, for jointly Gaussian sides."""
        a, b = ((side - mean) @ axes for side, mean, axes in zip((left, right), self.means, self.axes, strict=True))
        r = self.strength
        apart = (r**2 * (a**2 + b**2) - 2 * r * a * b) / (2 * (1 - r**2))
        return np.asarray((-0.5 * np.log(1 - r**2) - apart).sum(axis=1))


def _correlations(folds: Sequence[Sequence[tuple[Moments, int]]]) -> list[list[_Correlation]]:
    """For each fold, the correlations of each view over all other folds."""
    found = []
    for k in range(len(folds)):
        rest = [views for other, views in enumerate(folds) if other != k]
        found.append([_correlation([m for m, _ in same], same[0][1]) for same in zip(*rest, strict=True)])
    return found


def _correlation(parts: Sequence[Moments], width: int) -> _Correlation:
    rows = sum(part[0] for part in parts)
    mean = np.sum([part[1] for part in parts], axis=0) / rows
    covariance = np.sum([part[2] for part in parts], axis=0) / rows - np.outer(mean, mean)
    whiten = [_inverse_root(covariance[side, side]) for side in (slice(width), slice(width, None))]
    u, strength, v = np.linalg.svd(whiten[0] @ covariance[:width, width:] @ whiten[1], full_matrices=False)
    axes = ((whiten[0] @ u).astype(np.float32), (whiten[1] @ v.T).astype(np.float32))
    means = (mean[:width].astype(np.float32), mean[width:].astype(np.float32))
    return _Correlation(means, axes, np.clip(strength, 0, 0.999).astype(np.float32))


def _inverse_root(covariance: Floats) -> Floats:
    values, axes = np.linalg.eigh(covariance)
    values = np.maximum(values, 0) + SHRINKAGE * max(values.mean(), 1e-12)
    return np.asarray((axes / np.sqrt(values)) @ axes.T)
