"""How bytes become rows: streams, bounds, encodings, and what files are that are called something else."""

import codecs
import gzip
import io
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest import delimited, tables, texts, unpacking
from curation.ingest.containers import open_chunks
from curation.ingest.encodings import as_utf8, encoding_of
from curation.ingest.json_text import json_value
from curation.ingest.rows import Given, RawRow
from curation.ingest.unpacking import SizeLimits

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,  # as the command line writes it
}
ROWS = [{"id": n, "said": f"Where is order {n}?", "أين": "طلبي"} for n in range(300)]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()

USUAL = SizeLimits()


def rows_of(path: Path, limits: SizeLimits = USUAL) -> list[RawRow]:
    opened = open_chunks(path, limits)
    assert opened is not None
    chunks = list(opened.chunks)
    rows = [row for chunk in chunks for row in chunk.rows()]
    assert sum(chunk.count() for chunk in chunks) == len(rows)
    assert len({row.number for row in rows}) == len(rows)
    return rows


def rows(path: Path, data: bytes, limits: SizeLimits = USUAL) -> list[RawRow]:
    path.write_bytes(data)
    return rows_of(path, limits)


def values(found: list[RawRow]) -> list[Any]:
    assert [row.fault for row in found if row.fault] == []
    return [row.value for row in found]


def container(path: Path, data: bytes) -> str | None:
    path.write_bytes(data)
    opened = open_chunks(path, SizeLimits())
    return opened.container if opened else None


# -- streams -----------------------------------------------------------------------------------------------------------


def test_a_file_gives_the_same_rows_whatever_the_size_of_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    table = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(table, row_group_size=64)
    csv = ("id;said\r\n" + "".join(f'{n};"Where\r\nis ""{n}""؟"\r\n' for n in range(300))).encode()
    files = {
        "a.jsonl": LINES.replace(b"\n", b"\r\n") + b"\r\n{broken",
        "a.json": json.dumps([*ROWS, 5, "x", [1]], ensure_ascii=False, indent=1).encode(),
        "a.csv": csv,
        "a.txt": "سطر\r\rline\n".encode() * 50,
        "a.parquet": table.getvalue(),
        "b.jsonl.gz": gzip.compress(LINES) + gzip.compress(b"\n{}"),
        "b.jsonl.zst": zstandard.compress(LINES) + zstandard.compress(b"\n{}"),
        "c.jsonl": LINES.decode().encode("utf-16"),
    }
    at_once = {name: rows(tmp_path / name, data) for name, data in files.items()}
    for block in (7, 100):
        monkeypatch.setattr(unpacking, "BLOCK", block)
        monkeypatch.setattr(unpacking, "PIECE", block)
        monkeypatch.setattr(delimited, "BLOCK", block)
        monkeypatch.setattr(tables, "ROWS_A_CHUNK", block)
        assert {name: rows_of(tmp_path / name) for name in files} == at_once
    assert [len(found) for found in at_once.values()] == [301, 303, 300, 100, 300, 301, 301, 300]


