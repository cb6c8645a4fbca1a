"""A format is told by its fields."""

from collections.abc import Mapping
from typing import Any

import pytest

from curation.ingest.formats import formats
from tests.ingest.formats.rows import HELLO, chat, contents, format_for, outcomes, said

EXAMPLES: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "openai_chat": ({"messages": chat(HELLO)}, {}),
    "sharegpt": ({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, {}),
    "alpaca": ({"instruction": "Translate", "input": "cat", "output": "قطة"}, {}),
    "prompt_completion": ({"prompt": "Hi", "completion": "Hello"}, {}),
    "oasst": ({"message_tree_id": "t", "prompt": {"text": "Hi", "role": "prompter", "replies": []}}, {}),
    "tickets_csv": ({"Ticket ID": "1", "Author": "agent", "Message": "Hi"}, {}),
    "conversation_table": ({"Question": "Hi", "Answer": "Hello", "Category": "x"}, {}),
    "zendesk": ({"id": 1, "comments": []}, {"users": []}),
    "intercom": ({"source": {}, "conversation_parts": {}}, {}),
    "freshdesk": ({"description": "x", "conversations": [{"incoming": True, "private": False}]}, {}),
    "gorgias": ({"messages": [{"from_agent": True}]}, {}),
    "front": ({"messages": [{"is_inbound": True}]}, {}),
    "chatwoot": ({"messages": [{"message_type": 0, "content": "x"}]}, {}),
    "crisp": ({"messages": [{"from": "user", "type": "text", "fingerprint": 1}]}, {}),
    "help_scout": ({"threads": [{"type": "customer", "createdBy": {}}]}, {}),
    "livechat": ({"users": [], "thread": {"events": []}}, {}),
    "hubspot": ({"messages": [{"direction": "INCOMING", "type": "MESSAGE"}]}, {}),
    "salesforce": ({"EmailMessages": {"records": [{"Incoming": True}]}}, {}),
    "mailbox": ({"from": [], "message_id": [], "in_reply_to": [], "references": [], "automatic": ""}, {}),
    "whatsapp": ("12/31/24, 9:15 PM - Sara: Hi", {}),
    "telegram": ({"id": 1, "type": "message", "date": "2024-03-14T10:00:00", "from": "Sara", "text": "Hi"}, {}),
    "discord": (
        {"id": "1", "type": "Default", "timestamp": "2024-03-14", "author": {"name": "s"}, "content": "Hi"},
        {},
    ),
    "messenger": ({"sender_name": "Sara", "timestamp_ms": 1710410460000, "content": "Hi"}, {}),
    "slack": ({"type": "message", "user": "U1", "ts": "1710410460.000100", "text": "Hi"}, {}),
    "teams": ({"messageType": "message", "createdDateTime": "2024-03-14T10:00:00Z", "from": {}, "body": {}}, {}),
}


def test_every_example_here_is_of_a_format():
    assert set(EXAMPLES) <= set(formats())  # one that is added brings its own


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_told_by_its_fields_and_the_others_say_what_they_miss(name: str):
    value, beside = EXAMPLES[name]
    found = contents(value, beside=beside)
    chosen = format_for(found)
    assert chosen and chosen.name == name
    assert all(form.misses(found).startswith("no ") for form in formats().values() if not form.recognises(found))


def test_a_row_with_messages_is_a_chat_whatever_else_it_holds():
    found = contents({"messages": chat(HELLO), "prompt": "x", "question": "x", "answer": "y", "instruction": "z"})
    chosen = format_for(found)
    assert chosen and chosen.name == "openai_chat"


def test_some_rows_without_the_field_do_not_change_the_format():
    first, second, third = outcomes({"messages": chat(HELLO)}, {"text": "x"}, {"messages": chat(HELLO)})
    assert said(first) == said(third) == HELLO
    assert second.reason == "there are no messages in this row"
