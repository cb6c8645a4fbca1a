"""What is said as patterns look for it: folded once for all checks that ask for it."""

import polars as pl

from curation.core.record.conversation import turns
from curation.core.text.folding import folded

FOLDED = "folded"  # a column beside those of the record: of each message its content


def with_folded(conversations: pl.DataFrame) -> pl.DataFrame:
    """The conversations with what `turns_folded` then need not fold."""
    contents = pl.col("messages").list.eval(folded(pl.element().struct.field("content")))
    return conversations.with_columns(contents.alias(FOLDED))


def turns_folded(conversations: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """`turns` with their content `folded`."""
    said = turns(conversations, *columns)
    if FOLDED in conversations.columns:
        return said.with_columns(conversations[FOLDED].explode(empty_as_null=False))
    return said.with_columns(folded(pl.col("content")).alias(FOLDED))
