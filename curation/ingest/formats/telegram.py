"""Telegram's JSON exports: one chat or a whole account (`result.json`); texts in parts, forwards and replies. Calls,
media without words, service messages are left out, and so are notes to oneself. Who the chat is named after is the
customer, unless names tell otherwise; a bot is the team.

Keeps: the customer's name, when the conversation began; how it was told who is who, what was left out in metadata;
every message left out with its reason in the ledger.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.chats import Chat, Entry, by_time, conversations, each_chat, regulars_of, speakers
from curation.ingest.formats import Outcome, Reading, first_values, format_of, lacks
from curation.ingest.moments import moment
from curation.ingest.rows import Contents, RawRow

KINDS = ("message", "service", "unsupported")
MEDIA = ("photo", "file", "media_type", "poll", "location_information", "contact_information", "sticker_emoji")
NOTES, BOT = "saved_messages", "bot_chat"  # types of chats


def _misses(contents: Contents) -> str:
    kinds = first_values(contents, "type")
    of_telegram = bool(kinds) and all(kind in KINDS for kind in kinds)
    return lacks(contents, "id", "type", "date", "text") or (
        "" if of_telegram else f"no type that is one of {', '.join(KINDS)}"
    )


@format_of("telegram", _misses, whole_file=True, chat=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Each chat, cut where nobody wrote for `silence_hours`; every message is a raw row."""
    owner = contents.beside.get("personal_information")
    me = f"user{owner.get('user_id')}" if isinstance(owner, dict) else ""
    chats = [(about, [_entry(row) for row in rows]) for about, rows in each_chat(contents)]
    of_people = (entries for about, entries in chats if about.get("type") not in (NOTES, BOT))
    regulars = regulars_of(map(speakers, of_people))
    for about, entries in chats:
        if about.get("type") == NOTES:
            yield Outcome(
                [row for entry in entries for row in entry.rows], reason="these are notes to oneself, no chat"
            )
            continue
        yield from conversations(_chat(about, by_time(entries), me, regulars), reading)


def _chat(about: Mapping[str, Any], entries: list[Entry], me: str, regulars: frozenset[str]) -> Chat:
    ids = {str(entry.rows[0].value.get("from_id")): str(entry.name) for entry in entries if entry.name}
    other = ids.get(f"user{about.get('id')}", "")
    is_bot = about.get("type") == BOT
    mine = frozenset({ids[me]} if me in ids and not is_bot else ())
    return Chat(
        entries,
        title="" if is_bot else other or str(about.get("name") or ""),
        bots=frozenset({other or str(about.get("name") or "")}) if is_bot else frozenset(),
        exporters=mine,
        regulars=regulars,
        facts={"id": about.get("id"), "chat": about.get("type")},
    )


def _entry(row: RawRow) -> Entry:
    value = row.value if isinstance(row.value, dict) else {}
    sent = moment(value.get("date_unixtime")) or moment(value.get("date"))
    if value.get("type") != "message":
        return Entry([row], None, sent=sent, unsaid="notice")
    text = _text(value.get("text"))
    name = value.get("from") or value.get("from_id") or "Deleted Account"
    if text:
        return Entry([row], str(name), text, sent)
    return Entry([row], str(name), sent=sent, unsaid="media" if any(key in value for key in MEDIA) else "no words")


def _text(value: Any) -> str:
    """The words of a text that is a string, or a list of strings and of parts with a text."""
    parts = value if isinstance(value, list) else [value]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(text for text in texts if isinstance(text, str)).strip()
