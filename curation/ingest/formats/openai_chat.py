"""OpenAI chat: `{"messages": [{"role", "content", "name"?, "tool_calls"?}], ...}`, also as JSON text in a cell or under
`conversation`, `dialogue`, `dialog`, `turns`, so any Hugging Face set of that shape; the old `function_call`; Gemini's
`contents`. Parts of text are joined, an image is a reason; reasoning (`reasoning_content`, `thinking`) is kept apart
from the reply; a `weight` of 0, `train: false` or `loss: false` keeps a reply from being learnt.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply, marks that a reply is
not to be learnt; id, label, customer, time and licence; every other field in metadata.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    field_of,
    first_values,
    format_of,
    lacks,
    with_system,
)
from curation.ingest.logs import are, is_anthropic, is_openai
from curation.ingest.preferences import each_liked_row, is_paired
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.turns import as_marked, chat_messages

FIELDS = ("messages", "conversation", "dialogue", "dialog", "turns", "contents")
SYSTEM = ("systemInstruction", "system_instruction")  # Gemini's


def _misses(contents: Contents) -> str:
    field = field_of(contents, FIELDS)
    if field is None:
        return lacks(contents, FIELDS)
    if is_paired(contents) or are(contents, lambda response: is_openai(response) or is_anthropic(response)):
        return "it holds preferences, or answers beside the messages"
    if field == "messages" or any(_is_list(value) for value in first_values(contents, field)):
        return ""
    return f"{field} is no list of messages"


def _is_list(value: Any) -> bool:
    parts = value if isinstance(value, list) else []
    return any(isinstance(part, dict) for part in parts) or (isinstance(value, str) and value.lstrip().startswith("[{"))


@format_of("openai_chat", _misses)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; fields beside the messages are its provenance."""
    field = field_of(contents, FIELDS) or "messages"
    used = {field, *SYSTEM}
    return each_liked_row(contents.rows, lambda row: (_messages(row, field, reading), provenance([row], used)), reading)


def _messages(row: Mapping[str, Any], field: str, reading: Reading) -> Messages:
    messages = as_marked(row, chat_messages(row.get(field), reading.roles))
    system: Mapping[str, Any] = next((row[key] for key in SYSTEM if isinstance(row.get(key), dict)), {})
    return with_system(system.get("parts"), messages)
