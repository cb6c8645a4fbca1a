"""Rows out of CSV and TSV files."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.ingest.layout import (
    TOTALS_LINE,
    cut_number,
    is_cut,
    is_id,
    is_total,
    layout_of,
    named_apart,
    separator_of,
    titles_told,
    with_quotes_doubled,
)
from curation.ingest.rows import CHARACTERS_KEPT, CSV, TSV, Chunk, Opened, RawRow, too_long
from curation.ingest.unpacking import BLOCK, SizeLimits, TornError

RECORDS_A_CHUNK = 20_000
HEADER_BREAKS = 3  # line ends inside column names; an open quote makes many
LINES_AHEAD, BYTES_AHEAD = 1000, 2**20  # looked at to learn how the table is written
_COLUMN_NAME = re.compile(r"[^\W\d][\w .()-]{0,60}")


@dataclass(frozen=True)
class Records:
    """Records of a CSV file; `faults` by place: what is wrong, and the record as it stood in the file."""

    first: int
    header: tuple[str, ...]
    records: Sequence[Sequence[str]]
    faults: Mapping[int, tuple[str, str]]

    def rows(self) -> Iterator[RawRow]:
        ids = [name for name in self.header if is_id(name)]
        for place, record in enumerate(self.records):
            number = self.first + place
            if place in self.faults:  # some fields may still be told: the ticket that lacks this message
                yield RawRow(number, dict(zip(self.header, record, strict=False)) or None, *self.faults[place])
            elif len(record) == len(self.header):
                value = {name: value or None for name, value in zip(self.header, record, strict=True)}
                cut = next((name for name in ids if is_cut(value[name])), "")
                yield RawRow(number, value, cut_number(cut, value[cut]) if cut else None)
            else:
                fault = (
                    f"{len(record)} fields where the header has {len(self.header)}; quote fields that hold separators"
                )
                yield RawRow(number, dict(zip(self.header, record, strict=False)), fault, " | ".join(record))

    def count(self) -> int:
        return len(self.records)


def delimited(container: str, stream: Iterator[bytes], limits: SizeLimits) -> Opened:
    """A table with a header; a record may span lines, and is numbered as a record, the header not counted.

    Titles and blank lines above the header are no records; the notes tell of them.
    """
    csv.field_size_limit(limits.row_bytes)
    lines = _RecordLines(stream, limits)
    try:
        layout = layout_of(*lines.ahead(), "\t" if container == TSV else ",")
        for _ in range(layout.above):
            next(lines)
        lines.escaped = layout.escaped
        records = csv.reader(lines, delimiter=layout.separator)
        header = named_apart([name.strip() for name in next(records)])
    except StopIteration:
        return Opened(container, iter([]))
    except csv.Error as error:
        raise TornError(f"the header is no CSV ({error}); export the file again") from None
    if sum(name.count("\n") for name in header) > HEADER_BREAKS:
        raise TornError("the header does not end, a quote in it is open; export the file again")
    chunks = _record_chunks(records, lines, header)
    return Opened(container, chunks, columns=header, notes=titles_told(layout.titles))


def delimited_kind(start: bytes) -> str | None:
    """CSV or TSV for a text whose first line names columns that its second line fills."""
    lines = start.decode("utf-8", "replace").splitlines()[:2]
    for kind, separator in ((TSV, "\t"), (CSV, separator_of(lines[0], ","))):
        fields = [next(csv.reader([line], delimiter=separator), []) for line in lines]
        names = [name.strip() for name in fields[0]]
        if len(names) > 1 and all(_COLUMN_NAME.fullmatch(name) for name in names) and len(fields[-1]) == len(names):
            return kind
    return None


class _RecordLines:
    """The lines of a CSV file with their ends, and what is wrong with those of the record at hand."""

    def __init__(self, stream: Iterator[bytes], limits: SizeLimits) -> None:
        self._lines = self._cut(stream)
        self._limits = limits
        self._ahead: deque[bytes] = deque()
        self._torn: TornError | None = None  # met when looking ahead
        self.escaped = False  # a quote inside a field is written \\"
        self.record = ""  # the beginning of the record at hand
        self.fault: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def ahead(self) -> tuple[list[str], bool]:
        """The first lines, which come once more, and whether they are all."""
        size = 0
        try:
            for line in self._lines:
                self._ahead.append(line)
                size += len(line)
                if len(self._ahead) == LINES_AHEAD or size > BYTES_AHEAD:
                    break
            else:
                return self._seen(), True
        except TornError as error:
            self._torn = error
        return self._seen(), False

    def _seen(self) -> list[str]:
        return [line[:BYTES_AHEAD].decode("utf-8", "replace") for line in self._ahead]

    def _next(self) -> bytes:
        if self._ahead:
            return self._ahead.popleft()
        if self._torn:
            raise self._torn
        return next(self._lines)

    def __next__(self) -> str:
        try:
            line = self._next()
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
        return with_quotes_doubled(text) if self.escaped and '\\"' in text else text

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
        yield Records(number, header, found, {**(_totals(found) if ended else {}), **faults})
        number += len(found)


def _totals(last: Sequence[Sequence[str]]) -> dict[int, tuple[str, str]]:
    """The fault of the last record of a file, if it sums up the others."""
    return {len(last) - 1: (TOTALS_LINE, " | ".join(last[-1]))} if last and is_total(last[-1]) else {}
