"""Whatever stands in a row, it is read or refused with a reason."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.conversation import canonical_json
from curation.ingest.formats import formats
from curation.ingest.rows import RawRow
from tests.builders import talk
from tests.ingest.formats.rows import (
    ANDROID,
    IOS_ARABIC,
    READING,
    contents,
    intercom,
    lines,
    nested,
    outcomes,
    part,
    ticket,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in entries for place in leaves(inner, (*path, key)))]


def changed(value: Any, path: Sequence[Any], to: Any) -> Any:
    if not path:
        return to
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], to)
    return copy


FULL_ROWS: dict[str, Any] = {
    "openai_chat": {"messages": [*talk("Hi", "Hello"), {"role": "assistant", "function_call": {"a": 1}}]},
    "sharegpt": {"system": "s", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
    "alpaca": {"instruction": "a", "input": "b", "output": "c", "history": [["d", "e"]], "system": "f"},
    "prompt_completion": {"prompt": "Hi", "completion": "Hello", "system": "s", "metadata": {"id": 1}},
    "oasst": {"message_tree_id": "t", "prompt": nested("root")},
    "conversation_table": {"subject": "a", "question": "b", "answer": "c", "transcript": "Agent: x\nCustomer: y"},
    "tickets_csv": {**ticket("agent", "Hi"), "public": True, "is_note": False, "created_at": "2025-01-01"},
    "zendesk": {"requester_id": 1, "requester": {"id": 1}, "comments": [{"author_id": 1, "body": "<p>x</p>"}]},
    "freshdesk": {"description": "a", "conversations": [{"incoming": False, "private": True, "body": "x"}]},
    "gorgias": {"messages": [{"from_agent": True, "public": True, "body_text": "x", "sender": {"name": "y"}}]},
    "front": {"messages": {"_results": [{"is_inbound": True, "body": "x"}]}, "comments": [{"body": "y"}]},
    "chatwoot": {"messages": [{"message_type": 0, "content": "x", "sender": {"type": "contact", "name": "y"}}]},
    "crisp": {"messages": [{"from": "user", "type": "text", "fingerprint": 1, "content": {"text": "x"}}]},
    "help_scout": {"_embedded": {"threads": [{"type": "customer", "createdBy": {"type": "user"}, "body": "x"}]}},
    "livechat": {"users": [{"id": 1, "type": "agent"}], "thread": {"events": [{"type": "message", "author_id": 1}]}},
    "hubspot": {"messages": [{"direction": "INCOMING", "type": "MESSAGE", "senders": [{"actorId": 1}], "text": "x"}]},
    "salesforce": {"EmailMessages": {"records": [{"Incoming": True, "TextBody": "x"}]}, "CaseComments": None},
    "mailbox": {
        "from": ["a@x.example"],
        "to": ["b@y.example"],
        "message_id": ["<1>"],
        "in_reply_to": ["<2>"],
        "references": ["<3>"],
        "automatic": "",
        "subject": "Re: x",
        "text": "y",
        "attachments": ["z"],
    },
    "intercom": intercom(part("admin", "x"), tags={"tags": [{"name": "x"}]}, contacts={"contacts": [{"id": 1}]}),
    "telegram": {
        "id": 1,
        "type": "message",
        "date": "2024-03-14",
        "from": "S",
        "from_id": "user1",
        "text": [{"text": "x"}],
    },
    "discord": {
        "id": "1",
        "type": "Reply",
        "timestamp": "2024-03-14",
        "content": "x",
        "author": {"id": "1", "nickname": "S", "isBot": False, "roles": [{"name": "Support"}]},
    },
    "messenger": {
        "sender_name": "S",
        "timestamp_ms": 1710410460000,
        "content": "x",
        "is_unsent": False,
        "photos": [{}],
    },
    "slack": {
        "type": "message",
        "user": "U1",
        "ts": "1710410460.000100",
        "text": "x <@U1>",
        "thread_ts": "1710410460.0001",
        "user_profile": {"display_name": "S"},
        "bot_profile": {"name": "B"},
        "subtype": "bot_message",
    },
    "teams": {
        "id": "1",
        "messageType": "message",
        "createdDateTime": "2024-03-14",
        "chatId": "c",
        "replyToId": "2",
        "from": {"user": {"displayName": "S", "userIdentityType": "aadUser"}, "application": {"displayName": "B"}},
        "body": {"contentType": "html", "content": "<p>x</p>"},
        "channelIdentity": {"channelId": "c"},
    },
}


@pytest.mark.parametrize("name", FULL_ROWS)
@given(data=st.data())
def test_a_row_with_anything_anywhere_is_read_or_refused_with_a_reason(name: str, data: st.DataObject):
    good = FULL_ROWS[name]
    mutated = changed(good, data.draw(st.sampled_from(leaves(good))), data.draw(ANYTHING))
    found = contents(good, good, mutated, RawRow(4, None, "not JSON"))
    read = list(formats()[name].read(found, READING))
    assert {1, 2, 3} <= {row.number for outcome in read for row in outcome.rows}
    assert all(outcome.reason or outcome.messages for outcome in read)
    for outcome in read:
        canonical_json([outcome.messages, outcome.provenance])


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(lines(ANDROID + IOS_ARABIC))), max_size=12))
def test_every_line_of_any_text_belongs_to_one_conversation(texts: list[str]):
    assert outcomes("99/99/9999, 99:99 - Ali: hi", *texts)
