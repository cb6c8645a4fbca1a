"""The ledger, part by part."""

from collections.abc import Iterable, Sequence

import polars as pl

from curation.core.record.ledger import FINDING, entries
from curation.privacy import masked

COPY = ~pl.col("survivor")  # of clusters


def in_order(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The ledger of all parts."""
    return pl.concat(parts).sort("row_id", "stage", "outcome", "code", "evidence", nulls_last=True)


def quarantine_entries(quarantine: pl.DataFrame, countries: Sequence[str]) -> pl.DataFrame:
    """Rows that could not be read, and rows that somebody asked to forget. A reason may quote the row."""
    outcome = pl.when(pl.col("code") == "forgotten").then(pl.lit("dropped")).otherwise(pl.lit("quarantined"))
    reason = pl.col("reason").map_elements(lambda text: masked(text, countries), return_dtype=pl.String)
    return entries(quarantine, "ingest", outcome=outcome, evidence=reason)


def part_entries(parts: pl.DataFrame) -> pl.DataFrame:
    """Rows that make up one conversation with another row, which is named; their words are in it or left out."""
    outcome = pl.when(pl.col("left_out").is_null()).then(pl.lit("part")).otherwise(pl.lit("left_out"))
    return entries(
        parts, "ingest", outcome=outcome, code=pl.col("left_out"), evidence=pl.format("part of {}", "part_of")
    )


def copy_entries(clusters: pl.DataFrame) -> pl.DataFrame:
    """Rows for which a survivor stands."""
    return entries(
        clusters.filter(COPY),
        "dedup",
        outcome="duplicate",
        code=pl.col("kind"),
        value=pl.col("similarity"),
        evidence=pl.format("copy of {}", "duplicate_of"),
    )


def finding_entries(rows: pl.DataFrame, found: pl.DataFrame, stage: str) -> pl.DataFrame:
    """Findings that the policy takes seriously."""
    serious = found.filter(pl.col("severity") != "info").join(
        rows.select("conversation_id", "row_id"), on="conversation_id"
    )
    turn = pl.when(pl.col("turn").is_null()).then(pl.lit("")).otherwise(pl.format("turn {}: ", pl.col("turn") + 1))
    return entries(serious, stage, outcome=FINDING, evidence=turn + pl.col("evidence").fill_null(""))


def masking_entries(masking: pl.DataFrame) -> pl.DataFrame:
    """How many values of which kinds were replaced."""
    return entries(masking, "curate", outcome=FINDING, code="masked")


def fate_entries(surviving: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """How each survivor was closed."""
    closed = fates.join(surviving.select("conversation_id", "row_id"), on="conversation_id")
    return entries(closed, pl.col("stage"))
