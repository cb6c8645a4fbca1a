"""Conversations whose sides are exchanged: what the customer says stands under the team's name."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.words import Floats, Mask, Said, said_by_language, words_by_turn

FOLDS = 4
REPORTED_FROM = 0.5
WEAKLY = 1e4  # regularised: there is one weight


@check(
    "roles",
    whole_set=True,
    in_groups=True,
    reads=words_by_turn,
    source="naive Bayes on who speaks, cross-validated over the set itself",
)
def roles(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Sides exchanged by an export: replies speak as the customers of this set do, and customers as its replies.

    Who speaks is learned from the words of all turns and their letter trigrams; a conversation is judged by counts that
    it is no part of. `value` = probability that its sides are exchanged if half the set's were. Languages apart.

    Limits: 200 conversations of a language are needed, most of them with their sides in order.
    """
    for said in said_by_language(conversations, context):
        keys = said.conversations["conversation_id"]
        value = exchanged(said, context.params.seed)
        for row in np.flatnonzero(value >= REPORTED_FROM):
            seen = {"conversation_id": keys[int(row)], "code": "roles_unlikely", "value": round(float(value[row]), 4)}
            yield {**seen, "threshold": REPORTED_FROM, "evidence": "the customer speaks as replies of this set do"}


def exchanged(said: Said, seed: int) -> Floats:
    """Probability by conversation, in their order, that its sides are exchanged."""
    from sklearn.linear_model import LogisticRegression

    count = said.conversations.height
    fold = (np.random.default_rng(seed).permutation(count) % FOLDS)[said.owner]
    odds = np.zeros(len(said.owner))
    for k in range(FOLDS):
        here = fold == k
        odds[here] = (said.counts @ _log_odds(said, said.reply & ~here, ~said.reply & ~here))[said.text[here]]

    length = np.asarray(said.counts.sum(axis=1)).ravel()[said.text]

    def mean(which: Mask) -> Floats:
        """Of the odds of all words on one side, by conversation."""
        words = np.bincount(said.owner[which], length[which], count)
        return np.bincount(said.owner[which], odds[which], count) / np.maximum(words, 1)

    # An exchanged conversation has the opposite of this sign, so no intercept and no planted example are needed.
    apart = mean(said.reply) - mean(~said.reply)
    scale = LogisticRegression(C=WEAKLY, fit_intercept=False).fit(
        np.concatenate([apart, -apart])[:, None], np.repeat([False, True], count)
    )
    return np.asarray(scale.predict_proba(apart[:, None])[:, 1])


def _log_odds(said: Said, ours: Mask, theirs: Mask) -> Floats:
    """Of each word: how much likelier its grams are in replies than in what customers say, in their mean."""
    by_gram = [np.log(said.times(side) @ said.counts @ said.grams + 1) for side in (ours, theirs)]
    total = [np.logaddexp.reduce(side) for side in by_gram]
    odds = (by_gram[0] - total[0]) - (by_gram[1] - total[1])
    mean: Floats = (said.grams @ odds) / np.asarray(said.grams.sum(axis=1)).ravel()
    return mean
