"""Replies too short to teach anything, and too long to be anybody's phrasing."""

import polars as pl

from curation.checks.check import Context, check
from curation.core.record.conversation import turns


@check("length", source="counting words between white space")
def length(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Words of all replies together, and of the longest one: `value`, for every conversation with a reply.

    The policy says what is too short and too long. Code and tables count as words too.
    """
    replies = turns(conversations).filter((pl.col("role") == "assistant") & (pl.col("content") != ""))
    words = replies.with_columns(words=pl.col("content").str.count_matches(r"\S+").cast(pl.Float64))
    each = words.group_by("conversation_id", maintain_order=True).agg(
        reply_words=pl.col("words").sum(), longest_reply_words=pl.col("words").max()
    )
    return each.unpivot(index="conversation_id", variable_name="code", value_name="value")
