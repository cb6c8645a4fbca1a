"""Conversations unlike all others: off-topic, spam, another team's, or a rare case worth keeping."""

import polars as pl

from curation.checks.check import NOTHING, Context, check
from curation.checks.models.datalab import graph, issues, near

REPORTED_FROM = 0.95


@check(
    "outliers",
    whole_set=True,
    needs_vectors=True,
    tried="never",
    source="Kuan and Mueller 2022, Back to the Basics: Revisiting Out-of-Distribution Detection Baselines; cleanlab",
)
def outliers(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """What customers say that is far from all that other customers say, by the distance to its nearest neighbours.

    `value` = share of the set that is less outlying: cleanlab's order is good, its absolute score means little.
    Languages are ranked apart, so that the smaller one is not taken for an outlier of the larger. Above 30,000 rows of
    a language the neighbours are sought in a fixed sample of 10,000. A language of few rows is not judged.
    """
    ranked = [_ranked(part, context) for part in conversations.sort("conversation_id").partition_by("language")]
    found = pl.concat([NOTHING, *ranked], how="diagonal").filter(pl.col("value") >= REPORTED_FROM)
    return found.with_columns(code=pl.lit("outlier"), threshold=pl.lit(REPORTED_FROM))


def _ranked(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    neighbours = context.params.outlier_neighbours
    if conversations.height <= 5 * neighbours:
        return NOTHING
    ids = conversations["conversation_id"].to_list()  # sorted hashes: the first are a fair sample
    told = near(conversations, context, f"{conversations['language'][0]}")
    found, _ = issues("outlier", {"id": ids}, {"k": neighbours}, knn_graph=graph(told.places, told.distances))
    score = pl.Series(found["outlier_score"].to_numpy())
    rank = (-score).rank("min") - 1
    return conversations.select("conversation_id", value=rank / (conversations.height - 1))
