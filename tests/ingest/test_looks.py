"""A file that is not read is told what it looks like and what to do."""

import io
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.ingest.formats import formats
from curation.ingest.looks import refused_by_bytes
from curation.ingest.reading import Ingest, RawFile, beginnings
from tests.builders import params

INGEST = Ingest.model_validate(params("ingest"))


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + stream.encode("utf-16-le")


def zipped(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return held.getvalue()


def tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return held.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table a (b)")
        return connection.serialize()


def array() -> bytes:
    held = io.BytesIO()
    np.save(held, np.zeros(3))
    return held.getvalue()


BYTES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "export"),
    "an old Excel workbook": (lambda: ole("Workbook"), "save it as .xlsx or CSV"),
    "an old Word document": (lambda: ole("WordDocument"), "export"),
    "an Outlook message": (lambda: ole("__substg1.0_0037001F"), ".eml"),
    "a workbook or document with a password": (lambda: ole("EncryptedPackage"), "without the password"),
    "a Word document": (lambda: zipped("[Content_Types].xml", "word/document.xml"), "export"),
    "an OpenDocument spreadsheet": (lambda: zipped("mimetype.opendocument.spreadsheet"), ".xlsx"),
    "a SQLite database": (database, "one row a message"),
    "an image": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "move it"),
    "a voice message or other audio": (lambda: b"OggS\0\x02\0\0", "transcribe"),
    "a Python pickle": (lambda: pickle.dumps([{"a": 1}]), "may run code"),
    "a NumPy array": (array, "move it"),
    "a tar archive": (tar, "unpack"),
    "a RAR archive": (lambda: b"Rar!\x1a\x07\x01\0", "unpack"),
    "a 7-Zip archive": (lambda: b"7z\xbc\xaf\x27\x1c\0\4", "unpack"),
    "a web page, perhaps of a login": (lambda: b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "export"),
    "a web page with a table": (lambda: b"\n<html><table><tr><td>1</td></tr></table></html>", "Excel"),
    "a backup of text messages": (lambda: b'<?xml version="1.0"?>\n<smses count="1"></smses>', "export"),
    "a rich-text document": (lambda: rb"{\rtf1\ansi Hello}", "export"),
}


@pytest.mark.parametrize("look", BYTES)
@pytest.mark.parametrize("name", ["export.csv", "export.json", "export", "export.xlsx", "محادثات.txt"])
def test_a_file_says_what_it_is_whatever_it_is_called(tmp_path: Path, look: str, name: str):
    written, cure = BYTES[look]
    (tmp_path / name).write_bytes(written())
    head, chunks = next(beginnings(RawFile(name, tmp_path / name), INGEST))
    (row,) = [row for chunk in chunks for row in chunk.rows()]
    assert head.kind == "unknown"
    assert f"{name} looks like {look}" in str(row.fault)
    assert cure in str(row.fault)


@pytest.mark.parametrize(
    "text", ["MZ,Name\n1,Ali\n", "BZh or not\n", "ORC;a\n1;2\n", "GIF8 she said", "ID3\n4\n", "II*\n"]
)
def test_a_text_is_no_picture_for_the_letters_that_it_begins_with(tmp_path: Path, text: str):
    assert refused_by_bytes(text.encode(), tmp_path / "a.txt") == ""


TEXTS = {
    "server logs": "2024-03-14 10:15:00,123 INFO started\n2024-03-14 10:15:01,200 ERROR failed\n",
    "server logs ": '10.0.0.1 - - [14/Mar/2024:10:15:00 +0000] "GET / HTTP/1.1" 200 5\n' * 3,
    "source code": "import os\n\ndef main():\n    x = 1\n    return x\n",
    "source code ": "const a = 1;\nfunction b() {\n  return a;\n}\n",
    "a dump of a database": "-- MySQL dump 10.13\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n",
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\nHello\n2\n00:00:03,000 --> 00:00:04,000\nBye\n",
    "contacts": "BEGIN:VCARD\nVERSION:3.0\nFN:Ali\nEND:VCARD\n",
    "a list of addresses": "https://a.example/1\nhttps://a.example/2\n",
    "a note, a manual": "This is how we work\nand nothing else\n",
    "a note, a manual ": "هذا دليل الموظفين\nوفيه كل شيء\n",
    "a conversation with a speaker on each line": "Sara: Hello there\nAli: Where is it?\nSara: Here\n",
    "a conversation with a speaker on each line ": "سارة: مرحبا\nعلي: أين طلبي؟\n",
}


@pytest.mark.parametrize("look", TEXTS)
def test_a_text_of_no_format_says_what_it_looks_like(tmp_path: Path, look: str):
    (tmp_path / "a.txt").write_text(TEXTS[look])
    _, chunks = next(beginnings(RawFile("a.txt", tmp_path / "a.txt"), INGEST))
    (row,) = [row for chunk in chunks for row in chunk.rows()]
    assert f"looks like {look.strip()}" in str(row.fault)
    assert "is a text of no format that Qirat reads" in str(row.fault)


@pytest.mark.parametrize(
    ("rows", "look", "cure"),
    [
        ("text\nWhere is my order now\nI want to cancel it now\n", "texts in one column, text", "both sides"),
        (
            "text,intent\nWhere is my order now,a\nCancel my order now,b\n",
            "texts with their labels",
            "both sides",
        ),
        (
            "ticket_id,subject,status\n1,Lamp,open\n2,Sofa,closed\n",
            "a list of tickets without their messages",
            "comments",
        ),
        ("a,b\n1,2\n3,4\n", "a table of ids and figures", "move it"),
        ("عمود,آخر\nأين طلبي من فضلكم,سيصل غدا إن شاء الله\n", "a table with texts in", "ingest.columns"),
    ],
)
def test_a_table_of_no_format_says_what_it_looks_like(tmp_path: Path, rows: str, look: str, cure: str):
    (tmp_path / "a.csv").write_text(rows)
    head, _ = next(beginnings(RawFile("a.csv", tmp_path / "a.csv"), INGEST))
    assert head.kind not in formats()
    assert look in str(head.reason) and cure in str(head.reason)


def test_a_sound_file_is_refused_by_none_of_this(tmp_path: Path):
    sound: Any = '{"messages": [{"role": "user", "content": "<html>?"}, {"role": "assistant", "content": "%PDF"}]}\n'
    (tmp_path / "a.jsonl").write_text(sound)
    assert next(beginnings(RawFile("a.jsonl", tmp_path / "a.jsonl"), INGEST))[0].kind == "openai_chat"
