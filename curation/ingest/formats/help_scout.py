"""Help Scout's JSON: conversations with `threads` (also in `_embedded`) of the type `customer`, `message`, `note`,
`lineitem` and others, each with `createdBy`; notes, line items and drafts are left out. Newest first is put in order.
Fields as in Help Scout's API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curation.ingest.desks import ABROAD, CUSTOMER, DRAFT, NOTE, NOTICE, TEAM, Desk, Entry, first_of, objects, part_of
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents, RawRow

KINDS = {"note": NOTE, "lineitem": NOTICE, "forwardparent": ABROAD, "forwardchild": ABROAD}


def entries(conversation: Mapping[str, Any]) -> Sequence[Entry]:
    """The threads of a conversation, as Help Scout calls its messages."""
    return [_entry(item) for item in objects(conversation.get("threads"))]


def _entry(value: Mapping[str, Any]) -> Entry:
    kind = str(value["type"])
    draft = DRAFT if value.get("state") in ("draft", "hidden") else ""
    asks = kind == "customer" or part_of(value, "createdBy", "type") == "customer"
    side = CUSTOMER if asks else TEAM
    return Entry(side, first_of(value, ("body", "text")), value.get("createdAt"), KINDS.get(kind, draft))


def _customer(conversation: Mapping[str, Any]) -> Any:
    return part_of(conversation, "primaryCustomer", "id") or part_of(conversation, "customer", "id")


DESK = Desk(("threads", "_embedded"), ("type", "createdBy"), entries, customer=_customer)


@format_of("help_scout", lambda contents: DESK.misses(_opened(contents)), mail=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row."""
    return DESK.read(_opened(contents), reading)


def _opened(contents: Contents) -> Contents:
    return replace(contents, rows=map(_unfolded, contents.rows), sample=[_unfolded(row) for row in contents.sample])


def _unfolded(row: RawRow) -> RawRow:
    """The row with the threads that its `_embedded` holds."""
    inner = part_of({"row": row.value}, "row", "_embedded", "threads")
    return replace(row, value={**row.value, "threads": inner}) if isinstance(inner, list) else row
