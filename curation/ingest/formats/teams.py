"""Chats and channels of Teams as Microsoft Graph gives them (`messageType`, `from`, `body`): one conversation a chat
or a thread of a channel, HTML as text, guests as customers; system events and deleted messages are left out.

Keeps: the customer's name, when the conversation began; how it was told who is who, what was left out in metadata;
every message left out with its reason in the ledger.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.chats import Chat, Entry, by_time, conversations
from curation.ingest.formats import Outcome, Reading, format_of, lacks
from curation.ingest.markup import text_of_html
from curation.ingest.moments import moment
from curation.ingest.rows import Contents, RawRow

GUESTS = ("anonymousGuest", "emailUser", "phoneUser", "skypeUser", "personalMicrosoftAccountUser")


@format_of(
    "teams", lambda contents: lacks(contents, "messageType", "createdDateTime", "body"), whole_file=True, chat=True
)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Each chat and thread of a channel, cut where nobody wrote for `silence_hours`; every message is a raw row."""
    chats: dict[Any, list[RawRow]] = {}
    for row in contents.rows:
        if not row.fault:
            chats.setdefault(_place(_object(row.value)), []).append(row)
    for place, rows in chats.items():
        yield from conversations(_chat(place[0], rows), reading)


def _place(value: Mapping[str, Any]) -> tuple[str, str]:
    """The chat, or the channel and what started the thread."""
    channel = _object(value.get("channelIdentity")).get("channelId")
    if channel:
        return str(channel), str(value.get("replyToId") or value.get("id"))
    return str(value.get("chatId") or ""), ""


def _chat(name: str, rows: Sequence[RawRow]) -> Chat:
    entries = by_time([_entry(row) for row in rows])
    senders = {entry.name: _sender(entry.rows[0]) for entry in entries if entry.name}
    return Chat(
        entries,
        knows={str(who): "user" for who, (_, kind) in senders.items() if kind in GUESTS},
        bots=frozenset(str(who) for who, (_, kind) in senders.items() if kind == "application"),
        facts={"id": name or None},
    )


def _entry(row: RawRow) -> Entry:
    value = _object(row.value)
    sent = moment(value.get("createdDateTime"))
    name, _ = _sender(row)
    if value.get("messageType") != "message" or not name:
        return Entry([row], None, sent=sent, unsaid="notice")
    if value.get("deletedDateTime"):
        return Entry([row], name, sent=sent, unsaid="deleted message")
    body = _object(value.get("body"))
    content = body.get("content") if isinstance(body.get("content"), str) else ""
    text = text_of_html(str(content), {})[0] if body.get("contentType") == "html" else str(content)
    return Entry([row], name, text.strip(), sent, unsaid="" if text.strip() else "media")


def _sender(row: RawRow) -> tuple[str, str]:
    """Who wrote, and what kind of account that is."""
    sender = _object(_object(row.value).get("from"))
    user, application = _object(sender.get("user")), _object(sender.get("application"))
    if user:
        return str(user.get("displayName") or user.get("id") or ""), str(user.get("userIdentityType") or "")
    return str(application.get("displayName") or application.get("id") or ""), "application"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
