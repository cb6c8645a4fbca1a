"""How bytes become raw rows: JSON lines, a JSON document, CSV/TSV, Parquet; each plain, gzip or zstd.

A container numbers its rows from 1 and never drops one: what it cannot read becomes a row with a fault.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curation.repair import LONE_SURROGATES

CHARACTERS_KEPT = 2000  # of an unreadable row, in the quarantine


@dataclass(frozen=True)
class Row:
    """One raw row. `value` is a dict for every container but JSON, which may hold anything.

    A `fault` says why the row cannot be used; its value is then what could still be told, or None.
    """

    number: int  # 1-based: physical line, element, record or table row
    value: Any
    fault: str | None = None
    raw: str | None = None  # as it stood in the file; None: derived from the value

    def text(self) -> str:
        shown = self.raw if self.raw is not None else json.dumps(self.value, ensure_ascii=False, default=str)
        return shown[:CHARACTERS_KEPT]


@dataclass(frozen=True)
class Contents:
    """A file that was opened: its rows, and for a JSON object the fields beside the rows."""

    rows: list[Row]
    columns: tuple[str, ...] = ()  # of a table
    beside: dict[str, Any] = field(default_factory=dict)


def open_file(path: Path) -> Contents | None:
    """The rows of a raw file by its name's ending; None when no container has that ending."""
    suffixes = [s.lower() for s in path.suffixes]
    packed = suffixes[-1] if suffixes and suffixes[-1] in (".gz", ".zst") else ""
    kind = suffixes[-2 if packed else -1] if len(suffixes) > bool(packed) else ""
    if kind not in CONTAINERS:
        return None
    try:
        data = _unpack(path.read_bytes(), packed)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        return Contents([Row(0, None, f"the {packed} file cannot be unpacked ({error}); export it again", "")])
    return CONTAINERS[kind](data)


def _unpack(data: bytes, packed: str) -> bytes:
    if packed == ".gz":
        return gzip.decompress(data)
    if packed == ".zst":
        return b"".join(_zstd_frames(data))
    return data


def _zstd_frames(data: bytes) -> Iterator[bytes]:
    import zstandard

    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            yield frame.decompress(data)
        except zstandard.ZstdError as error:
            raise ValueError(error) from None
        if not frame.eof:
            raise ValueError("it ends in the middle")
        data = frame.unused_data


def _json_lines(data: bytes) -> Contents:
    return Contents(
        [
            _parsed(number, line)
            for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
            if line.strip()
        ]
    )


def _parsed(number: int, line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8"))
        # Escapes such as \\ud83d alone are half a character, which no file can hold.
        return Row(number, _whole_characters(value) if b"\\ud" in line.lower() else value)
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 at byte {error.start}; save the file as UTF-8"
    except (ValueError, RecursionError) as error:
        fault = f"not JSON ({error}); export the row again"
    return Row(number, None, fault, line.decode("utf-8", "replace"))


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return LONE_SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value


def _json_document(data: bytes) -> Contents:
    """An array of rows, or an object with one array of objects that are the rows."""
    whole = _parsed(1, data.removeprefix(b"\xef\xbb\xbf"))
    if whole.fault:
        lines = _json_lines(data)  # many exports are JSON lines named .json
        return lines if any(row.fault is None for row in lines.rows) else Contents([whole])
    if isinstance(whole.value, list):
        return Contents([Row(number, value) for number, value in enumerate(whole.value, 1)])
    if isinstance(whole.value, dict):
        lists = {k: v for k, v in whole.value.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
        rows_key = next((key for key in ROW_KEYS if key in lists), None)
        if rows_key:
            beside = {key: value for key, value in whole.value.items() if key != rows_key}
            return Contents([Row(number, value) for number, value in enumerate(lists[rows_key], 1)], beside=beside)
    return Contents([whole])


def _delimited(delimiter: str, data: bytes) -> Contents:
    """CSV or TSV with a header; a record may span lines, and is numbered as a record, the header not counted."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Contents([Row(0, None, f"not UTF-8 at byte {error.start}; save the file as UTF-8", "")])
    csv.field_size_limit(2**31 - 1)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = tuple(name.strip() for name in next(records))
    except (StopIteration, csv.Error):
        return Contents([])
    return Contents(list(_records(records, header)), columns=header)


def _records(records: Iterator[list[str]], header: tuple[str, ...]) -> Iterator[Row]:
    number = 0
    while True:
        number += 1
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, None, f"not CSV ({error}); export the row again", "")
            continue
        if not record:
            number -= 1
        elif len(record) == len(header):
            yield Row(number, {name: value or None for name, value in zip(header, record, strict=True)})
        else:
            fault = f"{len(record)} fields where the header has {len(header)}; quote fields that hold separators"
            yield Row(number, dict(zip(header, record, strict=False)), fault, " | ".join(record))


def _parquet(data: bytes) -> Contents:
    try:
        table = pl.read_parquet(io.BytesIO(data))
        values = list(table.iter_rows(named=True))
    except (pl.exceptions.PolarsError, OSError, ValueError, OverflowError) as error:
        return Contents([Row(0, None, f"the Parquet file cannot be read ({error}); export it again", "")])
    return Contents([Row(number, value) for number, value in enumerate(values, 1)], columns=tuple(table.columns))


def _csv(data: bytes) -> Contents:
    return _delimited(",", data)


def _tsv(data: bytes) -> Contents:
    return _delimited("\t", data)


ROW_KEYS = ("tickets", "conversations", "rows", "data", "examples")
CONTAINERS = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_document,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
