"""Alpaca: `instruction`, `input`, `output` (or `response`), `history` as pairs of question and answer, `system`."""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    UnreadableError,
    each_row,
    field_of,
    format_of,
    lacks,
    text_of,
    with_system,
)
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.record.conversation import message

OUTPUT = ("output", "response")


@format_of("alpaca", lambda contents: lacks(contents, "instruction", OUTPUT), guessed=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row: earlier exchanges, the instruction over its input, the output."""
    output = field_of(contents, OUTPUT) or OUTPUT[0]
    used = {"instruction", "input", output, "history", "system"}
    return each_row(contents.rows, lambda value: (_messages(value, output), provenance([value], used)))


def _messages(value: Mapping[str, Any], output: str) -> Messages:
    if value.get(output) is None:
        raise UnreadableError(f"{output} is missing")
    asked = [text_of(value.get(key), key).strip() for key in ("instruction", "input")]
    question = "\n\n".join(part for part in asked if part)
    if not question:
        raise UnreadableError("instruction and input are empty")
    exchanges = [*(value.get("history") or []), (question, value[output])]
    messages = [
        message(role, text_of(text, role))
        for earlier, reply in exchanges
        for role, text in (("user", earlier), ("assistant", reply))
    ]
    return with_system(value.get("system"), messages)
