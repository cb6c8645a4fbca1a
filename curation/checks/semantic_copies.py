"""Conversations that say what another one says, on both sides, in nearly the same words."""

import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.datalab import matrix
from curation.similarity.neighbours import copies

REPORTED_FROM = 0.9


@check(
    "semantic_copies",
    whole_set=True,
    needs_vectors=True,
    tried="never",
    source="Abbas et al. 2023, SemDeDup; Charikar 2002, Similarity Estimation Techniques from Rounding Algorithms",
)
def semantic_copies(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The later one of two conversations whose customers and whose replies are both near each other.

    `value` = the smaller of the two cosines to the likest earlier conversation, `evidence` = that one's row. The limit
    is absolute, unlike that of cleanlab's near-duplicates, which moves with the set. Vectors hardly see a number, a
    name or a "not" that makes all the difference: these are candidates to look at or to thin out, never to drop by
    themselves. Above 30,000 rows some copies go unseen.
    """
    ordered = conversations.sort("created_at", "conversation_id", nulls_last=True)  # wherever they lie
    left, right = (matrix(ordered, context, side) for side in ("vector", "reply"))
    earlier, value = copies(left, right, REPORTED_FROM, context.params.seed)
    return (
        ordered.select("conversation_id", earlier=pl.Series(earlier), value=pl.Series(value).cast(pl.Float64).round(4))
        .filter(pl.col("earlier") >= 0)
        .with_columns(
            code=pl.lit("semantic_copy"),
            threshold=pl.lit(REPORTED_FROM),
            evidence=ordered["row_id"].gather(pl.Series(earlier).filter(pl.Series(earlier) >= 0)),
        )
        .drop("earlier")
    )
