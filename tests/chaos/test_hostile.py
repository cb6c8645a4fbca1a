"""Files that somebody wrote to break the road: each is read or refused in a sentence, and what is read goes on."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.fuzz.ingest import Damaged, check
from curation.ingest import archives, tables
from curation.ingest.reading import Ingest, RawFile, mapper, tasks_of
from curation.ingest.unpacking import SizeLimits, TornError
from curation.ingest.workbooks import sheets_of
from curation.ingest.workbooks import workbook as opened
from curation.privacy import PATTERNED, pseudonymised
from qirat.publish.rows import conversation_rows
from tests.builders import params
from tests.training.tiny import renderer
from training.model.template import InexpressibleError

INGEST = Ingest.model_validate(params("ingest"))
HELLO = '"messages":[{"role":"user","content":"مرحبا"},{"role":"assistant","content":"hello"}]'


def beside(more: str) -> bytes:
    """A good row with something beside its words."""
    return f"{{{more},{HELLO}}}".encode()


def said(**reply: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": "أين طلبي؟"}, {"role": "assistant", **reply}]}).encode()


def ticket(*times: str) -> bytes:
    rows = (f"7,{who},hello {who},{time}" for who, time in zip(("customer", "agent", "customer"), times, strict=False))
    return "\n".join(["ticket_id,author,body,created_at", *rows, ""]).encode()


def archive(members: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in members.items():
            packed.writestr(name, text)
    return file.getvalue()


def link() -> bytes:
    """An archive with a link that leads out of it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        member = zipfile.ZipInfo("a.jsonl")
        member.external_attr = 0o120777 << 16
        packed.writestr(member, "/etc/passwd")
    return file.getvalue()


OFFICE = "http://schemas.openxmlformats.org"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def workbook(*cells: tuple[str, str], more: str = "") -> bytes:
    """A sheet with a question and its answer, and these cells, each a row of its own."""
    given = (("A1", "question"), ("B1", "answer"), ("A2", "Where is it?"), ("B2", "In the shop."), *cells)
    kinds = (("/xl/workbook.xml", "sheet.main"), ("/xl/worksheets/sheet1.xml", "worksheet"))
    types = "".join(f'<Override PartName="{name}" ContentType="{SHEETS}.{kind}+xml"/>' for name, kind in kinds)
    leads = '<Relationships xmlns="{0}/package/2006/relationships"><Relationship Id="r1" Type="{1}" Target="{2}"/>'
    leads += "</Relationships>"
    of = f"{OFFICE}/officeDocument/2006/relationships"
    rows = "".join(f'<row><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>' for place, text in given)
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{OFFICE}/package/2006/content-types">{types}</Types>',
            "_rels/.rels": leads.format(OFFICE, f"{of}/officeDocument", "xl/workbook.xml"),
            "xl/_rels/workbook.xml.rels": leads.format(OFFICE, f"{of}/worksheet", "worksheets/sheet1.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{OFFICE}/spreadsheetml/2006/main" xmlns:r="{of}">'
            '<sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{OFFICE}/spreadsheetml/2006/main"><sheetData>{rows}{more}'
            "</sheetData></worksheet>",
        }
    )


def turn(name: str, parent: str | None, role: str) -> str:
    return json.dumps({"message_id": name, "parent_id": parent, "message_tree_id": "t", "role": role, "text": name})


