"""Rows whose replies may state a fact, with what is read of them."""

import polars as pl

from curation.core.record.conversation import as_taught, turns
from curation.core.text.facts.likely import may_state_one

_READ = ("role", "content", "tool_calls", "reasoning")  # of a message
TOLD = ("conversation_id", "language", "source_file", "created_at")  # of a row


def may_state(rows: pl.DataFrame) -> pl.DataFrame:
    """Those of the rows, CURATED: TOLD, the messages, `turn`, whose words may, and `thought`, whose reasoning may.

    Both are ascending turns of replies that are to be learnt; either may be empty.
    """
    replies = turns(as_taught(rows), "reasoning").filter(pl.col("role") == "assistant")
    looked_at = replies.select(
        "conversation_id",
        "turn",
        says=may_state_one(pl.col("content")),
        thinks=may_state_one(pl.col("reasoning")),
    )
    places = (
        looked_at.filter(pl.col("says") | pl.col("thinks"))
        .group_by("conversation_id")
        .agg(
            pl.col("turn").filter("says").unique().sort(),
            thought=pl.col("turn").filter("thinks").unique().sort(),
        )
    )
    read = pl.struct(pl.element().struct.field(name) for name in _READ)
    worth = rows.select(*TOLD, "messages").join(places, on="conversation_id", maintain_order="left")
    return worth.with_columns(pl.col("messages").list.eval(read))
