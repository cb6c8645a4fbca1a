"""The whole story of a row, out of the tables the stages left: `qirat why`."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from curation.ledger import FINDING, OUTCOMES, outcomes
from curation.stage import QiratError, table_path

SHORTEST_ID = 6  # hex digits that still name a conversation
SPLITS = ("train", "dev", "test")


def why(wanted: str) -> str:
    """Everything the ledger knows of a row, by row_id, conversation_id or the beginning of one."""
    ledger = _table("ledger")
    rows = _rows_named(ledger, wanted)
    if rows.is_empty():
        raise QiratError(
            f"no row is called {wanted!r}; give a row_id (source_file:row) or at least {SHORTEST_ID} digits of a "
            "conversation_id, as the report, Argilla and `qirat why --outcome dropped` show them"
        )
    return "\n\n".join("\n".join(_story(ledger, row_id)) for row_id in rows["row_id"].to_list())


def listed(outcome: str | None, code: str | None, sample: int, seed: int = 0) -> str:
    """A seeded sample of closed rows by outcome and code, one line each."""
    if outcome is not None and outcome not in OUTCOMES:
        raise QiratError(f"there is no outcome {outcome!r}; expected one of {', '.join(OUTCOMES)}")
    ledger = _table("ledger")
    closed = outcomes(ledger)
    if outcome is not None:
        closed = closed.filter(pl.col("outcome") == outcome)
    if code is not None:
        carrying = ledger.filter(pl.col("code").str.split(", ").list.contains(code))["row_id"].unique().implode()
        closed = closed.filter(pl.col("row_id").is_in(carrying))
    shown = closed.sort("row_id").sample(min(sample, closed.height), seed=seed, shuffle=False).sort("row_id")
    lines = [_closing(row_id, end, code, evidence) for row_id, end, code, evidence in _columns(shown)]
    return "\n".join([*lines, f"{shown.height:,} of {closed.height:,} rows; `qirat why ROW` tells the whole story"])


def _rows_named(ledger: pl.DataFrame, wanted: str) -> pl.DataFrame:
    closed = outcomes(ledger)
    exact = closed.filter((pl.col("row_id") == wanted) | (pl.col("conversation_id") == wanted))
    if exact.height or len(wanted) < SHORTEST_ID:
        return exact
    found = closed.filter(pl.col("conversation_id").str.starts_with(wanted))
    return found if found["conversation_id"].n_unique() <= 1 else found.clear()


def _story(ledger: pl.DataFrame, row_id: str) -> Iterator[str]:
    events = ledger.filter(pl.col("row_id") == row_id)
    end = outcomes(events).row(0, named=True)
    yield _closing(row_id, end["outcome"], end["code"], end["evidence"])
    yield f"  conversation {end['conversation_id'] or '(none: it could not be read)'}, closed by {end['stage']}"
    for event in events.filter(pl.col("outcome") == FINDING).iter_rows(named=True):
        limit = "" if event["threshold"] is None else f", limit {event['threshold']:g}"
        evidence = f": {event['evidence']}" if event["evidence"] else ""
        yield f"  {event['stage']} found {event['code']} (value {event['value']:g}{limit}){evidence}"
    yield from _whereabouts(end["conversation_id"])
    yield from _words(row_id)


def _whereabouts(conversation_id: str | None) -> Iterator[str]:
    for part in SPLITS:
        path = table_path(f"splits/{part}")
        if conversation_id and path.exists():
            there = pl.read_parquet(path, columns=["conversation_id", "parent_id"])
            if there.filter(pl.any_horizontal(pl.all() == conversation_id)).height:
                yield f"  it is in {part}"


def _words(row_id: str) -> Iterator[str]:
    conversations = _table("ingested/conversations").filter(pl.col("row_id") == row_id)
    for row in conversations.iter_rows(named=True):
        labelled = f", label {row['label']}" if row["label"] else ""
        yield f"  read as {row['source']}, language {row['language']}{labelled}"
        for turn, m in enumerate(row["messages"], 1):
            indented = m["content"].replace("\n", "\n      ")
            yield f"  {turn:>3} {m['role']}: {indented}"
    for raw in _table("ingested/quarantine").filter(pl.col("row_id") == row_id)["raw"]:
        yield f"  as it stood in the file: {raw}"


def _closing(row_id: str, outcome: str, code: str | None, evidence: str | None) -> str:
    return f"{row_id}: {outcome}" + (f" for {code}" if code else "") + (f" ({evidence})" if evidence else "")


def _columns(rows: pl.DataFrame) -> Iterator[tuple[str, str, str | None, str | None]]:
    return rows.select("row_id", "outcome", "code", "evidence").iter_rows()


def _table(name: str) -> pl.DataFrame:
    path: Path = table_path(name)
    if not path.exists():
        raise QiratError(f"{path} is missing; run `dvc repro curate` first")
    return pl.read_parquet(path)