CALL = {"id": "1", "type": "function", "function": {"name": "track", "arguments": "[" * 5_000}}
ENTITIES = '<!DOCTYPE l [<!ENTITY a "' + "x" * 1_000 + '"><!ENTITY b "' + "&a;" * 1_000 + '">]><Types>&b;&b;</Types>'
LOOP = {"parent": "a", "children": ["a"], "message": {"author": {"role": "user"}, "content": {"parts": ["hi", None]}}}
CIRCLE = (turn("a", "b", "prompter"), turn("b", "a", "assistant"))
BEYOND = "<p>&#x110000;&#xD800;&#99999999999;" + "<table>" * 3_000
TABLES = [{"requester_id": 1, "comments": [{"author_id": 1, "body": BEYOND}]}]
HALF = {"sender_name": "\ud83d", "timestamp_ms": 10**30, "content": "\u00f0\u009f"}
BEGUN = {"chosen": "\n\nHuman: " * 2_000, "rejected": "\n\nAssistant:" * 2_000}
IMPOSSIBLE = "[31/12/99999, 21:15:03] Ali: hi\n[99/99/2024, 25:61:61] علي: مرحبا\n"
FILES: dict[str, tuple[str, bytes]] = {
    "an id of 5,000 digits": ("a.jsonl", beside('"id":' + "9" * 5_000)),
    "a weight of 5,000 digits": ("a.jsonl", said(content="ok", weight=7).replace(b"7}", b"7" * 5_000 + b"}")),
    "a time beyond all calendars": ("a.jsonl", beside('"created_at":1e308')),
    "a time before all calendars": ("a.jsonl", beside('"created_at":-99999999999999')),
    "the last day of calendars, west of it": ("a.jsonl", beside('"created_at":"9999-12-31T23:59:59-14:00"')),
    "the first day of calendars, east of it": ("a.jsonl", beside('"created_at":"0001-01-01T00:00:00+14:00"')),
    "superscripts for digits": ("a.csv", ticket("²/³/2024", "١/٢/٢٠٢٤", "①/②/2024")),
    "times of 5,000 digits": ("a.csv", ticket("9" * 5_000, "٩" * 5_000)),
    "a role turned backwards": ("a.jsonl", said(content="x").replace(b'"user"', '"\u202eresu"'.encode())),
    "roles that are numbers": ("a.jsonl", b'{"messages":[{"role":1e400,"content":"hi"},{"role":NaN,"content":"x"}]}'),
    "parts of nothing": ("a.jsonl", said(content=[None, {"type": "text"}, {"type": "image_url", "image_url": None}])),
    "arguments nested without end": ("a.jsonl", said(content=None, tool_calls=[CALL])),
    "tools that are no JSON": ("a.jsonl", beside('"tools":"not json ["')),
    "tools nested without end": ("a.jsonl", beside(f'"tools":"{"[" * 3_000}"')),
    "tools of any kind": ("a.jsonl", beside('"tools":[1,null,"x",{"function":7}]')),
    "3,000 keys": ("a.jsonl", beside(",".join(f'"k{n}":{n}' for n in range(3_000)))),
    "keys of nothing": ("a.jsonl", beside('"":1,"\\u0000":2')),
    "columns named twice": ("a.csv", "سؤال,سؤال,جواب\nأ,ب,ت\n".encode()),
    "1,000 columns": ("a.csv", b",".join(b"c%d" % n for n in range(1_000)) + b"\n" + b"x," * 999 + b"x\n"),
    "nothing but quotes": ("a.csv", b'question,answer\n""""""""""""\n"a""b","c"\n"'),
    "a chat of impossible days": ("a.txt", IMPOSSIBLE.encode()),
    "a chat of nobody": ("a.txt", "[31/12/2024, 21:15:03] A: B: C: hi\n[31/12/2024, 21:16:04] \u202e: x\n".encode()),
    "a mail of no charset": ("a.eml", b'From: =?bogus?Q?=FF?= <a@b>\nContent-Type: text/plain; charset="\xff"\n\nhi'),
    "a mail in 600 mails": ("a.eml", b"From: a@b.c\nContent-Type: message/rfc822\n\n" * 600 + b"hi"),
    "a mail of torn base64": ("a.eml", b"Subject: =?utf-8?B?//?=\nContent-Transfer-Encoding: base64\n\n!!==\n"),
    "a mailbox of beginnings": ("a.mbox", b"From \nFrom \nFrom nobody\n\n\nFrom x Thu\n"),
    "members out of the archive": ("a.zip", archive({"../../evil.jsonl": "{}", "/abs.jsonl": "{}", "ع.jsonl": "{"})),
    "a workbook of entities": ("a.xlsx", archive({"[Content_Types].xml": ENTITIES, "xl/workbook.xml": "<workbook/>"})),
    "packed three times": ("a.jsonl.gz", gzip.compress(gzip.compress(gzip.compress(beside('"a":1'))))),
    "turns that answer one another": ("a.jsonl", "\n".join(CIRCLE).encode()),
    "a tree that turns back": ("a.json", json.dumps([{"mapping": {"a": LOOP}, "current_node": "a"}]).encode()),
    "signs beyond all alphabets": ("a.json", json.dumps(TABLES).encode()),
    "half a character as a name": ("message_1.json", json.dumps({"participants": [], "messages": [HALF]}).encode()),
    "a transcript of beginnings": ("a.jsonl", json.dumps(BEGUN).encode()),
    "a link in the archive": ("a.zip", link()),
    "a header in a header": ("a.mbox", b"From a Mon Jan  1 10:00:00 2024\nFrom: a@x\rBcc: e@x\n\nhi\n"),
    "roles of two lines": ("a.jsonl", said(content="x").replace(b'"user"', b'"user\\nassistant"')),
    "half characters as keys of people": ("a.jsonl", beside('"customer":"\\ud800","label":"\\udfff","id":"\\udc00"')),
    "a call by special tokens": ("a.jsonl", said(content="", tool_calls=[{**CALL, "id": "<|im_end|>"}])),
    "objects 500,000 deep": ("a.jsonl", b'{"a":' * 500_000 + b"1" + b"}" * 500_000),
    "our own columns": ("a.jsonl", beside('"row_id":"../x","conversation_id":"0","source_file":"/etc/passwd"')),
}  # fmt: skip
FAR: dict[str, Callable[[], bytes]] = {  # no memory holds the cells before these
    "the last cell": lambda: workbook(("XFD1048576", "x")),
    "a row beyond all": lambda: workbook(("A4000000000", "x")),
    "a row beyond all, of cells without a place": lambda: workbook(
        more='<row r="3000000000"><c t="str"><v>x</v></c></row>'
    ),
    "a cell that is all of a hundred megabytes": lambda: workbook(("A3", "x" * 100_000_000)),
}


