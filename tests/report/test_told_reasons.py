"""On dialogues of real people, as they come: every reason and limit that is told is the policy's."""

import gzip
from pathlib import Path

import pytest
import yaml

from curation import embed, route
from curation.commands.why import why
from curation.curate import __main__ as curate
from curation.decisions.forget import rule, write_rules
from curation.dedup import __main__ as dedup
from curation.ingest import __main__ as ingest
from curation.privacy.shown import Shown
from curation.report import __main__ as report
from curation.score import __main__ as score
from tests.builders import ROOT
from tests.report.anew import assert_story, assert_told, reasons_anew

STAR = "shared/data/star/star_conversations.jsonl.gz"  # docs/benchmarks.md says where it is from
FOUND = next((path for folder in (ROOT, *ROOT.parents) if (path := folder / STAR).exists()), None)
EVERY = 30  # 222 of the dialogues: enough for the checks that learn from the set
STORIES = 40


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """STAR dialogues, run up to the page."""
    assert FOUND
    root = tmp_path_factory.mktemp("star")
    written = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    written["embed"]["model"] = "none"
    for folder in ("data/raw", "data/evaluation", "data/review"):
        (root / folder).mkdir(parents=True)
    (root / "params.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), "utf-8")
    (root / "playbook.yaml").write_bytes((ROOT / "playbook.yaml").read_bytes())
    decisions = (ROOT / "data/review/decisions.jsonl").read_text("utf-8").splitlines()
    (root / "data/review/decisions.jsonl").write_text(f"{decisions[0]}\n", "utf-8")
    write_rules([rule("source", "gone.jsonl")], root / "data/forget.jsonl")
    with gzip.open(FOUND, "rt", encoding="utf-8") as lines:
        rows = [line for number, line in enumerate(lines) if number % EVERY == 0]
    (root / "data/raw/star.jsonl").write_text("".join(rows[5:]), "utf-8")
    (root / "data/raw/gone.jsonl").write_text("".join(rows[:5]), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for stage in (ingest, dedup, embed, score, route, curate, report):
            stage.main()
    return root


@pytest.mark.skipif(FOUND is None, reason="STAR is not here")
def test_reasons_and_limits_of_real_dialogues_are_the_policys(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_told(finished)
    monkeypatch.chdir(finished)
    anew = reasons_anew(finished)
    spoken_against = [key for key, one in anew.items() if one.code]
    for row_id in [*spoken_against[:STORIES], *list(anew)[:STORIES]]:
        assert_story(why(row_id, Shown(("SA",))), row_id, anew[row_id])
