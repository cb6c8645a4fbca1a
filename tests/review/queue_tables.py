"""The tables that push and pull read, for conversations of which every one is doubted."""

from pathlib import Path

import polars as pl

from curation.checks.check import FINDINGS
from curation.embed import NO_VECTORS
from tests.builders import save, save_codes


def write_tables(folder: Path, table: pl.DataFrame, turn: int | None = None) -> None:
    """data/ of a project whose queue holds the conversations in their order, doubted for `ungrounded_price`."""
    seen = "<img src=x onerror='window.ran = 6'>"
    queue = table.select(
        "conversation_id",
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        priority=pl.lit(0.5),
        reason=pl.lit("doubt"),
        codes=pl.lit(["ungrounded_price"]),
        evidence=pl.lit([f"ungrounded_price: {seen}"]),
        verdict=pl.lit("review"),
        group="conversation_id",
    )
    findings = table.select(
        "conversation_id",
        check=pl.lit("facts"),
        code=pl.lit("ungrounded_price"),
        severity=pl.lit("doubt"),
        value=pl.lit(1.0),
        threshold=pl.lit(1.0),
        turn=pl.lit(turn),
        evidence=pl.lit(seen),
        rule_version=pl.lit(1),
    ).cast(dict(FINDINGS))
    for place, content in {
        "ingested/conversations": table,
        "routed/queue": queue,
        "routed/verdicts": queue.select("conversation_id", "codes", "priority", verdict=pl.lit("review")),
        "scored/findings": findings,
        "embedded/vectors": pl.DataFrame(schema=NO_VECTORS),
    }.items():
        save(folder, place, content)
    save_codes(folder)
