"""A small finished road on disk, with vectors, for the map."""

from pathlib import Path

import numpy as np
import polars as pl

from curation.decisions.answers import Answer, write_answers
from tests.builders import save, save_codes
from tests.report.example import finished

TABLES = (
    "ledger ingested/conversations ingested/quarantine dedup/clusters scored/findings "
    "splits/train splits/dev splits/test"
).split()


def project(root: Path, rows: int = 60, poison: str = "") -> None:
    """What `qirat explore` reads; `poison` stands in every text that comes from the data."""
    (root / "params.yaml").touch()
    results = finished(rows, poison=poison)
    for name in TABLES:
        save(root, name, results[name])
    save_codes(root)
    clusters = results["dedup/clusters"].filter("survivor")
    drawn = np.random.default_rng(0).normal(size=(clusters.height, 8)).astype(np.float32)
    vectors = pl.Series("vector", drawn, dtype=pl.Array(pl.Float32, 8))
    save(root, "embedded/vectors", pl.DataFrame({"conversation_id": clusters["conversation_id"], "vector": vectors}))
    (root / "data/validated").mkdir()
    (root / "data/validated/passed").touch()
    first = results["ledger"].filter(pl.col("conversation_id").is_not_null()).sort("row_id")["conversation_id"][0]
    write_answers(
        [Answer(first, "ليلى" + poison, "drop", at="2026-01-05T10:00:00+00:00")], root / "data/review/answers.jsonl"
    )
