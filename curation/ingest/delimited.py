"""Rows out of CSV and TSV files."""

import csv
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.ingest.rows import CHARACTERS_KEPT, CSV, TSV, Chunk, Opened, RawRow, too_long
from curation.ingest.unpacking import BLOCK, SizeLimits, TornError

RECORDS_A_CHUNK = 20_000
HEADER_BREAKS = 3  # line ends inside column names; an open quote makes many
_TOLD_SEPARATOR = re.compile("\ufeff?sep=(.)", re.IGNORECASE)  # as Excel writes above the header
_COLUMN_NAME = re.compile(r"[^\W\d][\w .()-]{0,60}")


@dataclass(frozen=True)
class Records:
    """Records of a CSV file; `faults` by place: what is wrong, and the record as it stood in the file."""

    first: int
    header: tuple[str, ...]
    records: Sequence[Sequence[str]]
    faults: Mapping[int, tuple[str, str]]

    def rows(self) -> Iterator[RawRow]:
        for place, record in enumerate(self.records):
            number = self.first + place
            if place in self.faults:  # some fields may still be told: the ticket that lacks this message
                yield RawRow(number, dict(zip(self.header, record, strict=False)) or None, *self.faults[place])
            elif len(record) == len(self.header):
                yield RawRow(number, {name: value or None for name, value in zip(self.header, record, strict=True)})
            else:
                fault = (
                    f"{len(record)} fields where the header has {len(self.header)}; quote fields that hold separators"
                )
                yield RawRow(number, dict(zip(self.header, record, strict=False)), fault, " | ".join(record))

    def count(self) -> int:
        return len(self.records)


def delimited(container: str, stream: Iterator[bytes], limits: SizeLimits) -> Opened:
    """A table with a header; a record may span lines, and is numbered as a record, the header not counted."""
    csv.field_size_limit(limits.row_bytes)
    lines = _RecordLines(stream, limits)
    try:
        first = next(lines)
        told = _TOLD_SEPARATOR.fullmatch(first.strip())
        separator = told[1] if told else _separator(first, "\t" if container == TSV else ",")
        records = csv.reader(lines if told else itertools.chain([first], lines), delimiter=separator)
        header = _distinct([name.strip() for name in next(records)])
    except StopIteration:
        return Opened(container, iter([]))
    except csv.Error as error:
        raise TornError(f"the header is no CSV ({error}); export the file again") from None
    if sum(name.count("\n") for name in header) > HEADER_BREAKS:
        raise TornError("the header does not end, a quote in it is open; export the file again")
    return Opened(container, _record_chunks(records, lines, header), columns=header)


def delimited_kind(start: bytes) -> str | None:
    """CSV or TSV for a text whose first line names columns that its second line fills."""
    lines = start.decode("utf-8", "replace").splitlines()[:2]
    for kind, separator in ((TSV, "\t"), (CSV, _separator(lines[0], ","))):
        fields = [next(csv.reader([line], delimiter=separator), []) for line in lines]
        names = [name.strip() for name in fields[0]]
        if len(names) > 1 and all(_COLUMN_NAME.fullmatch(name) for name in names) and len(fields[-1]) == len(names):
            return kind
    return None


def _separator(line: str, usual: str) -> str:
    """The separator that a header uses: the usual one when it is there, else one of those that exports have."""
    return next((sign for sign in (usual, ";", "\t", ",", "|") if sign in line), usual)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Column names, a second one of a name with its place."""
    first = {name: place for place, name in reversed([*enumerate(names, 1)])}
    return tuple(name if first[name] == place else f"{name} {place}" for place, name in enumerate(names, 1))


class _RecordLines:
    """The lines of a CSV file with their ends, and what is wrong with those of the record at hand."""

    def __init__(self, stream: Iterator[bytes], limits: SizeLimits) -> None:
        self._lines = self._cut(stream)
        self._limits = limits
        self.record = ""  # the beginning of the record at hand
        self.fault: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            if self.record:  # in the middle of one: all that follows would be taken for its text
                self.fault = self.fault or "a quote in it is open to the end of the file; close it, or double it"
            raise
        if len(line) > self._limits.row_bytes:
            self.fault = too_long(0, b"", self._limits).fault
            line = line[:CHARACTERS_KEPT].replace(b'"', b"")  # no quote may reach into the next record
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            self.fault = self.fault or f"not UTF-8 at byte {error.start}; save the file as UTF-8"
            text = line.decode("utf-8", "replace")
        if len(self.record) < CHARACTERS_KEPT:
            self.record += text[:CHARACTERS_KEPT]
        return text

    def next_record(self) -> None:
        self.record, self.fault = "", None

    def _cut(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        r"""Lines ending in \n, \r or \r\n; of one that is too long no more than shows it."""
        held = b""
        for block in stream:
            if not block:
                continue
            lines = (held + block).splitlines(keepends=True)
            held = lines.pop() if not lines[-1].endswith(b"\n") else b""  # a \r may have its \n in the next block
            yield from lines
            if len(held) > self._limits.row_bytes:
                held = held[: self._limits.row_bytes + 1]
        if held:
            yield held


def _record_chunks(records: Iterator[list[str]], lines: _RecordLines, header: tuple[str, ...]) -> Iterator[Chunk]:
    number = 1
    ended = False
    while not ended:
        found: list[list[str]] = []
        faults: dict[int, tuple[str, str]] = {}
        size = 0
        while not ended and len(found) < RECORDS_A_CHUNK and size < BLOCK:
            lines.next_record()
            record: list[str] = []
            try:
                record = next(records)
            except StopIteration:
                ended = True
                continue
            except TornError as error:
                lines.fault, ended = str(error), True
            except csv.Error as error:
                lines.fault = f"not CSV ({error}); export the row again"
            if lines.fault:
                faults[len(found)] = lines.fault, lines.record
            if record or lines.fault:
                found.append(record)
                size += sum(map(len, record))
        yield Records(number, header, found, faults)
        number += len(found)
