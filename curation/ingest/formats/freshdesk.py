"""Freshdesk's and Freshservice's JSON: tickets whose `description` is the first message, with `conversations` (or
`notes`) that are `incoming` or not; private ones and mails forwarded to third parties are left out. Also what its
account export wraps in `helpdesk_ticket`. Fields as in Freshdesk's API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curation.ingest.desks import (
    ABROAD,
    CUSTOMER,
    NOTE,
    TEAM,
    Desk,
    Entry,
    first_of,
    is_true,
    objects,
    repeats,
)
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents, RawRow

LISTS = ("conversations", "notes")
WRAPPER = "helpdesk_ticket"
BODIES = ("body", "body_html", "body_text")
DESCRIPTIONS = ("description", "description_html", "description_text")
FORWARDED, OUTBOUND = (
    "8",
    "10",
)  # `source` of a conversation that went to a third party, of a ticket that the team began


def entries(ticket: Mapping[str, Any]) -> Sequence[Entry]:
    """The description, unless a conversation repeats it, and the conversations."""
    asker = ticket.get("requester_id")
    written = [_entry(item, asker) for name in LISTS for item in objects(ticket.get(name))]
    began = TEAM if str(ticket.get("source")) == OUTBOUND else CUSTOMER
    description = Entry(began, first_of(ticket, DESCRIPTIONS), ticket.get("created_at"))
    return written if repeats(description, written) else [description, *written]


def _entry(value: Mapping[str, Any], asker: Any = None) -> Entry:
    value = value["note"] if isinstance(value.get("note"), dict) else value
    left_out = NOTE if is_true(value.get("private")) else ABROAD if str(value.get("source")) == FORWARDED else ""
    incoming = is_true(value.get("incoming")) or (asker is not None and value.get("user_id") == asker)
    return Entry(CUSTOMER if incoming else TEAM, first_of(value, BODIES), value.get("created_at"), left_out)


DESK = Desk(LISTS, ("incoming", "private"), entries, _entry, ("ticket_id",), said=DESCRIPTIONS)
TICKET = ("requester_id", "description")  # of a ticket that nobody answered, with an empty list


def _misses(contents: Contents) -> str:
    inner = replace(contents, sample=[_unwrapped(row) for row in contents.sample])
    values = [row.value for row in inner.sample if isinstance(row.value, dict)]
    unanswered = [
        all(name in value for name in (*TICKET, "conversations")) and not value["conversations"] for value in values
    ]
    return "" if any(unanswered) and all(unanswered) else DESK.misses(inner)


@format_of("freshdesk", _misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a ticket; or of the rows of one `ticket_id`."""
    found = replace(contents, rows=map(_unwrapped, contents.rows), sample=[_unwrapped(row) for row in contents.sample])
    return DESK.read(found, reading)


def _unwrapped(row: RawRow) -> RawRow:
    inner = row.value.get(WRAPPER) if isinstance(row.value, dict) else None
    return replace(row, value=inner) if isinstance(inner, dict) else row
