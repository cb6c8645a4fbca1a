"""Conversations unlike all others: off-topic, spam, another team's, or a rare case worth keeping."""

import polars as pl

from curation.checks import Context, check
from curation.checks._datalab import issues, matrix

REPORTED_FROM = 0.95


@check("outliers", {"outlier": "doubt"}, whole_set=True)
def outliers(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """`value` = share of the set that is less outlying: cleanlab's order is good, its absolute score means little.

    Kuan and Mueller 2022, "Back to the Basics" (mean distance to the nearest neighbours by embedding). Languages are
    ranked apart, so that the smaller one is not taken for an outlier of the larger.
    """
    if context.vectors is None:
        return pl.DataFrame(schema=["conversation_id", "code", "value"])
    ranked = [_ranked(part, context) for part in conversations.sort("conversation_id").partition_by("language")]
    return (
        pl.concat([*ranked, _EMPTY])
        .filter(pl.col("value") >= REPORTED_FROM)
        .with_columns(code=pl.lit("outlier"), threshold=pl.lit(REPORTED_FROM))
    )


_EMPTY = pl.DataFrame(schema={"conversation_id": pl.String, "value": pl.Float64})


def _ranked(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    neighbours = context.params.outlier_neighbours
    if conversations.height <= 5 * neighbours:
        return _EMPTY
    found = issues(
        "outlier",
        {"id": conversations["conversation_id"].to_list()},
        features=matrix(conversations, context),
        k=neighbours,
    )
    score = pl.Series(found["outlier_score"])
    rank = (-score).rank("min") - 1
    return conversations.select("conversation_id", value=rank / (conversations.height - 1))
