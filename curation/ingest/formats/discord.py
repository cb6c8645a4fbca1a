"""Discord's channels and direct messages as DiscordChatExporter writes them in JSON: nicknames, bots, roles of the
server ("Support"); joins, pins and other notices are left out.

Keeps: the customer's name, when the conversation began; how it was told who is who, what was left out in metadata;
every message left out with its reason in the ledger.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.chats import Chat, Entry, by_time, conversations, each_chat
from curation.ingest.formats import Outcome, Reading, Roles, format_of, lacks, speaker_role
from curation.ingest.moments import moment
from curation.ingest.rows import Contents, RawRow

SPOKEN = ("Default", "Reply", "0", "19", "20", "ChatInputCommand", "ContextMenuCommand", "ThreadStarterMessage", "23")


@format_of(
    "discord", lambda contents: lacks(contents, "id", "timestamp", "author", "content"), whole_file=True, chat=True
)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Each channel, cut where nobody wrote for `silence_hours`; every message is a raw row."""
    for about, rows in each_chat(contents):
        entries = by_time([_entry(row) for row in rows])
        yield from conversations(_chat(about, entries, reading.roles), reading)


def _chat(about: Mapping[str, Any], entries: list[Entry], roles: Roles) -> Chat:
    channel = about.get("channel")
    channel = channel if isinstance(channel, dict) else {}
    authors = {entry.name: _author(entry.rows[0]) for entry in entries if entry.name}
    is_direct = "direct" in str(channel.get("type")).lower()
    return Chat(
        entries,
        title=str(channel.get("name") or "") if is_direct else "",
        knows={name: role for name, author in authors.items() if (role := _role(author, roles))},
        bots=frozenset(name for name, author in authors.items() if author.get("isBot")),
        facts={"channel": channel.get("name")},
    )


def _author(row: RawRow) -> Mapping[str, Any]:
    author = row.value.get("author") if isinstance(row.value, dict) else None
    return author if isinstance(author, dict) else {}


def _role(author: Mapping[str, Any], roles: Roles) -> str | None:
    """The side that a role of the server tells, as "Support" does; most servers call only the team."""
    called = author.get("roles")
    names = [str(role.get("name")) for role in called if isinstance(role, dict)] if isinstance(called, list) else []
    sides = {role for name in names if (role := speaker_role(name, roles)) in ("user", "assistant")}
    return next(iter(sides)) if len(sides) == 1 else None


def _entry(row: RawRow) -> Entry:
    value = row.value if isinstance(row.value, dict) else {}
    sent = moment(value.get("timestamp"))
    if str(value.get("type") or "Default") not in SPOKEN:
        return Entry([row], None, sent=sent, unsaid="notice")
    author, content = _author(row), value.get("content")
    name = str(author.get("nickname") or author.get("name") or author.get("id") or "unknown")
    text = content.strip() if isinstance(content, str) else ""
    return Entry([row], name, text, sent, unsaid="" if text else "media")
