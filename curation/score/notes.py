"""What is true of the set as a whole and of no single row."""

from collections.abc import Iterator

import polars as pl

from curation.checks import checks
from curation.checks.check import Context
from curation.checks.models.datalab import graph, issues, matrix
from curation.record.codes import SKIPPED
from curation.similarity.neighbours import SAMPLE

NOTES = pl.Schema(
    {
        "code": pl.String,
        "value": pl.Float64,
        "evidence": pl.String,  # a sentence for people
    }
)
DRIFT_BELOW = 0.01  # p-value


def notes(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """NOTES on the set."""
    return pl.DataFrame(list(_notes(conversations, context)), schema=NOTES, orient="row")


def _notes(conversations: pl.DataFrame, context: Context) -> Iterator[tuple[str, float, str]]:
    for name in sorted(context.params.skip):
        yield f"{SKIPPED}{name}", 1, f"score.skip: the check {name} saw nothing"
    if context.vectors is None:
        if silent := [check.name for check in checks(context.params.skip).values() if check.needs_vectors]:
            yield "no_vectors", len(silent), f"embed.model is none: {', '.join(silent)} saw nothing"
    elif conversations.height > 5 * context.params.outlier_neighbours:
        yield _order(conversations, context)


def _order(conversations: pl.DataFrame, context: Context) -> tuple[str, float, str]:
    """Whether rows near in time are near in content: cleanlab's non_iid (Cummings et al. 2023), on at most SAMPLE rows.

    The order is that of `created_at`, and that of the raw files where rows have none.
    """
    sample = conversations.sort("conversation_id").head(SAMPLE)  # ids are hashes, so a fair one
    ordered = sample.sort("created_at", "source_file", "source_row", nulls_last=True)
    near = graph(matrix(ordered, context), context.params.outlier_neighbours)
    _, told = issues("non_iid", {"id": ordered["conversation_id"].to_list()}, {}, knn_graph=near)
    value = float(told["p-value"])
    means = (
        "what customers say changes over time, or with the files; a later model will meet other questions than these"
        if value < DRIFT_BELOW
        else "the order of the rows tells nothing about what they say"
    )
    return "non_iid", round(value, 6), f"{means} (p = {value:.2g})"
