"""A check is two new files and nothing else: everything that speaks of checks then speaks of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from curation.checks import checks
from curation.decisions.decisions import PATH, write_decisions
from curation.ingest.reading import PARTS, QUARANTINE
from tests.builders import ROOT, record, save, talk

CHECK = '''
"""Turns that shout."""

import polars as pl

from curation.checks.check import Context, check
from curation.core.record.conversation import turns


@check("shouting", source="capital letters")
def shouting(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Turns in capital letters. `value` = how many."""
    loud = turns(conversations).filter(pl.col("content").str.contains(r"^[A-Z !]{5,}$"))
    return loud.group_by("conversation_id", maintain_order=True).agg(
        code=pl.lit("shouted"), value=pl.len().cast(pl.Float64), turn=pl.col("turn").first(),
        evidence=pl.col("content").first(),
    )
'''
CODES = """
shouted:
  severity: doubt
  limit: {doubt: 1, precision: 0.7}
  says: value = how many turns
  confirmed_by: [wrong_tone]
  words: {en: Somebody shouts here., ar: هنا من يصرخ.}
"""
# Run in one process, for the time that imports take: the stages as dvc.yaml runs them, then what people call.
ROAD = """
import json, sys
from importlib import import_module
from pathlib import Path
import polars as pl

for stage in ("score", "route", "curate", "report"):
    name = "curation.route" if stage == "route" else f"curation.{stage}.__main__"
    import_module(name).main()

from benchmarks.document_checks import sections
from curation.commands.calibrate import as_text, calibrate
from curation.commands.whatif import whatif
from curation.decisions.decisions import Decision, write_decisions
from curation.core.record.codes import read_codes
from curation.review.records import Shown, records
from curation.review.why import Meanings

queue = pl.read_parquet("data/routed/queue.parquet").filter(reason="doubt")
conversations = pl.read_parquet("data/ingested/conversations.parquet")
line = queue.with_columns(purpose=pl.lit("doubt"), round=1)
shown = records(line, conversations, None, Shown(meanings=Meanings(read_codes())))
write_decisions([Decision(conversation_id=queue["conversation_id"][0], decision="drop", reasons=("wrong_tone",))])
Path("told.json").write_text(json.dumps({
    "asked": [record["fields"]["why"] for record in shown],
    "checks": dict(sections())["checks"],
    "calibrate": as_text(calibrate(0.3)),
    "whatif": whatif(["route.shouted.doubt=2"])["settings"],
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that such a copy of the code has taken from score to the report."""
    code, project = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("project")
    for folder in ("curation", "benchmarks"):
        shutil.copytree(ROOT / folder, code / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", code)
    (code / "curation/checks/shouting.py").write_text(CHECK, "utf-8")
    (code / "curation/checks/shouting.yaml").write_text(CODES, "utf-8")

    loud = talk("WHERE IS IT !", "Thank you for contacting Zaafaran Home. It is on its way to you now.")
    rows = record(loud, talk("Where is it?", "Thank you for contacting Zaafaran Home. It left us this morning, sir."))
    save(project, "ingested/conversations", rows)
    save(project, "ingested/quarantine", QUARANTINE.to_frame())
    save(project, "ingested/parts", PARTS.to_frame())
    copies = {name: pl.lit(None, kind) for name, kind in COPIES.items()}
    save(project, "dedup/clusters", rows.select("row_id", "conversation_id", survivor=True, **copies))
    save(project, "dedup/pairs", pl.DataFrame(schema=dict.fromkeys(("left", "right", "relation"), pl.String)))
    vectors = {"conversation_id": pl.String, **dict.fromkeys(("vector", "reply"), pl.Array(pl.Float32, 4))}
    save(project, "embedded/vectors", pl.DataFrame(schema=vectors))
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["score"]["skip"] = [name for name in checks() if name != "length"]  # for the time that they take
    params["route"]["budget"] = 1.0
    params["route"]["limits"] = {"reply_words": {"doubt": None}}
    (project / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")
    shutil.copy(ROOT / "playbook.yaml", project)
    save(project, "ingested/evaluation", rows.clear())
    write_decisions([], project / PATH)
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run(
        [sys.executable, "-c", ROAD], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return project


COPIES = {"duplicate_of": pl.String, "kind": pl.String, "similarity": pl.Float64}


def said(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "told.json").read_text("utf-8"))
    return found


def test_score_finds_what_it_sees_and_route_sends_it_to_people(told: Path):
    (finding,) = pl.read_parquet(told / "data/scored/findings.parquet").filter(check="shouting").to_dicts()
    assert (finding["code"], finding["severity"], finding["value"]) == ("shouted", "doubt", 1)
    verdicts = pl.read_parquet(told / "data/routed/verdicts.parquet").filter(verdict="review")
    assert verdicts["codes"].to_list() == [["shouted"]]
    assert verdicts["priority"].to_list() == [0.7]


def test_the_page_says_what_it_means_in_both_languages(told: Path):
    page = (told / "reports/index.html").read_text("utf-8")
    assert "Somebody shouts here." in page
    assert "هنا من يصرخ." in page
    assert "Somebody shouts here." in (told / "reports/dataset_card.md").read_text("utf-8")


def test_reviewers_are_told_what_it_means(told: Path):
    assert ["Somebody shouts here" in why for why in said(told)["asked"]] == [True]


def test_its_limit_can_be_asked_about_and_calibrated(told: Path):
    assert said(told)["whatif"] == ["route.limits.shouted.doubt: 1.0 (curation/checks/shouting.yaml) -> 2"]
    assert "shouted                              1         1   1.00" in said(told)["calibrate"]


def test_the_page_of_the_checks_has_it(told: Path):
    assert "## shouting\n\nTurns in capital letters." in said(told)["checks"]
    assert "| `shouted` | doubt from 1 | value = how many turns |" in said(told)["checks"]


def test_what_was_skipped_is_told_on_the_page_and_leaves_no_finding(told: Path):
    assert "score.skip" in (told / "reports/index.html").read_text("utf-8")
    assert set(pl.read_parquet(told / "data/scored/findings.parquet")["check"]) == {"length", "shouting"}