@pytest.mark.parametrize("ending", PACKERS)
def test_rows_before_a_tear_are_kept_and_the_tear_is_one_row(tmp_path: Path, ending: str):
    noise = random.Random(1)
    numbers = "\n".join(json.dumps({"n": n, "noise": noise.randrange(10**12)}) for n in range(60_000)).encode()
    packed = PACKERS[ending](numbers)
    *good, torn = rows(tmp_path / f"a.jsonl{ending}", packed[: len(packed) // 2])
    assert len(good) > 10_000
    assert [row.value["n"] for row in good] == list(range(len(good)))
    assert torn.number == len(good) + 1
    assert "ends in the middle" in (torn.fault or "")
    damaged = packed[: len(packed) // 2] + b"\x00\xff\x00\xff" + packed[len(packed) // 2 + 4 :]
    found = rows(tmp_path / f"b.jsonl{ending}", damaged)
    assert any("damaged" in (row.fault or "") for row in found)


@pytest.mark.parametrize("ending", PACKERS)
def test_zip_bombs_are_refused(tmp_path: Path, ending: str):
    (bomb,) = rows(tmp_path / f"a.jsonl{ending}", PACKERS[ending](b'{"a": 1}\n' * 8_000_000))
    assert (bomb.number, bomb.value) == (0, None)
    assert "500 times" in (bomb.fault or "")


def test_what_lies_beyond_the_allowed_size_of_a_file_is_one_row(tmp_path: Path):
    found = rows(tmp_path / "a.jsonl.gz", gzip.compress(LINES), SizeLimits(2**20, 1000))
    assert "ingest.max_unpacked_bytes" in (found[-1].fault or "")


def test_a_row_longer_than_allowed_is_refused_and_its_neighbours_are_read(tmp_path: Path):
    long = json.dumps({"n": 1, "text": "x" * 5000})
    limits = SizeLimits(1000, 10**9)
    *_, third = found = rows(tmp_path / "a.jsonl", f'{{"n": 0}}\n{long}\n{{"n": 2}}'.encode(), limits)
    assert [bool(row.fault) for row in found] == [False, True, False]
    assert "ingest.max_row_bytes" in (found[1].fault or "")
    assert (third.number, third.value) == (3, {"n": 2})
    table = f'a,b\n1,2\n3,"{"x" * 5000}"\n4,5\n'
    found = rows(tmp_path / "a.csv", table.encode(), limits)
    assert [bool(row.fault) for row in found] == [False, True, False]
    found = rows(tmp_path / "a.json", f'[{{"n": 0}}, {long}, {{"n": 2}}]'.encode(), limits)
    assert [bool(row.fault) for row in found] == [False, True, False]


def test_a_line_of_a_hundred_megabytes_takes_less_memory_than_itself_twice(tmp_path: Path):
    import tracemalloc

    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * 100_000_000 + b'"}\n{"a": 1}\n')
    tracemalloc.start()
    found = rows_of(path)
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()
    assert [bool(row.fault) for row in found] == [True, False]


# -- JSON --------------------------------------------------------------------------------------------------------------


def test_an_element_that_is_broken_inside_breaks_no_other(tmp_path: Path):
    found = rows(tmp_path / "a.json", b'[{"a": 1},\n {"a": tru},\n {"a": "]}"}, 7, "x", [1, 2]]')
    assert [row.value for row in found] == [{"a": 1}, None, {"a": "]}"}, 7, "x", [1, 2]]
    assert "not JSON" in (found[1].fault or "")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('[{"a": 1}', ["", "does not end"]),
        ('[{"a": 1}] and more', ["", "text after the end"]),
        ("[", ["does not end"]),
        ("[]", []),
        ("{}", [""]),
        ("", ["not JSON"]),
    ],
)
def test_json_documents_that_end_too_early_or_too_late(tmp_path: Path, text: str, faults: list[str]):
    found = rows(tmp_path / "a.json", text.encode())
    assert len(found) == len(faults)
    assert all(expected in (row.fault or "") for row, expected in zip(found, faults, strict=True))


def test_a_key_given_twice_is_a_fault_only_when_the_values_differ():
    assert json_value(b'{"a": 1, "a": 1}') == ({"a": 1}, None)
    _, fault = json_value(b'{"x": [{"role": "user", "role": "assistant"}]}')
    assert "'role' stands twice" in (fault or "")


def test_numbers_keep_their_digits_and_missing_ones_are_null():
    big = 2**64 + 1
    text = f'{{"big": {big}, "nan": NaN, "inf": [Infinity, -Infinity, 1e999], "half": "\\ud83d", "q": "\\u0022"}}'
    assert json_value(text.encode()) == (
        {"big": big, "nan": None, "inf": [None, None, None], "half": "\ufffd", "q": '"'},
        None,
    )


def test_nesting_is_bounded_whatever_the_depth():
    for depth in (99, 101, 500, 5_000, 200_000):
        _, fault = json_value(b"[" * depth + b"]" * depth)
        assert bool(fault) == (depth > 100), depth


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_python_reads_it(value: Any, ascii_only: bool, indent: int | None):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    found, fault = json_value(text.encode("utf-8", "replace"))
    assert fault is None
    assert found == json.loads(text.encode("utf-8", "replace"))


@given(st.lists(JSON_VALUES, max_size=6), st.sampled_from([None, 2]), st.integers(1, 50))
def test_any_array_gives_its_elements(found: list[Any], indent: int | None, block: int):
    data = json.dumps(found, indent=indent).encode()
    stream = iter([data[start : start + block] for start in range(0, len(data), block)])
    chunks = list(texts.json_document(stream, SizeLimits()).chunks)
    assert not any(isinstance(chunk, Given) for chunk in chunks)
    assert [row.value for chunk in chunks for row in chunk.rows()] == found


