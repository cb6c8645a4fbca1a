"""The stage on folders of files: what it remembers, and that its bytes depend on the files alone."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curation.commands.explain import explain
from curation.core.record.conversation import SCHEMA
from curation.decisions.forget import rule, write_rules
from curation.harness import parts
from curation.harness.errors import QiratError
from curation.ingest import __main__ as ingest
from curation.ingest import memory, reading, unpacking
from tests.builders import ROOT, talk

NOBODY = 65534
GOOD = {"messages": talk("Where is my order?", "On its way.")}


def put(name: str, *rows: object, folder: str = "data/raw") -> None:
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")


def numbered(count: int, start: int = 0) -> list[dict[str, object]]:
    return [
        {"messages": talk(f"Where is order {n}?", "Here."), "customer": f"C{n % 7}"}
        for n in range(start, start + count)
    ]


def digests() -> dict[str, str]:
    paths = [*Path("data/ingested").iterdir(), Path("metrics/ingest.json")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def files_read(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The files that were read and not remembered, of the run before."""
    return [line.split(": ")[1] for line in capsys.readouterr().err.splitlines() if " conversations, " in line]


def test_only_new_files_are_read_and_the_bytes_are_those_of_a_full_run(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    put("a.jsonl", *numbered(30), {"broken": 1})
    put("c/c.json", numbered(5))
    ingest.main()
    assert files_read(capsys) == ["a.jsonl", "c/c.json"]
    put("b.jsonl", *numbered(10, 50))
    ingest.main()
    assert files_read(capsys) == ["b.jsonl"]
    in_steps = digests()
    for kept in Path("data/cache/ingest").iterdir():
        kept.unlink()
    ingest.main()
    assert files_read(capsys) == ["a.jsonl", "b.jsonl", "c/c.json"]
    assert digests() == in_steps
    Path("data/raw/b.jsonl").unlink()
    ingest.main()
    assert files_read(capsys) == []
    assert pl.read_parquet("data/ingested/files.parquet")["source_file"].to_list() == ["a.jsonl", "c/c.json"]
    assert len(list(Path("data/cache/ingest").iterdir())) == 2 * 4  # a report and three tables each


def test_the_bytes_do_not_depend_on_chunks_groups_or_processes(project: Path, monkeypatch: pytest.MonkeyPatch):
    put("a.jsonl", *numbered(40), "text", *numbered(40, 100))
    put("b.json", {"conversations": numbered(25), "archived": numbered(9, 200)})
    put("held_out.jsonl", *numbered(40, 30), folder="data/evaluation")
    Path("data/raw/c.csv").write_text(
        "ticket_id,author,body\n" + "".join(f"T{n % 9},customer,Hello {n}\n" for n in range(60)), "utf-8"
    )
    monkeypatch.setattr(memory, "ROWS_A_GROUP", 32)
    monkeypatch.setattr(parts, "ROWS_A_GROUP", 32)
    ingest.main()
    at_once = digests()
    monkeypatch.setattr(unpacking, "BLOCK", 500)
    monkeypatch.setattr(reading, "ROWS_A_CHUNK", 3)
    for kept in Path("data/cache/ingest").iterdir():
        kept.unlink()
    text = Path("params.yaml").read_text("utf-8")
    ingest.main()
    assert digests() == at_once
    monkeypatch.setattr(ingest, "LARGE", 0)
    start = text.index("workers: auto")
    Path("params.yaml").write_text(f"{text[:start]}workers: 2{text[start + len('workers: auto') :]}", "utf-8")
    ingest.main()
    assert digests() == at_once
    assert pl.read_parquet("data/ingested/conversations.parquet").schema == SCHEMA


def test_what_is_forgotten_is_in_no_table_and_in_no_cache(project: Path):
    put("a.jsonl", *numbered(20), {"messages": talk("My secret is Zanzibar", "Noted."), "customer": "ali"})
    ingest.main()
    write_rules([rule("customer", "Ali")])
    ingest.main()
    kept = list(project.rglob("*.parquet"))
    assert len(kept) == 9
    for path in kept:
        assert "Zanzibar" not in str(pl.read_parquet(path).rows())
    (gone,) = pl.read_parquet("data/ingested/quarantine.parquet").iter_rows(named=True)
    assert (gone["row_id"], gone["code"], gone["raw"]) == ("a.jsonl:21", "forgotten", None)
    assert json.loads(Path("metrics/ingest.json").read_text())["forgotten"] == 1


def test_tables_are_sorted_by_file_and_row(project: Path):
    for name in ("b.jsonl", "a/z.jsonl", "a.jsonl", "a-b.jsonl", "ب.jsonl"):
        put(name, *numbered(3), "broken")
    ingest.main()
    for table in ("conversations", "quarantine"):
        found = pl.read_parquet(f"data/ingested/{table}.parquet")
        assert found.equals(found.sort("source_file", "source_row"))
        assert found["row_id"].is_unique().all()


def test_the_notes_of_a_saved_data_set_are_no_rows(project: Path):
    folder = Path("data/raw/saved")
    folder.mkdir()
    pl.DataFrame(numbered(3)).write_ipc_stream(folder / "data-00000-of-00001.arrow")
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text("{}")
    put("state.json", GOOD)
    ingest.main()
    files = pl.read_parquet("data/ingested/files.parquet").select("source_file", "conversations").rows()
    assert files == [("saved/data-00000-of-00001.arrow", 3), ("state.json", 1)]


def test_hidden_files_are_not_read_and_never_in_silence(project: Path, capsys: pytest.CaptureFixture[str]):
    put("a.jsonl", GOOD)
    for name in (".export.jsonl", "chats/.part.jsonl", ".old/a.jsonl", ".old/sub/b.jsonl", "chats/.قديم/a.jsonl"):
        put(name, GOOD)
    ingest.main()
    said = capsys.readouterr().err
    named = ".export.jsonl, .old/ (2 files), chats/.part.jsonl, chats/.قديم/ (1 file)"
    assert f"hidden, so not read: {named}" in said
    assert f"hidden, so not read: {named}" in explain()
    files = pl.read_parquet("data/ingested/files.parquet").filter(source="hidden")
    assert files["source_file"].to_list() == [".export.jsonl", ".old/", "chats/.part.jsonl", "chats/.قديم/"]
    assert files["records"].sum() == 0
    assert json.loads(Path("metrics/ingest.json").read_text())["files"] == 1
    Path("data/raw/a.jsonl").unlink()
    with pytest.raises(SystemExit, match=r"no files but hidden ones \(\.export\.jsonl"):
        ingest.main()


def test_explain_says_what_each_file_is_and_why_nothing_else(project: Path):
    put("chat.jsonl", {"messages": talk("Call me on sara@example.com", "I will.")}, GOOD)
    put("other.jsonl", {"q": 1, "a": 2})
    put("held_out.json", [{"conversations": [{"from": "visitor", "value": "Hi"}]}], folder="data/evaluation")
    Path("data/raw/scan.pdf").write_bytes(b"%PDF-1.7\0\xff")
    Path("data/raw/old.jsonl").write_bytes(
        '{"messages": [{"role": "user", "content": "أين طلبي يا جماعة"}]}'.encode("cp1256")
    )
    said = explain()
    assert "chat.jsonl: openai_chat (JSON lines, utf-8), 2 raw rows" in said
    assert "user: Call me on [email_1]" in said
    assert "example.com" not in said
    assert said.startswith("2 files read, with 3 raw rows, and 1 evaluation set; not read: other.jsonl, scan.pdf\n")
    assert "not sharegpt" not in said
    asked = explain("chat.jsonl")
    assert asked == explain("data/raw/chat.jsonl")
    assert "not sharegpt: no field" in asked
    assert "other.jsonl" not in asked
    with pytest.raises(QiratError, match=r"no file is called 'chats.jsonl'; did you mean chat\.jsonl"):
        explain("chats.jsonl")
    assert "not read: no format has these fields: q, a" in said
    assert "scan.pdf looks like a PDF; export the conversations" in said
    assert "old.jsonl: openai_chat (JSON lines, windows-1256), 1 raw row\n" in said
    assert "data/evaluation/held_out.json: sharegpt (JSON, utf-8), 1 raw row\n  user: Hi\n" in said
    assert not Path("data/ingested").exists()


def test_unreadable_rows_of_a_forgotten_customer_lose_their_words_wherever_they_name_him(project: Path):
    tickets = [{"id": n, "requester": {"id": 42 + n}, "comments": ["secret"]} for n in (0, 1)]
    put("z.json", {"tickets": tickets})
    Path("data/raw/t.csv").write_bytes(
        b"ticket_id,author,body,customer\n1,user,secret,42\n1,agent,\xff\xfe,\n2,user,b,\n"
    )
    write_rules([rule("customer", "42")])
    ingest.main()
    kept = pl.read_parquet("data/ingested/quarantine.parquet")
    assert kept["row_id"].to_list() == ["t.csv:1", "z.json:1", "z.json:2"]
    assert kept["code"].to_list() == ["forgotten", "forgotten", "unreadable"]
    assert kept["raw"].is_null().to_list() == [True, True, False]


def test_explain_shows_no_personal_data_in_its_reasons(project: Path):
    put("chat.jsonl", {"conversation_id": 1, "transcript": "sara@example.com: Hi\nagent: Hello", "chat": "a: b\nc: d"})
    Path("data/raw/bare.csv").write_text("where is it,sara@example.com\nwhere,x@example.com\n")
    said = explain()
    assert "starts with no speaker" in said
    assert "no format has these fields" in said
    assert "example.com" not in said


def test_a_file_that_may_not_be_read_is_quarantined(project: Path):
    put("a.jsonl", GOOD)
    put("b.jsonl", GOOD)
    Path("data/raw/b.jsonl").chmod(0)
    is_root = os.geteuid() == 0  # whom no permission stops
    if is_root:
        for path in (project, *project.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        ingest.main()
    finally:
        if is_root:
            os.seteuid(0)
    assert pl.read_parquet("data/ingested/quarantine.parquet")["source_file"].to_list() == ["b.jsonl"]
    assert pl.read_parquet("data/ingested/conversations.parquet").height == 1


def test_a_run_that_is_killed_leaves_all_or_nothing_and_the_next_one_finishes(project: Path):
    put("a.jsonl", *numbered(3000))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "curation.ingest"]
    for seconds in (0.8, 1.2):
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as running:
            try:
                running.wait(seconds)
            except subprocess.TimeoutExpired:
                running.kill()
        for path in project.rglob("*.parquet"):
            pl.read_parquet(path)
    ingest.main()
    assert pl.read_parquet("data/ingested/conversations.parquet").height == 3000


def test_a_file_that_is_written_while_it_is_read_is_not_remembered(project: Path, monkeypatch: pytest.MonkeyPatch):
    put("growing.jsonl", *numbered(3))
    read = ingest.read

    def written_meanwhile(*given: object) -> object:
        put("growing.jsonl", *numbered(5))
        return read(*given)

    monkeypatch.setattr(ingest, "read", written_meanwhile)
    with pytest.raises(SystemExit, match=r"growing.jsonl changed while it was read"):
        ingest.main()
    put("growing.jsonl", *numbered(3))  # the bytes that were hashed first: what was read must not stand for them
    monkeypatch.setattr(ingest, "read", read)
    ingest.main()
    assert pl.read_parquet("data/ingested/conversations.parquet").height == 3


def test_no_file_is_lost_whatever_its_name(project: Path, capsys: pytest.CaptureFixture[str]):
    names = [b"a\xff.jsonl", b"a\xfe.jsonl", b"a\\udcff.jsonl", "\u202ecod.jsonl".encode(), b"\x1b[31mred.jsonl"]
    for number, name in enumerate(names):
        row = json.dumps({"messages": talk(f"Where is order {number}?", "Here.")}).encode()
        Path(os.fsdecode(b"data/raw/" + name)).write_bytes(row)
    Path("data/raw/loop.jsonl").symlink_to("loop.jsonl")
    ingest.main()
    files = pl.read_parquet("data/ingested/files.parquet")
    assert files["conversations"].sum() == len(names) and files["source_file"].n_unique() == files.height
    refused = pl.read_parquet("data/ingested/quarantine.parquet").filter(source_file="loop.jsonl")
    assert "a link that leads to itself" in refused["reason"].item()
    assert not re.search("[\x1b\u202e]", capsys.readouterr().err)