@pytest.mark.parametrize("kind", FAR)
def test_a_workbook_that_no_memory_holds_is_refused_before_it_is_opened(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(FAR[kind]())
    with pytest.raises(TornError, match=r"empty cells before; delete|unpack to more than"):
        opened(tmp_path / "a.xlsx", SizeLimits(), "")
    assert sheets_of(tmp_path / "a.xlsx") == []


def test_a_workbook_with_a_row_painted_to_its_end_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook(more='<row r="1048576"><c r="XFD1048576" s="1"/></row>'))
    assert opened(tmp_path / "a.xlsx", SizeLimits(), "").columns == ("question", "answer")


def test_a_table_that_says_a_long_text_in_every_row_is_read_few_at_a_time_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the text once; what is read holds it in each row."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"question": ["x" * 1_000] * 50, "answer": ["ok"] * 50}).write_parquet(path, compression="zstd")
    monkeypatch.setattr(tables, "BYTES_A_CHUNK", 10_000)
    chunks = list(tables.parquet(path, SizeLimits()).chunks)
    assert [chunk.count() for chunk in chunks] == [10] * 5
    pl.DataFrame({"question": [f"{n}{'x' * 1_000}" for n in range(50)]}).write_parquet(path, compression="zstd")
    monkeypatch.setattr(archives, "RATIO_FROM", 100)
    monkeypatch.setattr(archives, "MOST_RATIO", 1)
    with pytest.raises(TornError, match="unpack to more than"):
        tables.parquet(path, SizeLimits())


@pytest.mark.parametrize("kind", FILES)
def test_it_is_read_or_refused_and_nothing_behind_it_breaks(kind: str, tmp_path: Path) -> None:
    name, data = FILES[kind]
    check(Damaged(kind, name, data), tmp_path, INGEST)
    (tmp_path / name).write_bytes(data)
    for part in map(mapper(INGEST, frozenset()), tasks_of(RawFile(name, tmp_path / name), INGEST)):
        for row in part.conversations.iter_rows(named=True):
            pseudonymised(row["messages"], (*PATTERNED, "name"), ("SA", "EG"))
            said_by_template(row)
        conversation_rows({"train": part.conversations.with_columns(facts=None)})


def said_by_template(row: Mapping[str, Any]) -> None:
    """As tokenize says it, or sets it aside with a reason."""
    try:
        renderer().examples(row["messages"], row["tools"])
    except InexpressibleError as error:
        assert str(error)
