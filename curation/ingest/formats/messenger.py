"""Messenger's and Instagram's downloads (`message_1.json`, ...): newest first, their text mended where UTF-8 was
written as Latin-1; unsent messages, reactions, calls, media without words are left out. A thread of several pages is
read page by page.

Keeps: the customer's name, when the conversation began; how it was told who is who, what was left out in metadata;
every message left out with its reason in the ledger.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.chats import Chat, Entry, by_time, conversations, each_chat
from curation.ingest.formats import Outcome, Reading, format_of, lacks
from curation.ingest.moments import moment
from curation.ingest.rows import Contents, RawRow

SENDER, SENT, CONTENT = ("sender_name", "senderName"), ("timestamp_ms", "timestamp"), ("content", "text")
_NOTICE = re.compile(  # behind "You" or the name of who wrote it
    r"(?:sent|shared) an? (?:attachment|photo|video|sticker|gif|link|story|voice message|reel|post|location)\.?|"
    r"missed (?:your|a) (?:video |audio )?(?:call|chat)\.?|started a (?:video )?(?:call|chat)\.?|"
    r"(?:named|created|left|joined) the group\b.*|(?:added|removed) .{1,60} (?:to|from) the group\.?|"
    r"changed the (?:theme|group photo|quick reaction)\b.*|set (?:the|your|his|her|their) (?:nickname|emoji)\b.*|"
    r"(?:are|can) now (?:connected|message|call)\b.*|unsent a message\.?|liked a message\.?",
    re.IGNORECASE,
)
_REACTION = re.compile(
    r"(?:reacted \S{1,8} to your message|liked a message|تفاعل .{0,20} (?:مع|على) رسالتك.*) ?\.?", re.IGNORECASE
)
_SENT = re.compile(r"(?:أرسل|أرسلت|شارك|شاركت) .{0,60}(?:مرفق|مرفقا|مرفقًا|صورة|فيديو|ملصقا|ملصقًا|رابطا|رابطًا)\.?")
LONGEST_NOTICE = 200  # characters


def _misses(contents: Contents) -> str:
    return lacks(contents, SENDER, SENT)


@format_of("messenger", _misses, whole_file=True, chat=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Each thread, cut where nobody wrote for `silence_hours`; every message is a raw row."""
    for about, rows in each_chat(contents):
        title = mended(str(about.get("title") or about.get("threadName") or ""))
        entries = by_time([_entry(row) for row in rows])
        facts = {"id": about.get("thread_path") or about.get("threadName")}
        yield from conversations(Chat(entries, title=title, facts=facts), reading)


def mended(text: str) -> str:
    """UTF-8 that was read as Latin-1 and written down as such; any other text as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _entry(row: RawRow) -> Entry:
    value = row.value if isinstance(row.value, dict) else {}
    sent = next((found for key in SENT if (found := moment(value.get(key)))), None)
    name = mended(str(_first(value, SENDER) or "")).strip() or "unknown"
    content = _first(value, CONTENT)
    text = mended(content).strip() if isinstance(content, str) else ""
    return Entry([row], name, text, sent, unsaid=_unsaid(value, text, name))


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _unsaid(value: Mapping[str, Any], text: str, name: str) -> str:
    if value.get("is_unsent") or value.get("isUnsent"):
        return "deleted message"
    if value.get("call_duration") is not None or value.get("type") == "Call":
        return "call"
    if len(text) < LONGEST_NOTICE and _is_notice(text, name):
        return "notice"
    return "" if text else "media"


def _is_notice(text: str, name: str) -> bool:
    who = next((who for who in (name, name.split()[0], "You") if text.startswith(f"{who} ")), "")
    done = text[len(who) + 1 :] if who else ""
    return bool(_REACTION.fullmatch(text) or _NOTICE.fullmatch(done) or (name in text and _SENT.fullmatch(text)))
