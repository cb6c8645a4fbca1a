"""Front's JSON: conversations with `messages` that are `is_inbound` or not, and `comments`, which are the team's own
and left out like drafts; or rows that are such messages, each of the conversation that its `_links` name. Fields as in
Front's API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import CUSTOMER, DRAFT, NOTE, TEAM, Desk, Entry, first_of, is_true, objects
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents

BODIES = ("body", "text")


def entries(conversation: Mapping[str, Any]) -> Sequence[Entry]:
    """The messages and the comments."""
    comments = [
        Entry(TEAM, first_of(item, BODIES), item.get("posted_at"), NOTE)
        for item in objects(conversation.get("comments"))
    ]
    return [*(entry(item) for item in objects(conversation.get("messages"))), *comments]


def entry(value: Mapping[str, Any]) -> Entry:
    """One message."""
    side = CUSTOMER if is_true(value["is_inbound"]) else TEAM
    left_out = DRAFT if is_true(value.get("is_draft")) else ""
    return Entry(side, first_of(value, BODIES), value.get("created_at"), left_out)


DESK = Desk(("messages", "comments"), ("is_inbound",), entries, entry, ("_links", "related", "conversation"))


@format_of("front", DESK.misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; or of the rows that link to one."""
    return DESK.read(contents, reading)
