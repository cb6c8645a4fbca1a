"""The stage report reads what dvc.yaml declares, and tells how far the road has run."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from curation.harness.dvc import stops
from curation.harness.files import table_path
from curation.report import __main__ as stage
from tests.builders import ROOT
from tests.e2e.project import run
from tests.report.example import finished

DONE = finished()
STOPS = [marker.parent.name for marker in dict.fromkeys(stops().values()) if marker]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the pipeline leaves it before the report."""
    for name, table in DONE.tables.items():
        path = tmp_path / table_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(path)
    for name in STOPS:
        marker = tmp_path / f"data/{name}/passed"
        marker.parent.mkdir(exist_ok=True)
        marker.write_text("passed\n")
    for place, value in {
        "metrics/gate.json": DONE.gate,
        "data/baseline/verdict.json": {"best_prompt_arm": "few_shot", "reached": None, "override": ""},
        "data/evaluated/verdict.json": {"verdict": "promote", "reasons": []},
        "data/evaluated/metrics.json": DONE.metrics,
        "models/adapter/provenance.json": DONE.provenance,
    }.items():
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_stage_reads_only_what_dvc_yaml_declares_and_writes_the_same_bytes_twice(project: Path) -> None:
    stage.main()
    first = {path: path.read_bytes() for path in project.glob("reports/**/*") if path.is_file()}
    stage.main()
    assert {path: path.read_bytes() for path in first} == first
    names = {str(path.relative_to(project / "reports")) for path in first}
    assert names == {
        "index.html",
        "dataset_card.md",
        "model_card.md",
        "plots/loss.csv",
        "plots/dev_loss.csv",
        "plots/reasons.csv",
        "plots/vega.js",
    }


def test_what_dvc_puts_side_by_side_is_few_figures_of_this_run(project: Path) -> None:
    stage.main()
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    run(project, "dvc", "init", "--quiet")
    shown = run(project, "dvc", "metrics", "show").stdout.splitlines()
    assert max(map(len, shown)) < 80
    names, values = shown[0].split()[1:], [float(value) for value in shown[1].split()[1:]]
    assert dict(zip(names, values, strict=True)).items() >= {"clean": DONE.gate["clean"], "promoted": 1}.items()
    assert {"raw", "curated"} <= set(names)
    assert "clean" in run(project, "dvc", "metrics", "show", "metrics/gate.json").stdout  # and all others by their file
    (project / "data/gate/passed").unlink()
    stage.main()
    assert "promoted" not in (project / "metrics/report.json").read_text("utf-8")  # an earlier run's, about other data


def reported(project: Path) -> tuple[str, str]:
    """The page and the model card."""
    stage.main()
    return (project / "reports/index.html").read_text("utf-8"), (project / "reports/model_card.md").read_text("utf-8")


def test_a_verdict_is_shown_when_nothing_stopped_the_road(project: Path) -> None:
    page, card = reported(project)
    assert "It may go into service" in page
    assert "Verdict: promote" in card
    assert all(text in page for text in DONE.metrics["playbook"]["title"].values())


@pytest.mark.parametrize("stopped", STOPS)
def test_what_an_earlier_run_left_behind_a_stop_is_not_shown(project: Path, stopped: str) -> None:
    (project / f"data/{stopped}/passed").unlink()
    page, card = reported(project)
    for old in (
        "It may go into service",
        "Promote<",
        "An adapter was trained",
        DONE.metrics["playbook"]["title"]["ar"],
    ):
        assert old not in page
    assert "left over from an earlier run: evaluated/arms." in page
    assert "Nothing has been trained on this data." in card
    assert ("The gate passed." in page) == (stopped == "baseline")
    assert ("The gate did not pass" in page) == (stopped == "gate")
    assert ("left over from an earlier run: tokenized/budget." in page) == (stopped == "validated")


def test_a_prompt_that_reached_the_target_is_the_verdict(project: Path) -> None:
    (project / "data/baseline/passed").unlink()
    because = {"code": "prompt_reached", "figures": {"arm": "few_shot", "target": 0.95}}
    reason = "few_shot alone reached baseline.target"
    found = {"verdict": "prompting is enough", "reasons": [reason], "because": [because], "reached": "few_shot"}
    (project / "data/baseline/verdict.json").write_text(json.dumps(found))
    page, card = reported(project)
    assert "A prompt alone already reaches the target." in page
    assert "alone reaches the target: it breaks no rule" in page
    assert "وحده يبلغ الهدف: لا يُخل بأي قاعدة" in page
    assert reason in card
    assert "Verdict: prompting is enough" in card
    (project / "data/gate/passed").unlink()  # then even that is of an earlier run
    assert "already reaches the target" not in reported(project)[0]


def test_a_gate_that_wants_retrieval_is_the_verdict_and_a_gate_that_passed_is_none(project: Path) -> None:
    facts = {**DONE.readiness["facts"], "share": 0.6}
    because = {"code": "facts", "figures": {"share": 0.6, "most": 0.3}}
    told = {"verdict": "use retrieval", "reasons": ["many facts"], "because": [because]}
    (project / "data/gate/readiness.json").write_text(json.dumps({**DONE.readiness, "facts": facts, **told}))
    (project / "data/gate/passed").unlink()
    page, card = reported(project)
    assert "training does not teach facts" in page
    assert "In 60% of the conversations a reply states facts" in page
    assert "في 60% من المحادثات يذكر ردٌّ حقائق" in page
    assert "full of facts that only a database knows" in page
    assert "Verdict: use retrieval" in card
    (project / "data/gate/passed").write_text("passed\n")
    assert "Verdict: use retrieval" not in reported(project)[1]


def test_the_stage_works_before_anything_has_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    stage.main()
    assert (tmp_path / "reports/index.html").stat().st_size > 1000
