"""Chatwoot's JSON: conversations with `messages` whose `message_type` is incoming (0), outgoing (1), activity (2) or
template (3), or rows that are such messages of a `conversation_id`; private ones and activities are left out,
templates are a bot's. Fields as in Chatwoot's API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import CUSTOMER, NOTE, NOTICE, TEAM, Desk, Entry, is_bot_name, is_true, objects, part_of
from curation.ingest.formats import Outcome, Reading, UnreadableError, format_of
from curation.ingest.rows import Contents

TYPES = {"0": "incoming", "1": "outgoing", "2": "activity", "3": "template"}


def entries(conversation: Mapping[str, Any]) -> Sequence[Entry]:
    """The messages of a conversation."""
    return [entry(item) for item in objects(conversation.get("messages"))]


def entry(value: Mapping[str, Any]) -> Entry:
    """One message."""
    kind = TYPES.get(str(value["message_type"]), str(value["message_type"]))
    if kind not in TYPES.values():
        raise UnreadableError(f"message_type {kind!r} is unknown; expected one of {', '.join(TYPES.values())}")
    left_out = NOTICE if kind == "activity" else NOTE if is_true(value.get("private")) else ""
    sender = part_of(value, "sender", "type") or value.get("sender_type")
    robot = "bot" in str(sender).lower() or is_bot_name(part_of(value, "sender", "name"))
    bot = kind == "template" or (kind == "outgoing" and robot)
    side = CUSTOMER if kind == "incoming" else TEAM
    return Entry(side, value.get("content"), value.get("created_at"), left_out, bot)


def _customer(conversation: Mapping[str, Any]) -> Any:
    return part_of(conversation, "meta", "sender", "id") or conversation.get("contact_id")


DESK = Desk(("messages",), ("message_type", "content"), entries, entry, ("conversation_id",), _customer)


@format_of("chatwoot", DESK.misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; or of the rows of one `conversation_id`."""
    return DESK.read(contents, reading)
