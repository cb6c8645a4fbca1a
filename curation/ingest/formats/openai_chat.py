"""OpenAI chat: `{"messages": [{"role", "content", "name"?, "tool_calls"?}], ...}`, also as JSON text in a cell or under
`conversation`, `dialogue`, `dialog`, `turns`, so any Hugging Face set of that shape; the old `function_call`. Parts of
text are joined, an image is a reason; a `weight` of 0 is kept in metadata.
"""

from collections.abc import Iterator
from typing import Any

from curation.ingest.formats import Outcome, Reading, chat_messages, each_row, field_of, first_values, format_of, lacks
from curation.ingest.json_text import value_in
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents

FIELDS = ("messages", "conversation", "dialogue", "dialog", "turns")


def _misses(contents: Contents) -> str:
    field = field_of(contents, FIELDS)
    if field is None:
        return lacks(contents, FIELDS)
    if field == "messages" or any(_is_list(value) for value in first_values(contents, field)):
        return ""
    return f"{field} is no list of messages"


def _is_list(value: Any) -> bool:
    parts = value if isinstance(value, list) else []
    return any(isinstance(part, dict) for part in parts) or (isinstance(value, str) and value.lstrip().startswith("[{"))


@format_of("openai_chat", _misses)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; fields beside the messages are its provenance, weights of messages its metadata."""
    field = field_of(contents, FIELDS) or "messages"
    return each_row(
        contents.rows,
        lambda value: (
            chat_messages(value.get(field), reading.roles),
            provenance([{**value, **_weights(value.get(field))}], {field}),
        ),
    )


def _weights(messages: Any) -> dict[str, Any]:
    """What each message weighs, where OpenAI's fine-tuning format says that one must not be trained on."""
    if isinstance(messages, str) and '"weight"' in messages:
        messages = value_in(messages)
    entries = messages if isinstance(messages, list) else []
    weights = [entry.get("weight", 1) for entry in entries if isinstance(entry, dict)]
    return {} if all(weight in (1, None) for weight in weights) else {"weights": weights}
