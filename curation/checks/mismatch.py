"""Replies that belong to another conversation."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from curation.checks import Context, check
from curation.checks._datalab import matrix
from curation.checks._fit import Talks, doubts, longest_reply, most_alike
from curation.checks._words import Said, said_by_language

REPORTED_FROM = 0.5
COMPARED = 2_000  # conversations among which a like one is looked for
QUOTED = 110  # characters of each reply in the evidence


@check(
    "mismatch",
    {"response_mismatch": "doubt"},
    version=2,
    whole_set=True,
    source="canonical correlations as Gaussian mutual information (Bach and Jordan 2005), judged by planted swaps",
)
def mismatch(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Replies that answer another conversation: exports joined by the wrong key, shifted rows, copied answers.

    Customers' words and replies become vectors (of words and letter trigrams, and embeddings where there are any).
    Canonical correlations over the set tell how much likelier a reply is beside these words than anywhere: all replies
    beside all the customer says, and each reply beside its question and the other turns. How far swapped replies fall
    behind is learned from swaps planted in the same set; a row is judged by models that did not see it. `value` =
    probability of a swap if half the rows had one; `turn` = the reply that fits least; `evidence` = it, and the
    reply to a like customer. Languages are judged apart, mixed rows with the script they have more of.

    Limits: it takes 200 conversations of a language, and learns from the first 20,000 by id, a fair sample. A reply
    about the same topic fits, and so does one that fits everywhere ("Goodbye."); where all conversations are alike a
    swap cannot be told.
    """
    for said in said_by_language(conversations):
        yield from _observed(said, context)


def _observed(said: Said, context: Context) -> Iterator[Mapping[str, Any]]:
    seed, standing = context.params.seed, said.conversations
    theirs, ours = (None if context.vectors is None else matrix(standing, context, s) for s in ("vector", "reply"))
    talks = Talks.of(said, theirs, ours, seed)
    value, least = doubts(talks, seed)
    doubtful = np.flatnonzero(value >= REPORTED_FROM)
    alike = most_alike(talks, doubtful, COMPARED, seed)
    longest = longest_reply(talks)
    replies = said.turns.filter(pl.Series(said.reply))
    first = np.searchsorted(talks.owner[talks.reply], np.arange(talks.count))
    for row, other in zip(doubtful, alike, strict=True):
        at = int(first[row] + least[row])
        told = replies["content"][int(first[other] + longest[other])]
        yield {
            "conversation_id": standing["conversation_id"][int(row)],
            "code": "response_mismatch",
            "value": round(float(value[row]), 4),
            "threshold": REPORTED_FROM,
            "turn": replies["turn"][at],
            "evidence": f"{_quoted(replies['content'][at])} | a like customer was told: {_quoted(told)}",
        }


def _quoted(text: str) -> str:
    return " ".join(text.split())[:QUOTED]
