"""Intercom's JSON exports: conversations with `source` and `conversation_parts` by customers, bots and the team; notes
are left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    each_row,
    format_of,
    lacks,
    role_of,
    text_of,
)
from curation.ingest.order import by_field
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.record.conversation import message

CUSTOMERS = ("user", "lead", "contact")
NOTES = ("note", "note_and_reopen", "conversation_rating_changed")


@format_of("intercom", lambda contents: lacks(contents, "source", "conversation_parts"), mail=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row: what started it, then the parts that say something. Notes are the team's own."""
    used = {"source", "conversation_parts", "contacts", "type"}
    return each_row(
        contents.rows,
        lambda value: (
            _messages(value, reading.roles),
            provenance([_labelled(value)], used, customer=_customer(value)),
        ),
    )


def _messages(value: Mapping[str, Any], roles: Roles) -> Messages:
    parts = _list(value["conversation_parts"], "conversation_parts")
    messages = [
        message(_role(part, place, roles), text_of(part["body"], f"part {place}"))
        for place, part in enumerate([value["source"], *by_field(parts, "created_at")])
        if part.get("body") and part.get("part_type") not in NOTES
    ]
    if not messages:
        raise UnreadableError("no part of the conversation says anything but notes")
    return messages


def _role(part: Mapping[str, Any], place: int, roles: Roles) -> str:
    author = part.get("author")
    kind = author.get("type") if isinstance(author, dict) else None
    if kind is None:
        raise UnreadableError(f"part {place} has no author")
    return role_of(kind, roles)


def _list(value: Any, name: str) -> list[Any]:
    """Intercom wraps its lists in an object that holds them under their own name."""
    found = value.get(name) if isinstance(value, dict) else value
    return found if isinstance(found, list) else []


def _customer(value: Mapping[str, Any]) -> Any:
    contacts = [c for c in _list(value.get("contacts"), "contacts") if isinstance(c, dict)]
    author = value["source"].get("author") or {}
    known = author.get("id") if author.get("type") in CUSTOMERS else None
    return next((contact.get("id") for contact in contacts), known)


def _labelled(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its only tag as its label."""
    tags = [tag.get("name") for tag in _list(value.get("tags"), "tags") if isinstance(tag, dict)]
    return {**value, "label": tags[0]} if len(tags) == 1 else value
