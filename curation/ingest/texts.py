"""Rows out of texts: one a line, or the elements of a JSON document."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curation.ingest.chat_documents import about_all, chats_in
from curation.ingest.json_text import json_value
from curation.ingest.rows import JSON, JSON_LINES, SAMPLED, Chunk, Given, Opened, RawRow, shown, too_long
from curation.ingest.unpacking import SizeLimits, TornError, unix_lines

ROWS_A_CHUNK = 2000
DOCUMENT_BYTES = 2**29  # of a JSON object, which lies in memory as a whole
_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"(?:[^"\\]++|\\.)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)  # outside strings


@dataclass(frozen=True)
class Lines:
    """Lines of a text, each but the blank ones a row: JSON, or the text itself."""

    first: int
    data: bytes
    limits: SizeLimits
    is_json: bool

    def rows(self) -> Iterator[RawRow]:
        read = json_row if self.is_json else text_row
        for number, line in enumerate(self.data.split(b"\n"), self.first):
            if len(line) > self.limits.row_bytes:
                yield too_long(number, line, self.limits)
            elif line.strip():
                yield read(number, line)

    def count(self) -> int:
        return sum(1 for line in self.data.split(b"\n") if line.strip())


@dataclass(frozen=True)
class Elements:
    """Elements of a JSON array."""

    first: int
    texts: Sequence[bytes]
    limits: SizeLimits

    def rows(self) -> Iterator[RawRow]:
        for number, text in enumerate(self.texts, self.first):
            yield too_long(number, text, self.limits) if len(text) > self.limits.row_bytes else json_row(number, text)

    def count(self) -> int:
        return len(self.texts)


# -- one row ---------------------------------------------------------------------------------------------------------


def json_row(number: int, text: bytes) -> RawRow:
    """The row of one JSON text."""
    try:
        value, fault = json_value(text)
        return RawRow(number, value, fault, shown(text)) if fault else RawRow(number, value)
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 at byte {error.start}; save the file as UTF-8"
    except ValueError as error:
        fault = f"not JSON ({error}); export the row again"
    return RawRow(number, None, fault, shown(text))


def text_row(number: int, line: bytes) -> RawRow:
    """The row of one line of text."""
    try:
        return RawRow(number, line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return RawRow(number, None, f"not UTF-8 at byte {error.start}; save the file as UTF-8", shown(line))


# -- lines -----------------------------------------------------------------------------------------------------------


def lines(stream: Iterator[bytes], limits: SizeLimits, is_json: bool) -> Iterator[Chunk]:
    """Whole lines, about a block at a time. A line that is too long is dropped as it comes."""
    number, held, dropping = 1, b"", False
    try:
        for block in unix_lines(stream):
            if dropping:
                end = block.find(b"\n")
                if end < 0:
                    continue
                block, dropping = block[end:], False  # with the \n, so that the line counts
            held += block
            cut = held.rfind(b"\n") + 1
            if cut:
                yield Lines(number, held[:cut], limits, is_json)
                number += held.count(b"\n", 0, cut)
                held = held[cut:]
            if len(held) > limits.row_bytes:
                yield Given([too_long(number, held, limits)])
                held, dropping = b"", True
    except TornError as error:
        yield Given([RawRow(number + dropping, None, str(error), shown(held))])
        return
    if held:
        yield Lines(number, held, limits, is_json)


# -- JSON documents --------------------------------------------------------------------------------------------------


def json_document(stream: Iterator[bytes], limits: SizeLimits) -> Opened:
    """An array of rows, or an object with rows in it (documents.py) or that is one."""
    first = next((block for block in stream if block.strip()), b"")
    stream = itertools.chain([first], stream)
    if first.lstrip().startswith(b"["):
        return Opened(JSON, _array_chunks(stream, limits))
    data = whole(stream)
    document = json_row(1, data)
    if not document.fault:
        return _json_object(document)
    found = list(lines(iter([data]), limits, is_json=True))  # many exports are JSON lines named .json
    sample = list(itertools.islice((row for chunk in found for row in chunk.rows()), SAMPLED))
    if 2 * sum(isinstance(row.value, dict) for row in sample) > len(sample):
        return Opened(JSON_LINES, iter(found))
    return Opened(JSON, iter([Given([document])]))


def whole(stream: Iterator[bytes]) -> bytes:
    """All bytes of a document."""
    held = bytearray()
    for block in stream:
        held += block
        if len(held) > DOCUMENT_BYTES:
            raise TornError(f"a document of more than {DOCUMENT_BYTES:,} bytes; export it as JSON lines")
    return bytes(held)


def _json_object(document: RawRow) -> Opened:
    fields = document.value if isinstance(document.value, dict) else None
    if chats := chats_in(fields or {}):
        sent = [RawRow(number, value) for number, value in enumerate((row for chat in chats for row in chat[1]), 1)]
        facts = [{**about, "messages": len(messages)} for about, messages in chats]
        chunks = (Given(sent[start : start + ROWS_A_CHUNK]) for start in range(0, len(sent), ROWS_A_CHUNK))
        return Opened(JSON, chunks, beside={**about_all(fields or {}), "chats": facts})
    return Opened(JSON, iter([Given([document])]), document=fields)


def _array_chunks(stream: Iterator[bytes], limits: SizeLimits) -> Iterator[Chunk]:
    """The elements of a JSON array, cut at its brackets: an element that is broken inside breaks no other."""
    scan = _Scan()
    number = 1
    fault = "the JSON array does not end; export the file again"
    try:
        for block in stream:
            texts = scan.elements(block)
            if texts:
                yield Elements(number, texts, limits)
                number += len(texts)
            if len(scan.held) > limits.row_bytes:
                fault = f"an element is longer than {limits.row_bytes:,} bytes (params.yaml: ingest.max_row_bytes)"
                break
    except TornError as error:
        fault = str(error)
    if scan.depth or scan.held.strip():
        trailing = "there is text after the end of the JSON array; export the file again"
        yield Given([RawRow(number, None, fault if scan.depth else trailing, shown(scan.held))])


class _Scan:
    """The place in a JSON array up to which it was read."""

    def __init__(self) -> None:
        self.held = b""  # from the end of the last element
        self.depth = -1  # brackets open; -1: before the first
        self._at = 0  # after the last bracket in `held`

    def elements(self, block: bytes) -> list[bytes]:
        """The elements that end in this block."""
        self.held += block
        found: list[bytes] = []
        start = 0
        while self.depth and (bracket := _BRACKET.match(self.held, self._at)):
            self._at = bracket.end()
            opening = bracket[1] in b"[{"
            self.depth = max(self.depth, 0) + (1 if opening else -1)
            if self.depth == 1 and opening:
                start = self._at
            elif self.depth == 2 and opening:
                found += _scalars(self.held[start : self._at - 1])
                start = self._at - 1
            elif self.depth == 1:
                found.append(self.held[start : self._at])
                start = self._at
            elif self.depth == 0:
                found += _scalars(self.held[start : self._at - 1])
                start = self._at
        self.held = self.held[start:]
        self._at -= start
        return found


def _scalars(between: bytes) -> list[bytes]:
    """The elements between two objects of an array, which are none, or neither objects nor arrays."""
    text = between.strip(b", \t\r\n")
    if not text:
        return []
    try:
        return [json.dumps(value).encode() for value in json.loads(b"[" + text + b"]")]
    except (ValueError, RecursionError):
        return [text]
