"""Evaluation sets are read as raw files are, into a table of their own, and nothing in them may be unreadable."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curation.dedup.__main__ import main as dedup
from curation.embed import main as embed
from curation.ingest import __main__ as ingest
from curation.score.__main__ import main as score
from tests.builders import ROOT, talk
from tests.ingest.test_stage import files_read, numbered, put

HELD_OUT = "data/evaluation"


def rows() -> list[str]:
    """The evaluation conversations that ingest read, by where they stand."""
    return pl.read_parquet("data/ingested/evaluation.parquet")["row_id"].to_list()


@pytest.fixture(autouse=True)
def raw(project: Path) -> None:
    put("raw.jsonl", *numbered(3))


def test_every_readable_file_counts_and_names_its_rows():
    put("deep/a.jsonl", *({"messages": talk(text, "b")} for text in "xyz"), folder=HELD_OUT)
    put("b.json", [{"messages": talk("z", "b")}], folder=HELD_OUT)
    ingest.main()
    assert rows() == ["b.json:1", "deep/a.jsonl:1", "deep/a.jsonl:2"]  # z once, where it stands first
    assert pl.read_parquet("data/ingested/files.parquet")["source_file"].to_list() == ["raw.jsonl"]


def test_an_empty_folder_protects_nothing_and_is_no_error():
    ingest.main()
    assert rows() == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("set.txt", "hello", "is a text of no format that Qirat reads"),
        ("set.pdf", "%PDF\0", "set.pdf looks like a PDF"),
        ("set.jsonl", "{broken", ", row 1: not JSON "),
        ("set.jsonl", '{"q": 1}', "no format has these fields: q; it looks like .* name one in params.yaml"),
        ("set.jsonl", "", "no conversation is in it"),
        ("set.jsonl", '{"messages": [{"role": "boss", "content": "Hi"}]}', "row 1: role 'boss' is unknown"),
    ],
)
def test_a_set_that_cannot_be_read_stops_rather_than_protect_nothing(name: str, text: str, told: str):
    Path(HELD_OUT, name).write_text(text)
    for _ in ("read", "remembered"):
        with pytest.raises(SystemExit, match=f"{HELD_OUT}/{name}.*{told}"):
            ingest.main()
    assert not Path("data/ingested").exists()


def test_only_what_changed_is_read_again(capsys: pytest.CaptureFixture[str]):
    for name in ("a", "b"):
        put(f"{name}.jsonl", {"messages": talk(name, "b")}, folder=HELD_OUT)
    ingest.main()
    assert files_read(capsys) == ["a.jsonl", "b.jsonl", "raw.jsonl"]
    put("b.jsonl", {"messages": talk("other words", "b")}, folder=HELD_OUT)
    ingest.main()
    assert files_read(capsys) == ["b.jsonl"]
    said = pl.read_parquet("data/ingested/evaluation.parquet")["messages"].to_list()
    assert [messages[0]["content"] for messages in said] == ["a", "other words"]


def test_what_somebody_asked_to_forget_stays_in_an_evaluation_set(project: Path):
    put("raw.jsonl", *numbered(3), folder=HELD_OUT)
    rule = {"forget": "source", "value": "raw.jsonl"}
    Path("data/forget.jsonl").write_text(json.dumps({"qirat": "forget", "version": 1}) + "\n" + json.dumps(rule) + "\n")
    ingest.main()
    assert json.loads(Path("metrics/ingest.json").read_text())["forgotten"] == 3
    assert len(rows()) == 3


def test_a_set_with_roles_that_only_params_map_is_read_and_its_copy_found(project: Path):
    for name in ("dvc.yaml", "playbook.yaml"):
        (project / name).write_bytes((ROOT / name).read_bytes())
    text = (project / "params.yaml").read_text("utf-8")
    for old, new in (("  model: usem3", "  model: none"), ("    outbound: assistant", "    seller: assistant")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (project / "params.yaml").write_text(text, "utf-8")
    said = (
        "My blue lamp flickers since the storm on Monday and the shop is closed, what now?",
        "Please unscrew the bulb, wait a minute and put the spare one from the box into the socket of the lamp.",
    )
    put("raw.jsonl", *numbered(3), {"messages": talk(*said)})
    sides = [{"from": side, "value": words} for side, words in zip(("visitor", "seller"), said, strict=True)]
    put("set.json", [{"conversations": sides}], folder=HELD_OUT)
    subprocess.run([sys.executable, "-m", "curation.ingest"], check=True)
    for stage in (dedup, embed, score):
        stage()
    (found,) = pl.read_parquet("data/scored/findings.parquet").filter(code="evaluation_leak").iter_rows(named=True)
    rows = pl.read_parquet("data/ingested/conversations.parquet").filter(conversation_id=found["conversation_id"])
    assert rows["row_id"].to_list() == ["raw.jsonl:4"]
    assert found["evidence"].startswith("set.json:1 (100% of it, 100% of this): ")