# -- CSV ---------------------------------------------------------------------------------------------------------------


def test_tables_with_other_separators_and_line_ends(tmp_path: Path):
    expected = [{"id": "1", "said": "a,b\tc;d"}, {"id": "2", "said": None}]
    for separator, before in ((",", ""), (";", ""), ("\t", ""), ("|", "sep=|\r\n")):
        for end in ("\n", "\r\n", "\r"):
            text = f'{before}id{separator}said{end}1{separator}"a,b\tc;d"{end}{end}2{separator}{end}'
            assert values(rows(tmp_path / "a.csv", text.encode("utf-8-sig"))) == expected


def test_a_record_that_is_no_utf8_or_no_csv_is_refused_alone(tmp_path: Path):
    data = "id,said\n1,مرحبا\n".encode() + b"2,\xff\xfe\n3,ok\n4,a,b\n"
    found = rows(tmp_path / "a.csv", data)
    assert [row.number for row in found if row.fault] == [2, 4]
    assert "not UTF-8" in (found[1].fault or "")
    assert found[1].value["id"] == "2"  # a ticket that lacks a message must be known


def test_a_header_that_does_not_end_is_a_fault_and_not_an_empty_file(tmp_path: Path):
    (row,) = rows(tmp_path / "a.csv", b'id,"said\n' + b"1,Hello\n" * 10)
    assert "a quote in it is open" in (row.fault or "")


def test_a_quote_that_is_never_closed_is_refused_with_what_it_swallows(tmp_path: Path):
    found = rows(tmp_path / "a.csv", b'id,said\n1,"so, ""fine""\n2 lines"\n2,"I paid 5\n3,Hello\n4,Bye\n')
    assert found[0].fault is None
    assert "open to the end of the file" in (found[1].fault or "")
    assert "4,Bye" in found[1].text()
    assert len(found) == 2


def test_a_header_of_very_many_names_takes_no_more_time_than_its_length(tmp_path: Path):
    (row,) = rows(tmp_path / "a.csv", b"a," * 200_000 + b"a\n" + b"1," * 200_000 + b"1\n")  # once: hours
    assert len(row.value) == 200_001


def test_a_second_column_of_one_name_is_kept(tmp_path: Path):
    assert values(rows(tmp_path / "a.csv", b"id,note,note\n1,a,b\n")) == [{"id": "1", "note": "a", "note 3": "b"}]


# -- tables ------------------------------------------------------------------------------------------------------------


