"""Conversations that stand in an evaluation set: trained on, they make its score a lie."""

import polars as pl

from curation.checks import Context, check
from curation.shingles import shingle, spoken, words

REPORTED_FROM = 0.2
WHOLE_FROM = 0.5
PHRASE_SHARE, PHRASE_LEAST = 0.005, 10  # word runs of so many conversations are the team's phrases, not a leak


@check("leaks", {"evaluation_leak": "fatal"})
def leaks(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """`value` = share of an evaluation conversation's word runs that the row contains, the most contained one.

    What the whole set says all the time (greetings, closings) does not count on either side.
    """
    here, there = (_runs(table, context.params.evaluation_words) for table in (conversations, context.evaluation))
    phrases = here.group_by("hash").len().filter(pl.col("len") > max(PHRASE_LEAST, PHRASE_SHARE * conversations.height))
    whole, telling = _contained(here, there), _contained(here, there.join(phrases, on="hash", how="anti"))
    # A conversation that leaked many times looks like a phrase: what is contained for the most part counts anyway.
    share = pl.concat([telling, whole.filter(pl.col("value") >= WHOLE_FROM)])
    most = share.sort("value", "key_there", descending=[True, False]).unique("key", keep="first", maintain_order=True)
    named = context.evaluation.select("conversation_id", "row_id")
    return (
        most.filter(pl.col("value") >= REPORTED_FROM)
        .join(named, left_on="key_there", right_on="conversation_id")
        .select(
            conversation_id="key",
            code=pl.lit("evaluation_leak"),
            value="value",
            threshold=pl.lit(REPORTED_FROM),
            evidence=pl.col("row_id"),
        )
    )


def _contained(here: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """key, key_there and the share of the runs of each that stand in the other, where any does."""
    sizes = there.group_by("key").agg(size=pl.len())
    shared = here.join(there, on="hash", suffix="_there").group_by("key", "key_there").agg(shared=pl.len())
    share = shared.join(sizes, left_on="key_there", right_on="key")
    return share.select("key", "key_there", value=pl.col("shared") / pl.col("size"))


def _runs(conversations: pl.DataFrame, size: int) -> pl.DataFrame:
    """key (conversation_id) and hash of each distinct word run."""
    shingles = shingle(words(spoken(conversations)), size)
    keys = pl.Series(shingles.ids, dtype=pl.String).gather(shingles.rows())
    return pl.DataFrame({"key": keys, "hash": shingles.flat})
