"""What the stages left behind, as far as they have run: the report tells what there is and names what is missing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import polars as pl

from curation.consensus.insight import Insight, insight, reviewed
from curation.core.record.codes import CODES, SKIPPED, Code, read_codes
from curation.core.record.ledger import outcomes
from curation.decisions import answers as answers_file
from curation.decisions import decisions as decision
from curation.decisions import gold
from curation.harness.dvc import maker_of, stops
from curation.harness.files import table_path
from curation.harness.stage import Stage
from curation.policy.limits import Policy, Route, in_force
from curation.report.profile import PATH as VERSIONS
from curation.report.profile import Profile, read_versions
from curation.report.words import Words

USED = ("accepted", "kept", "edited")
REMOVED = ("quarantined", "duplicate", "dropped", "held")  # in the order in which rows leave the road
ROUTED = ("routed/verdicts", "routed/queue", "scored/findings")  # what a review is about
READINESS = Path("data/gate/readiness.json")
VERDICTS = (READINESS, Path("data/baseline/verdict.json"), Path("data/evaluated/verdict.json"))
TRAINED_ON = Path("models/adapter/trained_on.parquet")


@dataclass(frozen=True)
class Results:
    """Tables by name and JSON files; what has not been made, or is of an earlier run, is absent or empty."""

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    gate: Mapping[str, float] = field(default_factory=dict)  # its metrics
    gate_passed: bool = False
    readiness: Mapping[str, Any] = field(default_factory=dict)  # the gate's answers before training
    prospects: Sequence[Mapping[str, Any]] = ()  # the baseline's
    searched: Sequence[Mapping[str, Any]] = ()  # prompts that the baseline found on dev, by language
    verdict: Mapping[str, Any] = field(default_factory=dict)  # of evaluate, or of the stage that stopped the road
    languages: Mapping[str, Any] = field(default_factory=dict)  # what replies in each take, by code
    preference: Mapping[str, Any] = field(default_factory=dict)  # what people said of the adapter's replies
    metrics: Mapping[str, Any] = field(default_factory=dict)  # what each measures, in words of its own
    provenance: Mapping[str, Any] = field(default_factory=dict)  # of the adapter
    trained_on: pl.DataFrame | None = None  # the rows that the adapter saw
    cost: Mapping[str, float] = field(default_factory=dict)  # of training, as counted before it
    notes: Sequence[Mapping[str, Any]] = ()  # on how the loss went
    codes: Mapping[str, Code] = field(default_factory=dict)  # what the checks may see
    policy: Policy | None = None  # in force; None before there are codes to have limits for
    versions: Sequence[Profile] = ()  # that were published
    insight: Insight | None = None  # into the review; None before there is anything to review

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.tables[table]

    @property
    def base_model(self) -> str | None:
        """The model that the adapter was trained on."""
        name: str | None = self.provenance.get("base", {}).get("name")
        return name

    def worded(self, words: Words) -> Words:
        """The catalogue with the words of checks and metrics; in English where one has none in the language."""
        kinds = {"metric": "title", "metric_means": "explanation"}
        of_metrics = {
            f"{key}.{name}": own[kind].get(words.code, own[kind]["en"])
            for name, own in self.metrics.items()
            for key, kind in kinds.items()
        }
        of_codes = {f"codes.{name}": code.told(words.code) for name, code in self.codes.items()}
        titles = {f"titles.{name}": code.called(name, words.code) for name, code in self.codes.items()}
        return words.knowing(of_metrics | of_codes | titles)

    def missing(self, *names: str) -> list[str]:
        return [name for name in names if name not in self.tables]

    def skipped(self) -> list[str]:
        """The checks that were not run."""
        notes = self.tables.get("scored/notes")
        codes = [] if notes is None else notes["code"].to_list()
        return [code.removeprefix(SKIPPED) for code in codes if code.startswith(SKIPPED)]

    def reasons(self) -> pl.DataFrame:
        """The raw rows that are not used, each with the one code that kept it out; "" where none is named."""
        return self.rows().filter(pl.col("outcome").is_in(REMOVED)).with_columns(pl.col("code").fill_null(""))

    def rows(self) -> pl.DataFrame:
        """One row a raw row: how the ledger closed it, its language, label and source (null when quarantined)."""
        known = self["ingested/conversations"].select(
            "row_id", "language", "label", "source", "source_file", "created_at"
        )
        return outcomes(self["ledger"]).join(known, on="row_id", how="left", maintain_order="left")

    def with_reply(self) -> pl.DataFrame:
        """`rows` with whether each is used, and the last reply; null where there is none."""
        replies = pl.element().filter(pl.element().struct.field("role") == "assistant").struct.field("content")
        said = self["ingested/conversations"].select("row_id", reply=pl.col("messages").list.eval(replies).list.last())
        rows = self.rows().with_columns(used=pl.col("outcome").is_in(USED))
        return rows.join(said, on="row_id", how="left", maintain_order="left")


class _Tables(Mapping[str, pl.DataFrame]):
    """The tables of this run by name, each read when somebody asks for it."""

    def __init__(self, stage: Stage[Any], passed: Collection[Path]) -> None:
        self._stage, self._passed = stage, passed
        self._read: dict[str, pl.DataFrame] = {}

    def __getitem__(self, table: str) -> pl.DataFrame:
        if table not in self._read:
            if not is_current(table_path(table), self._passed):
                raise KeyError(table)
            self._read[table] = self._stage.read(table)
            if table.startswith("splits/"):  # of which rows may only be counted, as those of any table could be
                self._read[table].select("conversation_id")
        return self._read[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def load(stage: Stage[Any]) -> Results:
    """Everything that lies there and belongs to this run."""
    passed = [stage.input(marker) for marker in passed_stops()]

    def written(path: str | Path) -> Any:
        return stage.read_json(path) if is_current(Path(path), passed) else {}

    # The stage that stopped the road gives the verdict, where it is a stop of this kind; else evaluate.
    last = next((place for place in VERDICTS if passed and stops()[maker_of(place)] == passed[-1]), None)
    verdict = written(last) if last else {}
    codes = read_codes(stage.input(CODES)) if CODES.exists() else {}
    return Results(
        tables=_Tables(stage, passed),
        gate=written("metrics/gate.json"),
        gate_passed=Path("data/gate/passed") in passed,
        readiness=written(READINESS),
        prospects=written("data/baseline/readiness.json") or (),
        searched=written("data/baseline/optimised.json") or (),
        verdict=verdict if verdict.get("verdict") else {},
        languages=written("data/baseline/languages.json"),
        preference=written("data/evaluated/preference.json"),
        metrics=written("data/evaluated/metrics.json"),
        provenance=written("models/adapter/provenance.json"),
        trained_on=pl.read_parquet(stage.input(TRAINED_ON)) if is_current(TRAINED_ON, passed) else None,
        cost=written("data/training/cost.json"),
        notes=written("data/training/notes.json") or (),
        versions=read_versions(stage.input(VERSIONS)) if VERSIONS.exists() else (),
        insight=_insight(stage),
        codes=codes,
        policy=in_force(stage.section("route", Route), codes) if codes else None,
    )


def passed_stops() -> list[Path]:
    """The markers of the stages that may end the road and did not, in their order."""
    markers = dict.fromkeys(marker for marker in stops().values() if marker)
    return list(takewhile(Path.exists, markers))


def is_current(path: Path, passed: Collection[Path]) -> bool:
    """Whether a file lies there. Behind a stage that stopped the road it is of an earlier run, about other data."""
    marker = stops()[maker_of(path)]
    return path.exists() and (marker is None or marker in passed)


def _insight(stage: Stage[Any]) -> Insight | None:
    """By the files of the review and of this run, once there are any."""
    files = (answers_file.PATH, decision.PATH, gold.PATH, *map(table_path, ROUTED))
    return insight(reviewed()) if all(path.exists() and stage.input(path) for path in files) else None
