"""A project folder whose pipeline has run on a handful of conversations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curation.core.record.conversation import conversations
from tests.builders import save, save_codes

FINDINGS = {"conversation_id": pl.String, "code": pl.String, "turn": pl.Int32, "value": pl.Float64}
QUEUE = ("conversation_id", "rank", "priority", "reason", "codes", "evidence", "verdict", "group")


def project(folder: Path, rows: Sequence[Mapping[str, Any]], vectors: pl.DataFrame | None = None) -> list[str]:
    """Writes the tables that the review reads, and returns the conversation ids.

    A row has messages and may have language, label, verdict (review), codes, priority (0.5) and reason (doubt).
    """
    table = conversations(
        [
            {"row_id": f"f:{n}", "source": "t", "language": row.get("language", "en"), "label": row.get("label")}
            | {"messages": row["messages"]}
            for n, row in enumerate(rows, 1)
        ]
    )
    ids = table["conversation_id"].to_list()
    judged = [
        {
            "conversation_id": key,
            "verdict": row.get("verdict", "review"),
            "codes": row.get("codes", ["outlier"]),
            "priority": row.get("priority", 0.5),
            "reason": row.get("reason", "doubt"),
            "evidence": ["outlier: far"],
            "rank": rank,
            "group": key,
        }
        for rank, (key, row) in enumerate(zip(ids, rows, strict=True), 1)
    ]
    verdicts = pl.DataFrame(judged, schema_overrides={"codes": pl.List(pl.String)})
    findings = [
        {"conversation_id": v["conversation_id"], "code": code, "value": 1.0} for v in judged for code in v["codes"]
    ]
    empty = pl.DataFrame(schema={"conversation_id": pl.String, "vector": pl.Array(pl.Float32, 1)})
    for place, content in {
        "ingested/conversations": table,
        "routed/verdicts": verdicts.select("conversation_id", "verdict", "codes", "priority"),
        "routed/queue": verdicts.select(QUEUE),
        "scored/findings": pl.DataFrame(findings, schema=FINDINGS),
        "embedded/vectors": empty if vectors is None else vectors,
    }.items():
        save(folder, place, content)
    save_codes(folder)
    return ids
