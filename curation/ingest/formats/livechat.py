"""LiveChat's archives: chats with `users` and a `thread` (or `threads`) of `events`; system messages, forms and what
only agents see are left out, and so are bots' words where `ingest.bots` says so. Fields as in LiveChat's API
documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import CUSTOMER, NOTE, NOTICE, TEAM, Desk, Entry, is_bot_name, objects, part_of
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents

SPOKEN = ("message", "file", "rich_message")  # types of events by people; the others are the desk's own
_BOT_ID = re.compile(r"[0-9a-f]{32}")  # agents have addresses


def entries(chat: Mapping[str, Any]) -> Sequence[Entry]:
    """The events of a chat's threads, by the users that the chat lists."""
    users = {str(user.get("id")): user for user in objects(chat.get("users"))}
    threads = [*objects([chat.get("thread")]), *objects(chat.get("threads")), chat]
    return [_entry(event, users) for thread in threads for event in objects(thread.get("events"))]


def _entry(event: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]]) -> Entry:
    author = str(event.get("author_id"))
    user = users.get(author, {})
    if event.get("type") not in SPOKEN or author in ("None", "system"):
        left_out = NOTICE
    else:
        left_out = NOTE if event.get("visibility") == "agents" or event.get("recipients") == "agents" else ""
    told = user.get("type", "agent" if "@" in author else "") == "agent"
    bot = told and (bool(_BOT_ID.fullmatch(author)) or is_bot_name(user.get("name")))
    return Entry(TEAM if told else CUSTOMER, event.get("text"), event.get("created_at"), left_out, bot)


def _customer(chat: Mapping[str, Any]) -> Any:
    return next((user.get("id") for user in objects(chat.get("users")) if user.get("type") == "customer"), None)


def _misses(contents: Contents) -> str:
    values = [row.value for row in contents.sample if isinstance(row.value, dict)]
    found = sum(isinstance(value.get("users"), list) and _has_events(value) for value in values)
    return "" if found * 2 > len(values) else "no users beside a thread of events"


def _has_events(chat: Mapping[str, Any]) -> bool:
    inner = (part_of({"in": item}, "in", "events") for item in [chat.get("thread"), *objects(chat.get("threads"))])
    return any(isinstance(events, list) for events in (*inner, chat.get("events")))


DESK = Desk(("thread", "threads", "events", "users"), (), entries, customer=_customer)


@format_of("livechat", _misses)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a chat."""
    return DESK.read(contents, reading)
