"""Gorgias' JSON: tickets with `messages` that are `from_agent` or not, or rows that are such messages of a `ticket_id`;
internal notes are left out, and what rules wrote counts as a bot's. Fields as in Gorgias' API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import CUSTOMER, NOTE, TEAM, Desk, Entry, first_of, is_bot_name, is_true, objects, part_of
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents

BODIES = ("body_html", "body_text", "stripped_html", "stripped_text")
TIMES = ("sent_datetime", "created_datetime")
RULES = ("rule", "self_service")  # `via` of what nobody typed


def entries(ticket: Mapping[str, Any]) -> Sequence[Entry]:
    """The messages of a ticket."""
    return [entry(item) for item in objects(ticket.get("messages"))]


def entry(value: Mapping[str, Any]) -> Entry:
    """One message; without `public` it is one to the customer unless its channel says otherwise."""
    note = value.get("channel") == "internal-note" or not is_true(value.get("public", True))
    told = is_true(value["from_agent"])
    bot = told and (value.get("via") in RULES or is_bot_name(part_of(value, "sender", "name")))
    side = TEAM if told else CUSTOMER
    return Entry(side, first_of(value, BODIES), first_of(value, TIMES), NOTE if note else "", bot)


DESK = Desk(("messages",), ("from_agent",), entries, entry, ("ticket_id",), lambda row: part_of(row, "customer", "id"))


@format_of("gorgias", DESK.misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a ticket; or of the rows of one `ticket_id`."""
    return DESK.read(contents, reading)
