"""Slack's exports, one file a channel and day: each thread is a conversation, what is in no thread is cut by silence;
names from the messages or from `users.json`, mentions and links as people read them, bots; joins, topics and other
notices are left out.

Keeps: the customer's name, when the conversation began; how it was told who is who, what was left out in metadata;
every message left out with its reason in the ledger.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.chats import Chat, Entry, by_time, conversations
from curation.ingest.formats import Outcome, Reading, first_values, format_of, lacks
from curation.ingest.moments import moment
from curation.ingest.rows import Contents, RawRow

SPOKEN = ("", "bot_message", "thread_broadcast", "file_share", "me_message", "file_comment", "reply_broadcast")
_TS = re.compile(r"\d{9,10}\.\d{1,6}")
_MARK = re.compile(r"<(?P<sign>[@#!]?)(?P<what>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")


def _misses(contents: Contents) -> str:
    stamps = [str(stamp) for stamp in first_values(contents, "ts")]
    if missing := lacks(contents, "type", "ts"):
        return missing
    return "" if stamps and all(map(_TS.fullmatch, stamps)) else "no ts as Slack writes it"


@format_of("slack", _misses, whole_file=True, chat=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Each thread, and what stands outside of threads; every message is a raw row."""
    users = _users(contents.beside.get("users"))
    threads: dict[str, list[Entry]] = {}
    for row in contents.rows:
        if not row.fault:
            value = row.value if isinstance(row.value, dict) else {}
            threads.setdefault(str(value.get("thread_ts") or ""), []).append(_entry(row, users))
    for started, entries in threads.items():
        yield from conversations(_chat(started, by_time(entries)), reading)


def _chat(started: str, entries: Sequence[Entry]) -> Chat:
    bots = {str(entry.name) for entry in entries if entry.name and _is_bot(entry.rows[0].value)}
    return Chat(entries, bots=frozenset(bots), facts={"id": started or None})


def _is_bot(value: Mapping[str, Any]) -> bool:
    return bool(value.get("bot_id")) or value.get("subtype") == "bot_message"


def _users(listed: Any) -> dict[str, str]:
    """Names by id, as users.json or a message has them."""
    users = [user for user in listed if isinstance(user, dict)] if isinstance(listed, list) else []
    return {str(user.get("id")): name for user in users if (name := _called(user.get("profile"), user))}


def _called(profile: Any, user: Mapping[str, Any]) -> str:
    known = profile if isinstance(profile, dict) else {}
    names = (known.get("display_name"), known.get("real_name"), user.get("real_name"), user.get("name"))
    return str(next((name for name in names if name), ""))


def _entry(row: RawRow, users: Mapping[str, str]) -> Entry:
    value = row.value if isinstance(row.value, dict) else {}
    sent = moment(value.get("ts"))
    if value.get("type") != "message" or (value.get("subtype") or "") not in SPOKEN:
        deleted = value.get("subtype") == "tombstone"
        return Entry([row], None, sent=sent, unsaid="deleted message" if deleted else "notice")
    text = value.get("text")
    words = _readable(text, users).strip() if isinstance(text, str) else ""
    return Entry([row], _name(value, users), words, sent, unsaid="" if words else "media")


def _name(value: Mapping[str, Any], users: Mapping[str, str]) -> str:
    known = users.get(str(value.get("user"))) or _called(value.get("user_profile"), {})
    bot = value.get("bot_profile")
    called = known or value.get("username") or (bot.get("name") if isinstance(bot, dict) else None)
    return str(called or value.get("user") or value.get("bot_id") or "unknown")


def _readable(text: str, users: Mapping[str, str]) -> str:
    """A text with its mentions, channels and links as people see them."""

    def shown(mark: re.Match[str]) -> str:
        what, label = mark["what"], mark["label"]
        if mark["sign"] == "@":
            return f"@{label or users.get(what, what)}"
        if mark["sign"]:
            return f"{'#' if mark['sign'] == '#' else '@'}{label or what}"
        target = what.removeprefix("mailto:").removeprefix("tel:")
        return target if not label or label in what else f"[{label}]({target})"

    return html.unescape(_MARK.sub(shown, text))
