"""Alpaca: `instruction`, `input`, `output` (or `response`), `history` as pairs of question and answer (or objects,
with a `weight` or `train` of their own), `system`.

Keeps: marks that a reply is not to be learnt; id, label, customer, time and licence; every other field in metadata.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.core.record.conversation import message
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    UnreadableError,
    field_of,
    format_of,
    lacks,
    text_of,
    with_system,
)
from curation.ingest.preferences import each_liked_row
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.turns import as_marked, learnt

OUTPUT = ("output", "response")
ASKED = ("instruction", "input", "user", "prompt", "question")


@format_of("alpaca", lambda contents: lacks(contents, "instruction", OUTPUT), guessed=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row: earlier exchanges, the instruction over its input, the output."""
    output = field_of(contents, OUTPUT) or OUTPUT[0]
    used = {"instruction", "input", output, "history", "system"}
    return each_liked_row(contents.rows, lambda value: (_messages(value, output), provenance([value], used)), reading)


def _messages(value: Mapping[str, Any], output: str) -> Messages:
    if value.get(output) is None:
        raise UnreadableError(f"{output} is missing")
    asked = [text_of(value.get(key), key).strip() for key in ("instruction", "input")]
    question = "\n\n".join(part for part in asked if part)
    if not question:
        raise UnreadableError("instruction and input are empty")
    earlier = [m for exchange in value.get("history") or [] for m in _exchange(exchange)]
    messages = [*earlier, *_exchange((question, value[output]))]
    return as_marked(value, with_system(value.get("system"), messages))


def _exchange(pair: Any) -> Messages:
    """A question and its answer, as a pair or as an object, whose marks say whether the answer is to be learnt."""
    if isinstance(pair, dict):
        asked = next((pair[key] for key in ASKED if key in pair), None)
        reply = next((pair[key] for key in (*OUTPUT, "assistant", "completion", "answer") if key in pair), None)
        train = learnt(pair)
    else:
        asked, reply, *more = pair
        train = learnt({"weight": more[0]}) if more else None
    return [message("user", text_of(asked, "user")), message("assistant", text_of(reply, "assistant"), train=train)]
