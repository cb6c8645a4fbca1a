"""One question and one answer a row, `prompt` and `completion` (or `response`): text, or lists of messages; `system`. A
prompt of several turns ("Customer: ...", "Agent: ...", "Agent:" at its end) becomes these turns.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply, marks that a reply is
not to be learnt where sides are lists of messages; id, label, customer, time and licence; every other field in
metadata.
"""

from collections.abc import Iterator
from typing import Any

from curation.core.record.conversation import message
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    field_of,
    format_of,
    lacks,
    with_system,
)
from curation.ingest.preferences import each_liked_row, is_paired
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.transcripts import prompted
from curation.ingest.turns import as_marked, chat_messages

COMPLETION = ("completion", "response")


def _misses(contents: Contents) -> str:
    return "it holds preferences" if is_paired(contents) else lacks(contents, "prompt", COMPLETION)


@format_of("prompt_completion", _misses)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; fields beside the two and `system` are its provenance."""
    completion = field_of(contents, COMPLETION) or COMPLETION[0]
    return each_liked_row(
        contents.rows,
        lambda value: (
            as_marked(
                value,
                with_system(value.get("system"), _messages(value.get("prompt"), value.get(completion), reading.roles)),
            ),
            provenance([value], {"prompt", completion, "system"}),
        ),
        reading,
    )


def _messages(prompt: Any, completion: Any, roles: Roles) -> Messages:
    if isinstance(prompt, list) and isinstance(completion, list | str):
        answer = completion if isinstance(completion, list) else [{"role": "assistant", "content": completion}]
        return chat_messages([*prompt, *answer], roles)
    if not isinstance(prompt, str):
        raise UnreadableError("prompt is missing or not text")
    if completion is not None and not isinstance(completion, str):
        raise UnreadableError("completion is not text")
    asked = prompted(prompt, roles) or [message("user", prompt)]
    return [*asked, message("assistant", completion or "")]
