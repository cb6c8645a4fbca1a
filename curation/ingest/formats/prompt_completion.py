"""Prompt and completion: one question and one answer a row, as text or as lists of messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.conversation import message
from curation.ingest.containers import Contents
from curation.ingest.formats import (
    Messages,
    Outcome,
    Roles,
    UnreadableError,
    chat_messages,
    each_row,
    format_of,
    most_have,
)
from curation.ingest.provenance import provenance


@format_of("prompt_completion", lambda contents: most_have(contents, "prompt", "completion"))
def read(contents: Contents, roles: Roles) -> Iterator[Outcome]:
    """One conversation a row; fields beside the two are its provenance."""
    return each_row(
        contents.rows, lambda value: (_messages(value, roles), provenance([value], {"prompt", "completion"}))
    )


def _messages(value: Mapping[str, Any], roles: Roles) -> Messages:
    prompt, completion = value.get("prompt"), value.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return chat_messages([*prompt, *completion], roles)
    if not isinstance(prompt, str):
        raise UnreadableError("prompt is missing or not text")
    if completion is not None and not isinstance(completion, str):
        raise UnreadableError("completion is not text")
    return [message("user", prompt), message("assistant", completion or "")]
