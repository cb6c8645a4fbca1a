import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from curation.commands.playbook import PROPOSED, propose
from curation.core.record.playbook import Playbook
from curation.decisions.decisions import Decision, write_decisions
from curation.harness.errors import QiratError
from tests.builders import ROOT, record, save, talk
from tests.proposals.talks import BAGGAGE, team


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "playbook.yaml"):
        shutil.copy(ROOT / name, name)
    save(tmp_path, "curated/conversations", team(3, "en", 240))
    return tmp_path


def test_the_file_is_a_playbook_with_evidence_and_the_one_in_force_is_untouched(project: Path):
    told = propose()
    playbook = Playbook.load(PROPOSED)
    written = PROPOSED.read_text("utf-8")
    assert {rule.id for rule in playbook.rules} == {"greeting", "closing", "answer_1", "phrase_1"}
    assert all(rule.id in told for rule in playbook.rules) and "nothing is on" in told
    assert "# en: said in 240 of 240" in written and re.search(r"such as en:\d+", written)
    assert (project / "playbook.yaml").read_bytes() == (ROOT / "playbook.yaml").read_bytes()


def test_the_same_set_writes_the_same_bytes_anew():
    propose()
    first = PROPOSED.read_bytes()
    propose()
    assert PROPOSED.read_bytes() == first


@pytest.mark.parametrize("name", ["playbook.yaml", "mine.yaml"])
def test_what_people_wrote_is_never_written_over(name: str):
    before = (ROOT / "playbook.yaml").read_bytes()
    Path(name).write_bytes(before)
    with pytest.raises(QiratError, match=f"{name}.*--write another file"):
        propose(Path(name))
    assert Path(name).read_bytes() == before


def test_before_there_is_a_curated_set_only_what_the_policy_accepts_is_read(project: Path):
    table = team(3, "en", 240)
    Path("data/curated/conversations.parquet").unlink()
    save(project, "ingested/conversations", table)
    propose()
    assert "240 conversations as they were read" in PROPOSED.read_text("utf-8")
    held = pl.col("messages").list.first().struct.field("content").str.contains("|".join(BAGGAGE["en"]))
    verdict = pl.when(held).then(pl.lit("review")).otherwise(pl.lit("accept"))
    save(project, "routed/verdicts", table.select("conversation_id", verdict=verdict))
    save(project, "dedup/clusters", table.select("row_id", survivor=True))
    propose()
    assert "210 conversations that the policy accepts" in PROPOSED.read_text("utf-8")
    assert "answer_1" not in {rule.id for rule in Playbook.load(PROPOSED).rules}


def test_a_project_without_conversations_is_told_what_to_run():
    shutil.rmtree("data")
    with pytest.raises(QiratError, match="dvc repro ingest"):
        propose()


def test_no_address_in_the_name_of_a_file_is_told(project: Path):
    named = team(3, "en", 240).with_columns(row_id=pl.format("ali@mail.example.csv:{}", pl.int_range(240)))
    save(project, "curated/conversations", named)
    assert "ali@mail" not in propose() + PROPOSED.read_text("utf-8")


def test_forbidden_turns_are_told_of_all_that_was_read_with_what_people_decided(project: Path):
    table = team(3, "en", 240)
    messages = [talk("kalo", f"No. {said}") for said in ("I promise it", "We guarantee that", "You have my word")]
    spoilt = record(*messages, row_id=["en:x1", "en:x2", "en:x3"])
    save(project, "ingested/conversations", pl.concat([table, spoilt]))
    write_decisions([Decision(conversation_id=spoilt["conversation_id"][0], decision="drop")])
    assert "forbidden_promises" in propose()
    rules = {rule.id: rule for rule in Playbook.load(PROPOSED).rules}
    assert rules["forbidden_promises"].kind == "forbidden" and len(rules["forbidden_promises"].say["en"]) == 3
    written = PROPOSED.read_text("utf-8")
    assert re.search(r"# en: said in 3 of 243 \(1\.2% \[.*\]\), such as en:x1, en:x2, en:x3\n", written)
    assert "# en: people dropped or rewrote 1 of them, such as en:x1\n" in written
