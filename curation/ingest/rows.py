"""Raw rows, and the chunks in which a file gives them."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from curation.ingest.unpacking import SizeLimits

JSON_LINES, JSON, CSV, TSV, TEXT = "JSON lines", "JSON", "CSV", "TSV", "text"
PARQUET, ARROW, EXCEL = "Parquet", "Arrow", "Excel"
EML, MBOX = "mail", "mailbox"

SAMPLED = 50  # rows looked at to recognise a file
LOOKED_THROUGH = 1000  # rows among which they are sought
CHARACTERS_KEPT = 2000  # of an unreadable row, in the quarantine


@dataclass(frozen=True)
class RawRow:
    """One raw row. `value` is a dict in a table, anything in JSON, and the line in a text.

    A `fault` says why the row cannot be used; its value is then what could still be told, or None.
    """

    number: int  # 1-based: physical line, element, record or table row; 0: the file as a whole
    value: Any
    fault: str | None = None
    raw: str | None = None  # as it stood in the file; None: derived from the value
    inside: Sequence[tuple[int, str | None]] = ()  # raw rows in the value: number, why its words are left out of it

    def text(self) -> str:
        shown = self.raw if self.raw is not None else json.dumps(self.value, ensure_ascii=False, default=str)
        return shown[:CHARACTERS_KEPT]


@dataclass(frozen=True)
class Contents:
    """A file that was opened, as formats see it."""

    rows: Iterable[RawRow]  # a stream: it passes once and has no length
    sample: Sequence[RawRow] = ()  # the first readable rows, to recognise the file by
    columns: tuple[str, ...] = ()  # of a table
    beside: Mapping[str, Any] = field(default_factory=dict)  # of a JSON object: the fields beside the rows
    name: str = ""  # of the file, below the raw folder
    regulars: frozenset[str] = frozenset()  # who speak in most of the chats that lie beside the file


class Chunk(Protocol):
    """Some rows of a file, neither parsed nor mapped yet, as they are sent to another process."""

    def rows(self) -> Iterator[RawRow]: ...

    def count(self) -> int: ...


@dataclass(frozen=True)
class Given:
    """Rows that lie in memory anyway: of a JSON object, or the one that says why there are no more."""

    given: Sequence[RawRow]

    def rows(self) -> Iterator[RawRow]:
        return iter(self.given)

    def count(self) -> int:
        return sum(1 + len(row.inside) for row in self.given)


@dataclass(frozen=True)
class Opened:
    """A raw file as its container reads it: the rows in chunks, and what stands around them."""

    container: str
    chunks: Iterator[Chunk]
    columns: tuple[str, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    encoding: str = ""  # of a text
    notes: Sequence[str] = ()  # what stands in the file and is no row, as sentences without its words
    document: Mapping[str, Any] | None = None  # a JSON object: what is read of it tells which of its values are rows


def none_but(fault: str) -> Opened:
    """A file none of which can be read, and why."""
    return Opened("unknown", iter([Given([RawRow(0, None, fault, "")])]))


def sample_of(rows: Iterable[RawRow]) -> list[RawRow]:
    """The first readable rows, looked for among the first rows."""
    near = itertools.islice(rows, LOOKED_THROUGH)
    return list(itertools.islice((row for row in near if row.fault is None), SAMPLED))


def too_long(number: int, text: bytes, limits: SizeLimits) -> RawRow:
    """The row that nobody would want in memory."""
    fault = f"longer than {limits.row_bytes:,} bytes (params.yaml: ingest.max_row_bytes)"
    return RawRow(number, None, fault, shown(text))


def shown(raw: bytes) -> str:
    """The beginning of a row as people see it."""
    return raw[: 4 * CHARACTERS_KEPT].decode("utf-8", "replace")[:CHARACTERS_KEPT]
