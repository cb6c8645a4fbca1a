"""One question and one answer a row, `prompt` and `completion` (or `response`): text, or lists of messages;
`system`.
"""

from collections.abc import Iterator
from typing import Any

from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    chat_messages,
    each_row,
    field_of,
    format_of,
    lacks,
    with_system,
)
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.record.conversation import message

COMPLETION = ("completion", "response")


@format_of("prompt_completion", lambda contents: lacks(contents, "prompt", COMPLETION))
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; fields beside the two and `system` are its provenance."""
    completion = field_of(contents, COMPLETION) or COMPLETION[0]
    return each_row(
        contents.rows,
        lambda value: (
            with_system(value.get("system"), _messages(value.get("prompt"), value.get(completion), reading.roles)),
            provenance([value], {"prompt", completion, "system"}),
        ),
    )


def _messages(prompt: Any, completion: Any, roles: Roles) -> Messages:
    if isinstance(prompt, list) and isinstance(completion, list):
        return chat_messages([*prompt, *completion], roles)
    if not isinstance(prompt, str):
        raise UnreadableError("prompt is missing or not text")
    if completion is not None and not isinstance(completion, str):
        raise UnreadableError("completion is not text")
    return [message("user", prompt), message("assistant", completion or "")]
