"""Conversations whose messages may stand in another order than they were said in, or at a time nobody knows."""

import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.folded import FOLDED
from curation.core.record.times import ORDER_UNSURE, TIMES_UNREAD
from curation.core.text.direction import backwards

REPORTED_FROM = 0.75  # beyond it 0.1% of STAR, Taskmaster-4 and SGD; turned round, 96%, 43% and 97% of them


@check("order", version=3, source="closing words before opening ones, by lists; what ingest says of times")
def order(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Conversations that read as if their end came first: `value` = how far closing words stand before opening ones.

    And those whose times ingest could not read, or with day and month in either order: `order_unsure` where the order
    of messages hangs on them, `times_unread` where no more than a date is lost.
    """
    said = conversations[FOLDED].explode(empty_as_null=False) if FOLDED in conversations.columns else None
    read = backwards(conversations, said).filter(pl.col("value") >= REPORTED_FROM)
    turned = read.with_columns(
        code=pl.lit("reads_backwards"), threshold=pl.lit(REPORTED_FROM), evidence=pl.lit(None, pl.String)
    )
    told = conversations.select("conversation_id", evidence=pl.col("metadata").str.json_path_match(f"$.{TIMES_UNREAD}"))
    unsure = pl.col("evidence").str.ends_with(ORDER_UNSURE)
    unread = told.drop_nulls("evidence").with_columns(
        value=pl.lit(1.0),
        code=pl.when(unsure).then(pl.lit("order_unsure")).otherwise(pl.lit("times_unread")),
        threshold=pl.lit(1.0),
    )
    return pl.concat([turned, unread.select(turned.columns)])
