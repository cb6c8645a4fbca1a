"""What happened to every raw row, and the law that none is lost.

The ledger has one row per event. Events with an outcome of CLOSINGS close a raw row; FINDING events say what led
there. The law: every raw row, as its file holds it and before any are joined to a conversation, is closed exactly once,
and nothing is closed that was never read.

Several raw rows may make one conversation: a ticket of five messages has five. One of them, whose row_id is the
conversation's, is closed by what became of it (OUTCOMES), the others as its parts (PARTS).
"""

import polars as pl

from curation.harness.errors import QiratError

OUTCOMES = (
    "accepted",  # no check objected
    "kept",  # a person looked and kept it
    "edited",  # a person corrected it; the corrected words are in the curated set
    "dropped",  # rejected by policy or by a person
    "held",  # doubtful and not yet decided: neither used nor lost
    "duplicate",  # a survivor named in the evidence stands for it
    "quarantined",  # could not be read
)
PARTS = (
    "part",  # the conversation named in the evidence stands for it: see there
    "left_out",  # of that conversation too, but its words are in no message: a note of the team, a notice of the app
)
CLOSINGS = (*OUTCOMES, *PARTS)
FINDING = "finding"

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "row_id": pl.String,
    "conversation_id": pl.String,  # null for quarantined rows and for parts
    "stage": pl.String,
    "outcome": pl.String,
    "code": pl.String,  # of a finding; of a closed row the cause, one
    "contributing": pl.List(pl.String),  # of a closed row: what else spoke against it
    "value": pl.Float64,  # of what the code names
    "threshold": pl.Float64,  # the policy's limit for it, not the value from which the check reports
    "evidence": pl.String,
    "rule_version": pl.Int32,
}
SCHEMA = pl.Schema(_COLUMNS)


def entries(table: pl.DataFrame, stage: pl.Expr | str, **columns: pl.Expr | str) -> pl.DataFrame:
    """Ledger rows out of any table: columns of the schema are taken as they are, named ones from `columns`."""
    given = {name: pl.lit(e) if isinstance(e, str) else e for name, e in {"stage": stage, **columns}.items()}
    table = table.with_columns(**given)
    missing = [name for name in SCHEMA if name not in table.columns]
    return table.with_columns(pl.lit(None).alias(name) for name in missing).select(
        pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()
    )


def closings(ledger: pl.DataFrame) -> pl.DataFrame:
    """The closing event of each raw row."""
    return ledger.filter(pl.col("outcome") != FINDING)


def outcomes(ledger: pl.DataFrame) -> pl.DataFrame:
    """The closing event of each conversation, and of each raw row that could not be read: all but the parts of one."""
    return closings(ledger).filter(~pl.col("outcome").is_in(PARTS))


def counts(ledger: pl.DataFrame) -> dict[str, int]:
    """Raw rows per outcome, every one of CLOSINGS named, with two sums.

    `records` is all that the files hold; `raw`, of which shares are taken, is `records` without PARTS.
    """
    found = dict(closings(ledger.select("outcome"))["outcome"].value_counts().iter_rows())
    each = {name: found.get(name, 0) for name in CLOSINGS}
    return {"records": sum(found.values()), "raw": sum(each[name] for name in OUTCOMES), **each}


def assert_law(ledger: pl.DataFrame, raw_row_ids: pl.Series) -> None:
    """Stops with the rows at fault unless every raw row is closed exactly once by a known outcome."""
    closed = closings(ledger.select("row_id", "outcome"))
    raw = raw_row_ids.rename("row_id").to_frame()
    faults = {
        "read twice under one row_id": raw.filter(raw.is_duplicated())["row_id"],
        "closed by an unknown outcome": closed.filter(~pl.col("outcome").is_in(CLOSINGS))["row_id"],
        "closed more than once": closed.filter(closed["row_id"].is_duplicated())["row_id"],
        "lost": raw.join(closed, on="row_id", how="anti")["row_id"],
        "closed but never read": closed.join(raw, on="row_id", how="anti")["row_id"],
    }
    for fault, rows in faults.items():
        if len(rows):
            shown = ", ".join(rows.unique().sort().head(3))
            raise QiratError(
                f"the ledger does not add up: {len(rows):,} raw rows {fault} (first: {shown}). "
                "This is a defect of the pipeline, not of your data; please report it with these row ids."
            )
