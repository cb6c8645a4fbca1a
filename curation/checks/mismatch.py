"""Replies that belong to another conversation."""

import numpy as np
import polars as pl

from curation.checks.check import NOTHING, Context, check, contents
from curation.checks.models.datalab import matrix
from curation.checks.models.swaps import Beside, Turns, doubts, longest_reply, most_alike
from curation.checks.models.words import Said, said_by_language, words_by_turn

REPORTED_FROM = 0.35
COMPARED = 2_000  # conversations among which a like one is looked for
QUOTED = 110  # characters of each reply in the evidence


@check(
    "mismatch",
    version=3,
    whole_set=True,
    in_groups=True,
    reads=words_by_turn,
    tried="along",
    source="canonical correlations (Bach and Jordan 2005), planted swaps, mixture proportions (Blanchard et al. 2010)",
)
def mismatch(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Replies that answer another conversation: exports joined by the wrong key, shifted rows, copied answers.

    Customers' words and replies become vectors (of words and letter trigrams, and embeddings where there are any).
    Canonical correlations over the set tell how much likelier a reply is beside these words than anywhere: all replies
    beside all the customer says, and each reply beside its question and the other turns. How far swapped replies fall
    behind is learned from swaps planted in the same set; a row is judged by models that did not see it.

    How many rows look like swaps beside how many planted ones do tells how many there can be: `value` = the share of
    swaps, at the most, among the rows that fit as badly; where nothing is swapped 2 to 3% of 1,200 rows reach a half,
    of large sets fewer, of a few hundred more. `turn` = the reply that fits least; `evidence` = it, and the reply to a
    like customer. Languages are judged apart, mixed rows with the script they have more of.

    Limits: it takes 200 conversations of a language, and learns from the first 5,000 by id, a fair sample. A reply
    about the same topic fits, and so does one that fits everywhere ("Goodbye."); where all conversations are alike a
    swap cannot be told.
    """
    found = [_observed(said, conversations, context) for said in said_by_language(conversations, context)]
    return pl.concat([NOTHING, *found], how="diagonal")


def _observed(said: Said, conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    seed, surviving = context.params.seed, said.conversations
    theirs, ours = (None if context.vectors is None else matrix(surviving, context, s) for s in ("vector", "reply"))
    talks = Turns.of(said, theirs, ours, seed)
    beside = None if context.planted is None else Beside.of(context.planted, said, talks)
    value, least, of_planted = doubts(talks, seed, beside)
    doubtful = np.flatnonzero(value >= REPORTED_FROM)
    alike = most_alike(talks, doubtful, COMPARED, seed)
    longest = longest_reply(talks)
    replies = said.turns.filter(pl.Series(said.reply))
    first = np.searchsorted(talks.owner[talks.reply], np.arange(talks.count))
    odd, told = replies[first[doubtful] + least[doubtful]], replies[first[alike] + longest[alike]]
    texts = contents(pl.concat([odd, told]), conversations, context)
    quoted = zip(texts[: odd.height], texts[odd.height :], strict=True)
    found = pl.DataFrame(
        {
            "conversation_id": surviving["conversation_id"].gather(doubtful),
            "code": pl.repeat("response_mismatch", len(doubtful), eager=True),
            "value": pl.Series([round(one, 4) for one in value[doubtful].tolist()], dtype=pl.Float64),
            "threshold": pl.repeat(REPORTED_FROM, len(doubtful), eager=True),
            "turn": odd["turn"],
            "evidence": pl.Series([_evidence(one, other) for one, other in quoted], dtype=pl.String),
        }
    )
    if beside is None:
        return found
    told = pl.DataFrame({"conversation_id": beside.keys, "value": of_planted}).filter(pl.col("value") >= REPORTED_FROM)
    spoilt = told.with_columns(pl.col("value").round(4), code=pl.lit("response_mismatch"))
    return pl.concat([found, spoilt], how="diagonal")


def _evidence(*replies: str) -> str:
    odd, told = (" ".join(text.split())[:QUOTED] for text in replies)
    return f"{odd} | a like customer was told: {told}"
