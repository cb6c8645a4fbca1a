"""What the stages left behind, as far as they have run: the report tells what there is and names what is missing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import polars as pl

from curation.consensus.insight import FINDINGS, Insight, Reviewed, insight
from curation.decisions import answers as answers_file
from curation.decisions import decisions as decision
from curation.decisions import gold
from curation.harness.files import table_path
from curation.harness.stage import Stage
from curation.record.codes import CODES, SKIPPED, Code, read_codes
from curation.record.ledger import outcomes

USED = ("accepted", "kept", "edited")
REMOVED = ("quarantined", "duplicate", "dropped", "held")  # in the order in which rows leave the road
TABLES = (
    "ingested/conversations",
    "ingested/quarantine",
    "dedup/clusters",
    "scored/findings",
    "scored/notes",
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
    "evaluated/rules",
    "evaluated/forgetting",
    "evaluated/memorised",
)
# In the order of the road: each leaves data/{name}/passed, or the road ends there.
STOPS = ("validated", "gate", "tokenized", "baseline")
BEHIND = {"splits": "validated", "tokenized": "gate", "training": "baseline", "evaluated": "baseline"}
READINESS = Path("data/gate/readiness.json")
PROSPECTS = Path("data/baseline/readiness.json")
PROMPTS = Path("data/baseline/verdict.json")
VERDICT = Path("data/evaluated/verdict.json")
PROVENANCE = Path("models/adapter/provenance.json")
TRAINED_ON = Path("models/adapter/trained_on.parquet")
COST = Path("data/training/cost.json")
NOTES = Path("data/training/notes.json")


@dataclass(frozen=True)
class Results:
    """Tables by name and JSON files; what has not been made, or is of an earlier run, is absent or empty."""

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    gate: Mapping[str, float] = field(default_factory=dict)  # its metrics
    gate_passed: bool = False
    readiness: Mapping[str, Any] = field(default_factory=dict)  # the gate's answers before training
    prospects: Sequence[Mapping[str, Any]] = ()  # the baseline's
    verdict: Mapping[str, Any] = field(default_factory=dict)  # of evaluate, or of the stage that stopped the road
    provenance: Mapping[str, Any] = field(default_factory=dict)  # of the adapter
    trained_on: pl.DataFrame | None = None  # the rows that the adapter saw
    cost: Mapping[str, float] = field(default_factory=dict)  # of training, as counted before it
    notes: Sequence[Mapping[str, Any]] = ()  # on how the loss went
    codes: Mapping[str, Code] = field(default_factory=dict)  # what the checks may see
    insight: Insight | None = None  # into the review; None before there is anything to review

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.tables[table]

    @property
    def base_model(self) -> str | None:
        """The model that the adapter was trained on."""
        name: str | None = self.provenance.get("base", {}).get("name")
        return name

    def missing(self, *names: str) -> list[str]:
        return [name for name in names if name not in self.tables]

    def skipped(self) -> list[str]:
        """The checks that were not run."""
        notes = self.tables.get("scored/notes")
        codes = [] if notes is None else notes["code"].to_list()
        return [code.removeprefix(SKIPPED) for code in codes if code.startswith(SKIPPED)]

    def reasons(self) -> pl.DataFrame:
        """One row a raw row and reason it is not used: the ledger's code may name several."""
        named = pl.col("code").fill_null("").str.split(", ")
        return self.rows().filter(pl.col("outcome").is_in(REMOVED)).with_columns(code=named).explode("code")

    def rows(self) -> pl.DataFrame:
        """One row a raw row: how the ledger closed it, its language, label and source (null when quarantined)."""
        known = self["ingested/conversations"].select("row_id", "language", "label", "source", "source_file")
        return outcomes(self["ledger"]).join(known, on="row_id", how="left", maintain_order="left")


def load(stage: Stage[Any]) -> Results:
    """Everything that lies there and belongs to this run.

    What lies behind a stage that stopped the road is of an earlier run, about other data: it is left out.
    """
    passed = list(takewhile(lambda name: Path(f"data/{name}/passed").exists(), STOPS))
    for name in passed:
        stage.input(f"data/{name}/passed")

    def current(table: str) -> bool:
        folder = table.partition("/")[0]
        return table_path(table).exists() and (folder not in BEHIND or BEHIND[folder] in passed)

    tables = {name: stage.read(name) for name in TABLES if current(name)}
    return Results(
        tables=tables,
        gate=_optional(stage, Path("metrics/gate.json")) if "validated" in passed else {},
        gate_passed="gate" in passed,
        readiness=_optional(stage, READINESS) if "validated" in passed else {},
        prospects=_optional(stage, PROSPECTS) or () if "tokenized" in passed else (),
        verdict=_verdict(stage, passed),
        provenance=_optional(stage, PROVENANCE) if "baseline" in passed else {},
        trained_on=_trained_on(stage) if "baseline" in passed else None,
        cost=_optional(stage, COST) if "baseline" in passed else {},
        notes=_optional(stage, NOTES) or () if "baseline" in passed else (),
        codes=read_codes(stage.input(CODES)) if CODES.exists() else {},
        insight=_insight(stage, tables),
    )


def _insight(stage: Stage[Any], tables: Mapping[str, pl.DataFrame]) -> Insight | None:
    """By the files of the review and the queue of this run."""
    files = (answers_file.PATH, decision.PATH, gold.PATH)
    routed = ("routed/verdicts", "routed/queue", "scored/findings")
    if not all(path.exists() for path in files) or not all(name in tables for name in routed):
        return None
    answers = answers_file.read_answers(stage.input(answers_file.PATH))
    asked = tables["scored/findings"]["conversation_id"].is_in([answer.conversation_id for answer in answers])
    return insight(
        Reviewed(
            tables["routed/verdicts"],
            tables["routed/queue"],
            tables["scored/findings"].filter(asked).select(FINDINGS),
            answers,
            decision.read_decisions(stage.input(decision.PATH)),
            {right.conversation_id: right.decision for right in gold.read_gold(stage.input(gold.PATH))},
        )
    )


def _verdict(stage: Stage[Any], passed: Sequence[str]) -> Mapping[str, Any]:
    """Of evaluate; or of the stage that stopped the road, where it is a stop of this kind."""
    places = {"validated": READINESS, "tokenized": PROMPTS, "baseline": VERDICT}  # by what passed last
    place = places.get(passed[-1]) if passed else None
    found: Mapping[str, Any] = _optional(stage, place) if place else {}
    return found if found.get("verdict") else {}


def _trained_on(stage: Stage[Any]) -> pl.DataFrame | None:
    return pl.read_parquet(stage.input(TRAINED_ON)) if TRAINED_ON.exists() else None


def _optional(stage: Stage[Any], path: Path) -> Any:
    found: Any = json.loads(stage.input(path).read_text("utf-8")) if path.exists() else {}
    return found
