"""Conversations whose sides are exchanged: what the customer says stands under the team's name."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks import Context, check
from curation.checks._words import LEAST, Floats, by_language, spoken, words_and_grams

FOLDS = 4
REPORTED_FROM = 0.5
WEAKLY = 1e4  # regularised: there is one weight

Mask = npt.NDArray[np.bool_]


@check(
    "roles",
    {"roles_unlikely": "doubt"},
    whole_set=True,
    source="naive Bayes on who speaks, cross-validated over the set itself",
)
def roles(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Sides exchanged by an export: replies speak as the customers of this set do, and customers as its replies.

    Who speaks is learned from the words of all turns and their letter trigrams; a conversation is judged by counts that
    it is no part of. `value` = probability that its sides are exchanged if half the set's were. Languages apart.

    Limits: 200 conversations of a language are needed, most of them with their sides in order.
    """
    for part in by_language(conversations):
        said = spoken(part)
        keys = said["conversation_id"].unique(maintain_order=True)
        if len(keys) >= LEAST:
            value = exchanged(said, context.params.seed)
            for row in np.flatnonzero(value >= REPORTED_FROM):
                seen = {
                    "conversation_id": keys[int(row)],
                    "code": "roles_unlikely",
                    "value": round(float(value[row]), 4),
                }
                yield {**seen, "threshold": REPORTED_FROM, "evidence": "the customer speaks as replies of this set do"}


def exchanged(said: pl.DataFrame, seed: int) -> Floats:
    """Probability by conversation, in their order, that its sides are exchanged."""
    from sklearn.linear_model import LogisticRegression

    owner = said["conversation_id"].rle_id().to_numpy().astype(np.int64)
    reply = (said["role"] == "assistant").to_numpy()
    count = int(owner[-1]) + 1
    fold = np.random.default_rng(seed).permutation(count) % FOLDS
    words, grams, _ = words_and_grams(said["content"])
    odds = np.zeros(len(owner))
    for k in range(FOLDS):
        here = fold[owner] == k
        odds[here] = words[here] @ _log_odds(words, grams, reply & ~here, ~reply & ~here)

    length = np.asarray(words.sum(axis=1)).ravel()

    def mean(which: Mask) -> Floats:
        """Of the odds of all words on one side, by conversation."""
        said = np.bincount(owner[which], length[which], count)
        return np.bincount(owner[which], odds[which], count) / np.maximum(said, 1)

    # An exchanged conversation has the opposite of this sign, so no intercept and no planted example are needed.
    apart = mean(reply) - mean(~reply)
    scale = LogisticRegression(C=1e4, fit_intercept=False).fit(
        np.concatenate([apart, -apart])[:, None], np.repeat([False, True], count)
    )
    return np.asarray(scale.predict_proba(apart[:, None])[:, 1])


def _log_odds(words: Any, grams: Any, ours: Mask, theirs: Mask) -> Floats:
    """Of each word: how much likelier its grams are in replies than in what customers say, in their mean."""
    by_gram = [np.log(np.asarray(words[side].sum(axis=0)).ravel() @ grams + 1) for side in (ours, theirs)]
    total = [np.logaddexp.reduce(side) for side in by_gram]
    odds = (by_gram[0] - total[0]) - (by_gram[1] - total[1])
    mean: Floats = (grams @ odds) / np.asarray(grams.sum(axis=1)).ravel()
    return mean
