"""Files that somebody wrote to break the road: each is read or refused in a sentence, and what is read goes on."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz.ingest import Damaged, check
from curation.ingest.reading import Ingest, RawFile, mapper, tasks_of
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
}  # fmt: skip


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
