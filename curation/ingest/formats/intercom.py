"""Intercom's JSON exports: conversations with `source` and `conversation_parts` by customers, bots and the team, put in
their order. Notes are left out, and so are bots and automated messages, unless `ingest.bots` keeps them.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.desks import BOT, NOTE, Entry, conversation_of, is_bot_name, is_true, part_of
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    UnreadableError,
    each_row,
    format_of,
    lacks,
)
from curation.ingest.order import by_said
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents

CUSTOMERS = ("user", "lead", "contact")
NOTES = ("note", "note_and_reopen", "note_and_close", "assignment", "conversation_rating_changed")
AUTOMATED = "automated"  # how a `source` was delivered that no person wrote to this customer


@format_of("intercom", lambda contents: lacks(contents, "source", "conversation_parts"), mail=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row: what started it, then the parts that say something. Notes are the team's own."""
    used = {"source", "conversation_parts", "contacts", "type"}

    def conversation(value: Mapping[str, Any]) -> tuple[Messages, Mapping[str, Any]]:
        messages, counted = conversation_of(_entries(value), reading, ordered=True)
        return messages, provenance([{**_labelled(value), **counted}], used, customer=_customer(value))

    return each_row(contents.rows, conversation)


def _entries(value: Mapping[str, Any]) -> list[Entry]:
    """What started the conversation comes first; what was written in place of words, as assignments are, is none."""
    parts = _list(value["conversation_parts"], "conversation_parts")
    placed = list(enumerate([value["source"], *parts]))
    source, *others = [
        _entry(part, place) if part.get("body") or part.get("attachments") else None for place, part in placed
    ]
    said = [entry for entry in others if entry]
    written = by_said(said, [entry.at for entry in said])
    return [entry for entry in (source, *written) if entry]


def _entry(part: Mapping[str, Any], place: int) -> Entry:
    author = part.get("author")
    kind = author.get("type") if isinstance(author, dict) else None
    if kind is None:
        raise UnreadableError(f"part {place} has no author")
    left_out = NOTE if part.get("part_type") in NOTES else ""
    robot = (
        kind == BOT or is_true(part_of(part, "author", "from_ai_agent")) or is_bot_name(part_of(part, "author", "name"))
    )
    bot = kind not in CUSTOMERS and (robot or part.get("delivered_as") == AUTOMATED)
    return Entry(kind, part.get("body"), part.get("created_at"), left_out, bot)


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
