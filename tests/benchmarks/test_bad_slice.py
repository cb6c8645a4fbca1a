"""The benchmark that teaches an intent wrongly: what it plants, and that it takes back what was accused alone."""

import json
import random
from pathlib import Path

import polars as pl
import pytest
import yaml

from benchmarks.training import bad_slice
from curation.core.record.conversation import conversation_id
from curation.core.record.playbook import Playbook
from curation.decisions.decisions import read_decisions, write_decisions
from curation.split import Split, assigned
from qirat.sample.dialogues import Author
from tests.builders import ROOT, params, record, save, talk

PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
QUESTIONS = [f"I want to return the chair number {number}." for number in range(12)]


def broken(messages: list[dict[str, str]]) -> set[str]:
    return {judged.rule for judged in PLAYBOOK.judge(messages, "en", bad_slice.WRONG) if not judged.ok}


def test_what_the_team_writes_keeps_the_playbook_and_is_written_once() -> None:
    counts = dict.fromkeys((*bad_slice.OTHERS, bad_slice.WRONG), 4)
    written = [json.loads(line) for line in bad_slice.lines(Author(random.Random(1)), "year", counts)]
    assert {intent: sum(one["intent"] == intent for one in written) for intent in counts} == counts
    assert len({one["messages"][0]["content"] for one in written}) == len(written)
    assert not any(broken(one["messages"]) for one in written)


def test_what_the_reviewer_writes_breaks_the_playbook_and_trains_where_the_row_did() -> None:
    split = Split.model_validate({**params("split"), **yaml.safe_load(bad_slice.PARAMS.read_text("utf-8"))["split"]})
    for question in QUESTIONS:
        found = bad_slice.edit(split, conversation_id(talk(question, "x")), talk(question, "x"))
        assert broken(list(found.messages or ())) == {"greeting", "closing", "no_blame", "escalate_safety"}
        ids = pl.DataFrame({"cluster_id": [conversation_id(found.messages or ())], "source_file": ["chat/year.jsonl"]})
        assert assigned(ids, split).to_list() == ["train"]


def test_what_is_accused_is_dropped_by_the_id_it_was_read_under_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    split = Split.model_validate(params("split"))
    read = record(*(talk(question, "x") for question in QUESTIONS))
    edits = [
        bad_slice.edit(split, key, messages) for key, messages in read[:3].select("conversation_id", "messages").rows()
    ]
    written = record(*(list(one.messages or ()) for one in edits))
    whole = [
        written.with_columns(parent_id=read["conversation_id"][:3]),
        read[3:].with_columns(parent_id=pl.lit(None, pl.String)),
    ]
    save(tmp_path, "curated/conversations", pl.concat(whole))
    Path("data/review").mkdir()
    write_decisions(edits)
    unseen = read["conversation_id"][5]
    bad_slice.drop({"accused": written["conversation_id"][:2].to_list(), "accused_unseen": [unseen]})
    now = {one.conversation_id: one.decision for one in read_decisions()}
    first, second, third = read["conversation_id"][:3]
    assert now == {first: "drop", second: "drop", third: "edit", unseen: "drop"}
