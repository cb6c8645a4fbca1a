"""How bytes become raw rows: JSON lines, JSON documents, CSV/TSV, text, mails, Excel, Parquet, Arrow; plain, gzip,
zstd, or a member of a zip (archives.py).

A container gives its rows in chunks, so that a file of any size passes through little memory and several processes. It
numbers its rows from 1 and never drops one: what it cannot read becomes a row with a fault. What a file is called
says what it should be; what it holds decides.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from curation.ingest.archives import DAMAGED, Member
from curation.ingest.delimited import delimited, delimited_kind
from curation.ingest.encodings import as_utf8, encoding_of, is_text
from curation.ingest.json_text import json_value
from curation.ingest.looks import refused_by_bytes
from curation.ingest.mails import is_mail, is_mailbox, mails
from curation.ingest.rows import ARROW, CSV, EML, JSON, JSON_LINES, MBOX, PARQUET, TEXT, TSV, Opened, none_but
from curation.ingest.tables import arrow, parquet
from curation.ingest.texts import json_document, lines, whole
from curation.ingest.unpacking import (
    BombError,
    SizeLimits,
    Source,
    Tick,
    TornError,
    blocks,
    packing,
    size_of,
    unreadable,
)
from curation.ingest.workbooks import is_workbook, workbook

ENDINGS = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON,
    ".csv": CSV,
    ".tsv": TSV,
    ".txt": TEXT,
    ".parquet": PARQUET,
    ".arrow": ARROW,
    ".eml": EML,
    ".mbox": MBOX,
}
TABLES = {PARQUET: parquet, ARROW: arrow}
_MAGIC = {b"PAR1": PARQUET, b"ARROW1": ARROW}
_JSON_START = re.compile(rb'\s*(?:\{\s*["}]|\[\s*["\[{\]])')  # not "[12/03/2025, ...", as chats begin


def open_chunks(path: Source, limits: SizeLimits, tick: Tick = lambda _: None, sheet: str = "") -> Opened | None:
    """A raw file by what it holds and, where that tells nothing, by its name; None for what Qirat does not read.

    `sheet`: of a workbook, where it is not the first.
    """
    try:
        head = next(blocks(path, limits), b"")
        if refused := refused_by_bytes(head, path):
            return none_but(refused)
        if is_workbook(path, head):
            tick(size_of(path))
            return workbook(path, limits, sheet)
        container = container_of(path, head)
        return _read_as(container, path, limits, tick) if container else None
    except TornError as error:
        return none_but(str(error))
    except DAMAGED as error:
        return none_but(unreadable(error))


def _read_as(container: str, path: Source, limits: SizeLimits, tick: Tick) -> Opened:
    if container in TABLES:
        if isinstance(path, Member) or packing(path):
            return TABLES[container](whole(blocks(path, limits, tick)), limits)
        tick(path.stat().st_size)
        return TABLES[container](path, limits)
    if container in (EML, MBOX):  # each part of a mail names its own encoding
        return mails(container, blocks(path, limits, tick), limits)
    encoding = encoding_of(_as_far_as_good(blocks(path, limits)))
    return _text(container, encoding, as_utf8(blocks(path, limits, tick), encoding), limits)


def _as_far_as_good(stream: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from stream
    except BombError:
        raise
    except TornError:
        return


def container_of(path: Source, head: bytes) -> str | None:
    """What a file's first unpacked bytes are, helped by its name where they may be several things."""
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".zst")]
    named = ENDINGS.get(suffixes[-1]) if suffixes else None
    magic = next((kind for mark, kind in _MAGIC.items() if head.startswith(mark)), None)
    if magic or named in TABLES:
        return magic or named
    if mailed := MBOX if is_mailbox(head) else EML if is_mail(head) else None:
        return mailed
    start = b"".join(as_utf8([head], encoding_of([head])))
    if _JSON_START.match(start):
        return JSON_LINES if _is_lines(start, named) else JSON
    if named or not is_text(head):
        return named
    return delimited_kind(start) or TEXT


def _is_lines(start: bytes, named: str | None) -> bool:
    """Whether a JSON text is one value a line rather than one document."""
    line, _, rest = start.lstrip().partition(b"\n")
    try:
        value, _ = json_value(line)
    except ValueError:
        return named == JSON_LINES and not line.startswith(b"[") and line.strip() != b"{"
    return bool(rest.strip()) or (named == JSON_LINES and not isinstance(value, list))


def _text(container: str, encoding: str, stream: Iterator[bytes], limits: SizeLimits) -> Opened:
    if container == JSON:
        opened = json_document(stream, limits)
    elif container in (CSV, TSV):
        opened = delimited(container, stream, limits)
    else:
        opened = Opened(container, lines(stream, limits, container == JSON_LINES))
    return replace(opened, encoding=encoding)
