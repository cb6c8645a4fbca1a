"""Crisp's JSON: conversations with `messages` from `user` or `operator`, each of a `type` and with a `fingerprint`, or
rows that are such messages of a `session_id`; notes and events are left out, what is `automated` is a bot's. Fields as
in Crisp's API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import CUSTOMER, NOTE, NOTICE, TEAM, Desk, Entry, is_bot_name, is_true, objects, part_of
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents

KINDS = {"note": NOTE, "event": NOTICE}
SPOKEN = ("text", "note")  # types whose content is text; others hold a file, a form, a menu


def entries(conversation: Mapping[str, Any]) -> Sequence[Entry]:
    """The messages of a conversation."""
    return [entry(item) for item in objects(conversation.get("messages"))]


def entry(value: Mapping[str, Any]) -> Entry:
    """One message; of a file, a form or a menu the words that it shows, where it has any."""
    kind, content = str(value["type"]), value.get("content")
    text = content if kind in SPOKEN or isinstance(content, str) else part_of({"in": content}, "in", "text")
    told = value.get("from") == "operator"
    bot = told and (is_true(value.get("automated")) or is_bot_name(part_of(value, "user", "nickname")))
    return Entry(TEAM if told else CUSTOMER, text, value.get("timestamp"), KINDS.get(kind, ""), bot)


DESK = Desk(("messages",), ("from", "type", "fingerprint"), entries, entry, ("session_id",))


@format_of("crisp", DESK.misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; or of the rows of one `session_id`."""
    return DESK.read(contents, reading)