def test_numbers_that_are_none_are_missing_in_tables_too(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": [1.5, math.nan], "b": [[{"c": math.inf}], [{"c": 1.0}]]}).write_parquet(path)
    assert values(rows_of(path)) == [{"a": 1.5, "b": [{"c": None}]}, {"a": None, "b": [{"c": 1.0}]}]


@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_arrow_files_and_streams(tmp_path: Path, ending: str):
    table = pl.DataFrame(ROWS).to_arrow()
    for new in (pa.ipc.new_file, pa.ipc.new_stream):
        sink = io.BytesIO()
        with new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
        data = sink.getvalue()
        assert values(rows(tmp_path / f"a.arrow{ending}", PACKERS[ending](data) if ending else data)) == ROWS
        found = rows(tmp_path / "b.arrow", data[: len(data) // 2])
        assert found[-1].fault is not None


def test_a_value_that_cannot_be_read_refuses_its_row_alone(tmp_path: Path):
    path = tmp_path / "a.parquet"
    moments = pl.Series("at", [0, 600_000_000_000_000_000, 1]).cast(pl.Datetime("us"))
    pl.DataFrame([pl.Series("a", [1, 2, 3]), moments]).write_parquet(path)
    found = rows_of(path)
    assert [row.value and row.value["a"] for row in found] == [1, None, 3]
    assert "out of range" in (found[1].fault or "")


def test_a_table_that_claims_more_rows_than_it_can_hold_is_refused(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pl.select(pl.repeat(None, 40_000_000, dtype=pl.Null).alias("a")).write_parquet(path)
    (row,) = rows_of(path)
    assert "40,000,000 rows" in (row.fault or "")


# -- encodings ---------------------------------------------------------------------------------------------------------

ARABIC = "أين طلبي؟ وعدتم بأن يصل قبل يومين ولم يصل حتى الآن"
FRENCH = "Où est ma commande ? Elle devait être livrée hier, j’ai déjà payé"


@pytest.mark.parametrize("text", [ARABIC, FRENCH, "Where is my order?"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.json"])
def test_texts_in_the_encodings_that_exports_have(tmp_path: Path, text: str, encoding: str, name: str):
    if encoding == "windows":
        encoding = "cp1256" if text == ARABIC else "cp1252"
    row = json.dumps({"said": text}, ensure_ascii=False)
    lines = {"a.jsonl": f"{row}\n{row}", "a.csv": f'id,said\n1,"{text}"\n', "a.txt": f"{text}\n", "a.json": f"[{row}]"}
    bom = codecs.BOM_UTF16_BE if encoding == "utf-16" else b""
    data = bom + lines[name].encode("utf-16-be") if bom else lines[name].encode(encoding)
    first = values(rows(tmp_path / name, data))[0]
    assert (first if name == "a.txt" else first["said"]) == text


def test_what_is_assumed_is_said(tmp_path: Path):
    for text, encoding, told in ((ARABIC, "cp1256", "windows-1256"), (FRENCH, "cp1252", "windows-1252")):
        (tmp_path / "a.txt").write_bytes(text.encode(encoding))
        opened = open_chunks(tmp_path / "a.txt", SizeLimits())
        assert opened is not None
        assert opened.encoding == told


@pytest.mark.parametrize(
    "text", ["Где мой заказ, который вы обещали?", "我的订单在哪里，已经两天了", "Nerede siparişim, şimdi"]
)
@pytest.mark.parametrize("encoding", ["cp1251", "gb18030", "cp1254"])
def test_an_encoding_that_cannot_be_told_is_not_guessed(text: str, encoding: str):
    data = text.encode(encoding, "ignore")
    if not data.isascii():
        assert encoding_of([data]) == "utf-8"


def test_broken_bytes_among_good_ones_do_not_change_the_encoding(tmp_path: Path):
    good = json.dumps({"said": ARABIC}, ensure_ascii=False).encode()
    broken = json.dumps({"said": FRENCH}, ensure_ascii=False).encode("cp1252")
    found = rows(tmp_path / "a.jsonl", b"\n".join([good, broken, good]))
    assert [bool(row.fault) for row in found] == [False, True, False]


@given(st.binary(max_size=300), st.sampled_from(["utf-16-le", "utf-16-be", "windows-1256", "windows-1252"]))
def test_any_bytes_pass_through_any_encoding(data: bytes, encoding: str):
    for at_once in (b"".join(as_utf8([data], encoding)), b"".join(as_utf8([data[:5], data[5:]], encoding))):
        at_once.decode("utf-8", "replace")


# -- what is called something else -------------------------------------------------------------------------------------


def test_content_decides_where_the_name_says_nothing_or_lies(tmp_path: Path):
    table = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(table)
    array = json.dumps(ROWS, indent=1).encode()
    for name in ("a", "a.export", "a.txt", "a.jsonl", "a.json"):
        assert container(tmp_path / name, LINES) == "JSON lines"
        assert container(tmp_path / name, gzip.compress(LINES)) == "JSON lines"
        assert container(tmp_path / name, array) == "JSON"
        assert container(tmp_path / name, table.getvalue()) == "Parquet"
    assert container(tmp_path / "a.export", b"id,said\n1,Hello\n") == "CSV"
    assert container(tmp_path / "a.export", b"id\tsaid\n1\tHello\n") == "TSV"
    assert container(tmp_path / "chat.txt", b"[12/03/2025, 10:00:01] Ali: Hello\n") == "text"
    assert container(tmp_path / "chat.export", "[12/03/2025, 10:00:01] علي: مرحبا\n".encode()) == "text"
    assert container(tmp_path / "a.gz", LINES) == "JSON lines"
    assert container(tmp_path / "a.docx", b"PK\x03\x04\x14\x00\x06\x00") is None
    assert container(tmp_path / "a.bin", bytes(range(256))) is None
    assert container(tmp_path / "a.jsonl", b"") == "JSON lines"
