"""What the stages left behind, as far as they have run: the report tells what there is and names what is missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curation.ledger import outcomes
from curation.stage import Stage, table_path

USED = ("accepted", "kept", "edited")
REMOVED = ("quarantined", "duplicate", "dropped", "held")  # in the order in which rows leave the road
TABLES = (
    "ingested/conversations",
    "ingested/quarantine",
    "ingested/files",
    "dedup/clusters",
    "scored/findings",
    "routed/verdicts",
    "routed/queue",
    "curated/conversations",
    "ledger",
    "splits/train",
    "splits/dev",
    "splits/test",
    "validated/results",
    "tokenized/budget",
    "training/log",
    "evaluated/arms",
    "evaluated/comparisons",
)
GATE_PASSED = Path("data/gate/passed")
VERDICT = Path("data/evaluated/verdict.json")
PROVENANCE = Path("models/adapter/provenance.json")


@dataclass(frozen=True)
class Results:
    """Tables by name, metrics by stage, and JSON files; what has not been made is absent or empty."""

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gate_passed: bool = False
    verdict: Mapping[str, Any] = field(default_factory=dict)  # of evaluate
    provenance: Mapping[str, Any] = field(default_factory=dict)  # of the adapter

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.tables[table]

    @property
    def base_model(self) -> str | None:
        """The model that the adapter was trained on."""
        name: str | None = self.provenance.get("base", {}).get("name")
        return name

    def missing(self, *names: str) -> list[str]:
        return [name for name in names if name not in self.tables]

    def reasons(self) -> pl.DataFrame:
        """One row a raw row and reason it is not used: the ledger's code may name several."""
        named = pl.col("code").fill_null("").str.split(", ")
        return self.rows().filter(pl.col("outcome").is_in(REMOVED)).with_columns(code=named).explode("code")

    def rows(self) -> pl.DataFrame:
        """One row a raw row: how the ledger closed it, its language, label and source (null when quarantined)."""
        known = self["ingested/conversations"].select("row_id", "language", "label", "source", "source_file")
        return outcomes(self["ledger"]).join(known, on="row_id", how="left", maintain_order="left")


def load(stage: Stage[Any]) -> Results:
    """Everything that lies there; what a stage has not written yet is left out."""
    return Results(
        tables={name: stage.read(name) for name in TABLES if table_path(name).exists()},
        metrics={path.stem: stage.read_json(path) for path in sorted(Path("metrics").glob("*.json"))},
        gate_passed=GATE_PASSED.exists() and stage.input(GATE_PASSED).exists(),
        verdict=_optional(stage, VERDICT),
        provenance=_optional(stage, PROVENANCE),
    )


def _optional(stage: Stage[Any], path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(stage.input(path).read_text("utf-8")) if path.exists() else {}
    return found
