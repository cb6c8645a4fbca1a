"""Qirat's own stages over the spoilt rows, as their users run them, and what became of each row."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.corruption.defects import as_json
from benchmarks.results import ROOT, road
from curation.planting.rows import Row
from curation.privacy.tables import without_personal_data


def prepare(project: Path, rows: Sequence[Row], evaluation: Sequence[Row], playbook: Path | None) -> None:
    """A project with the rows as raw files, the shipped params, and a playbook (None: one without rules)."""
    for folder in ("data/raw", "data/evaluation", "data/review"):
        (project / folder).mkdir(parents=True, exist_ok=True)
    for language in sorted({row.language for row in rows}):
        write_lines(project / f"data/raw/{language}.jsonl", [as_json(r) for r in rows if r.language == language])
    write_lines(project / "data/evaluation/held_out.jsonl", [as_json(row) for row in evaluation])
    for name in ("review/decisions.jsonl", "forget.jsonl"):  # nothing decided, nothing to forget: only the header line
        (project / "data" / name).write_text((ROOT / "data" / name).read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    rules = playbook.read_text("utf-8") if playbook else "company: none\nmax_words: 1000\nrules: []\n"
    (project / "playbook.yaml").write_text(rules, "utf-8")
    (project / "params.yaml").write_text((ROOT / "params.yaml").read_text("utf-8"), "utf-8")


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def curate(project: Path) -> None:
    """The whole road to the curated set, once: what is accepted, and so mended, does not depend on the budget."""
    for module in road("ingest", "curate").values():
        _run(module, project)


def route(project: Path, **knobs: Any) -> None:
    """`route` with some knobs of params.yaml: route set anew."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    for name, value in knobs.items():
        params["route"][name] = {**params["route"][name], **value} if isinstance(value, dict) else value
    (project / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")
    _run("curation.route", project)


def costs(project: Path) -> dict[str, float]:
    """Milliseconds per 1,000 conversations, by check."""
    found: dict[str, float] = json.loads(_run("benchmarks.speed.check_costs", project))
    return found


def _run(module: str, project: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", module], cwd=project, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{module} in {project} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def outcomes(project: Path, rows: Sequence[Row]) -> pl.DataFrame:
    """id, language, defect, outcome and codes of every row.

    quarantined, merged (one of it and its twin was closed as a copy), reject, review, held, mended (in the curated set
    and what was planted is not, or is not learnt), held_mended (held, and without it as soon as anybody lets it go) or
    passed.
    """
    found = read(project)
    copies = {row.twin: row.id for row in rows if row.twin}
    seen = []
    for row in rows:
        fate = found.fates.get(row.id)
        if fate is None:
            outcome = "quarantined"
        elif row.twin and found.same_cluster(row.id, row.twin):
            outcome = "merged"
        elif not fate.survivor:
            outcome = "passed" if found.same_cluster(row.id, copies.get(row.id)) else "merged"
        elif fate.verdict == "held" and is_mended(row, found.released.get(fate.conversation_id)):
            outcome = "held_mended"
        elif fate.verdict != "accept":
            outcome = fate.verdict
        else:
            outcome = "mended" if is_mended(row, found.curated.get(fate.conversation_id)) else "passed"
        seen.append((row.id, row.language, row.defect, outcome, fate.codes if fate else []))
    columns = {"id": pl.String, "language": pl.String, "defect": pl.String, "outcome": pl.String}
    return pl.DataFrame(seen, schema={**columns, "codes": pl.List(pl.String)}, orient="row")


@dataclass(frozen=True)
class Fate:
    """What the stages made of one row."""

    conversation_id: str
    cluster: str
    survivor: bool
    verdict: str
    codes: list[str]


@dataclass(frozen=True)
class Found:
    """What lies in a project after curate: fates by the rows' own ids, messages (JSON) by conversation.

    `curated` are those of the curated set, `released` those that held rows will have in it once a person keeps them.
    """

    fates: Mapping[str, Fate]
    curated: Mapping[str, str]
    released: Mapping[str, str]

    def same_cluster(self, one: str, other: str | None) -> bool:
        return other is not None and other in self.fates and self.fates[one].cluster == self.fates[other].cluster


def read(project: Path) -> Found:
    rows = table(project, "ingested/conversations").select("row_id", "source_id")
    clusters = table(project, "dedup/clusters").select("row_id", "conversation_id", "cluster_id", "survivor")
    verdicts = table(project, "routed/verdicts").select("conversation_id", "verdict", "codes")
    joined = rows.join(clusters, on="row_id").join(verdicts, on="conversation_id", how="left").drop("row_id")
    curated = table(project, "curated/conversations").select("conversation_id", "parent_id", "messages", "facts")
    said = {parent or key: _learnt(messages, facts or []) for key, parent, messages, facts in curated.iter_rows()}
    held = verdicts.filter(pl.col("verdict") == "held")
    fates = {
        key: Fate(conversation_id, cluster, survivor, verdict, codes or [])
        for key, conversation_id, cluster, survivor, verdict, codes in joined.iter_rows()
    }
    return Found(fates, said, released(project, held))


def released(project: Path, held: pl.DataFrame) -> dict[str, str]:
    """Messages (JSON) of held conversations as the project's own masking, by the params in force, would let them go."""
    params = yaml.safe_load((project / "params.yaml").read_text("utf-8"))
    kinds = {kind for kind, treatment in params["route"]["pii"].items() if treatment == "mask"}
    rows = table(project, "ingested/conversations").join(held, on="conversation_id", how="semi")
    unlike = rows.unique("conversation_id", keep="first", maintain_order=True).with_columns(
        parent_id=pl.lit(None, dtype=pl.String)
    )
    masked, _ = without_personal_data(unlike, kinds, params["privacy"]["countries"])
    columns = masked.select("conversation_id", "parent_id", "messages")
    return {parent or key: json.dumps(messages, ensure_ascii=False) for key, parent, messages in columns.iter_rows()}


def _learnt(messages: Sequence[Mapping[str, Any]], facts: Sequence[Mapping[str, Any]]) -> str:
    """The messages as JSON, without the facts that bear no loss."""
    left = [dict(message) for message in messages]
    for fact in sorted(facts, key=lambda fact: -fact["start"]):
        text = left[fact["turn"]][fact["field"]]
        left[fact["turn"]][fact["field"]] = text[: fact["start"]] + text[fact["end"] :]
    return json.dumps(left, ensure_ascii=False)


def is_mended(row: Row, text: str | None) -> bool:
    """Whether the row is in the curated set and nothing of what was planted is."""
    return bool(row.traces) and text is not None and not any(_left(trace, text) for trace in row.traces)


def _left(trace: str, text: str) -> bool:
    """Whether the planted words, or the digits of a planted number, are still there."""
    if json.dumps(trace, ensure_ascii=False)[1:-1] in text:
        return True
    number = "".join(c for c in trace if c.isdecimal())
    return len(number) >= 9 and number in "".join(c for c in text if c.isdecimal())


def table(project: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(project / f"data/{name}.parquet")
