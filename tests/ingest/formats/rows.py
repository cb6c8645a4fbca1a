"""Rows as the formats write them, and what the format that recognises them makes of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curation.ingest.formats import Format, Outcome, Reading, formats
from curation.ingest.rows import Contents, RawRow
from tests.builders import params

READING = Reading.model_validate({name: params("ingest")[name] for name in Reading.model_fields})
HELLO = [("user", "Where is my order?"), ("assistant", "On its way.")]
MARHABA = [("user", "أين طلبي؟"), ("assistant", "هو في الطريق إليك.")]


def contents(*values: Any, beside: Mapping[str, Any] | None = None) -> Contents:
    rows = [value if isinstance(value, RawRow) else RawRow(number, value) for number, value in enumerate(values, 1)]
    return Contents(iter(rows), [row for row in rows if not row.fault], beside=beside or {})


def format_for(found: Contents) -> Format | None:
    return next((form for form in formats().values() if form.recognises(found)), None)


def outcomes(*values: Any, reading: Reading = READING, beside: Mapping[str, Any] | None = None) -> list[Outcome]:
    """What the format that recognises these rows makes of them; each row is in one outcome."""
    found = contents(*values, beside=beside)
    form = format_for(found)
    assert form, {f.name: f.misses(found) for f in formats().values()}
    read = list(form.read(found, reading))
    taken = sorted(row.number for outcome in read for row in outcome.rows)
    assert taken == [
        number for number, value in enumerate(values, 1) if not (isinstance(value, RawRow) and value.fault)
    ]
    return read


def only(*values: Any, **more: Any) -> Outcome:
    (outcome,) = outcomes(*values, **more)
    return outcome


def said(outcome: Outcome) -> list[tuple[str, str]]:
    assert outcome.messages, outcome.reason
    return [(m["role"], m["content"]) for m in outcome.messages]


def metadata(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.provenance.get("metadata", "{}"))
    return found


def chat(pairs: Sequence[tuple[str, str]], role: str = "role", content: str = "content") -> list[dict[str, str]]:
    return [{role: who, content: text} for who, text in pairs]


def lines(text: str) -> list[str]:
    return text.strip("\n").split("\n")


def node(name: str, parent: str | None, role: str, **more: Any) -> dict[str, Any]:
    found = {"message_id": name, "parent_id": parent, "message_tree_id": "t1", "role": role, "text": f"text of {name}"}
    return {**found, "deleted": False, "review_result": True, "rank": None, "user_id": f"u-{name}", **more}


TREE = [
    node("second", "root", "assistant", rank=1),
    node("root", None, "prompter", created_date="2023-02-05T14:23:50+00:00"),
    node("best", "root", "assistant", rank=0),
    node("deleted", "best", "prompter", deleted=True, rank=0),
    node("spam", "best", "prompter", rank=0, labels={"name": ["spam"], "value": [0.9], "count": [3]}),
    node("asked", "best", "prompter", rank=1),
    node("refused", "asked", "assistant", rank=0, review_result=False),
    node("answered", "asked", "assistant", rank=1, labels={"spam": {"value": 0.0, "count": 3}}),
    node("left open", "answered", "prompter"),
]


def nested(name: str) -> dict[str, Any]:
    (found,) = [entry for entry in TREE if entry["message_id"] == name]
    return {**found, "replies": [nested(entry["message_id"]) for entry in TREE if entry["parent_id"] == name]}


def ticket(author: str, body: str, **more: Any) -> dict[str, Any]:
    return {"ticket_id": "T1", "author": author, "body": body, **more}


def intercom(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "conversation",
        "id": "77",
        "created_at": 1740823200,
        "source": {"type": "conversation", "body": "<p>Where is my order?</p>", "author": {"type": "lead", "id": "c1"}},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": list(parts)},
        **more,
    }


def part(author: str, body: str | None, kind: str = "comment") -> dict[str, Any]:
    return {"part_type": kind, "body": body, "author": {"type": author, "id": "9"}}


ANDROID = """
12/31/24, 9:15 PM - Messages and calls are end-to-end encrypted. Tap to learn more.
12/31/24, 9:15 PM - Ali: Where is
my order?
12/31/24, 9:16\u202fPM - Zaafaran Home: <Media omitted>
12/31/24, 9:16\u202fPM - Zaafaran Home: On its way.
"""
ANDROID_ARABIC = """
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٥ م - الرسائل والمكالمات مشفرة تمامًا بين الطرفين.
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٥ م - علي: أين طلبي؟
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٦ م - علي: <تم استبعاد الوسائط>
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٧ م - زعفران هوم: هو في الطريق إليك.
"""
IOS = """
[31/12/2024, 21:15:03] Zaafaran Home: \u200eMessages and calls are end-to-end encrypted.
[31/12/2024, 21:15:03] Ali: Where is my order?
\u200e[31/12/2024, 21:16:00] Ali: \u200eimage omitted
[31/12/2024, 21:17:40] Zaafaran Home: On its way.
"""
IOS_ARABIC = """
[٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٥:٠٣ م] \u202bعلي\u202c: أين طلبي؟
[٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٦:٠٣ م] زعفران هوم: هو في الطريق إليك.
"""
