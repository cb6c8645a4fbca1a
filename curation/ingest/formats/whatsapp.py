"""WhatsApp's text exports of a chat, by Android or iOS, 12 or 24 hours, day or month first, messages on one or several
lines; also out of its own zip. A silence of `ingest.silence_hours` starts a new conversation; media, calls, deleted
messages, polls, places and notices of the group are left out, captions stay. Phones in English and Arabic; what other
phones write is told by its shape, and metadata `phone_language` names them.

Who is who is told by `ingest.roles`, which maps display names (in lower case), or by the rules of chats; metadata
`roles_told_by` or `roles_assumed` says which. Times have no zone: UTC.

Keeps: the customer's name, when the conversation began; how it was told who is who, what was left out in metadata;
every message left out with its reason in the ledger.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from curation.core.text.folding import fold
from curation.core.text.lexicon import ARABIC_DIGITS, DIGITS, PERSIAN_DIGITS
from curation.ingest import chats
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.moments import read_moments
from curation.ingest.phones import (
    READ,
    begins_as_notice,
    behind_a_file,
    edited,
    is_notice,
    language_of_phone,
    written_by_app,
)
from curation.ingest.rows import Contents, RawRow

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PLAIN = str.maketrans(f"\u202f\xa0{ARABIC_DIGITS}{PERSIAN_DIGITS}", f"  {DIGITS}{DIGITS}")
HEAD_CHARACTERS = 80
_HEAD = re.compile(  # 31/12/2024, 9:15 PM - Sara: hello    [31/12/2024, 21:15:03] Sara: hello
    r"\[?(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4})[,،]?\s+(?:(?:à|às|um|alle|klo|kl\.|pukul|في) )?"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?\s*"
    r"(?P<half>a\.?\s?m\.?|p\.?\s?m\.?|ص|م|ق\.ظ\.?|ب\.ظ\.?)?\s*(?:\]|\s[-–])\s",
    re.IGNORECASE,
)
_SAID = re.compile(r"(?P<name>[^:\n]{1,60}):(?: (?P<text>.*)|$)", re.DOTALL)
_LONGER_NAME = re.compile(r"[^:\n]{1,60}: ")  # as in "Dr: Sam: hello"
APP_LINES = 200  # by which the language of the phone is told
OFTEN = 3  # messages from which on what they all begin with belongs to the name
_QUOTES = ("“”", "«»", "„“", '""')
_BY_APP = "\u200e"  # iOS puts it before what nobody typed
FIRST_YEAR = 2009  # of WhatsApp

# What the app puts in place of words, by its shape.
_ENDING = r"\.[a-z]\w{1,4}"
_IN_BRACKETS = re.compile(r"<[^\W\d_]+(?: [^\W\d_]+){1,5}\.?>")
_NAMED = r"<[^<>\n:]{3,25}:\s?[^<>\n]{1,200}\.\w{2,5}>"
_ATTACHED = re.compile(rf"{_NAMED}\s*|{_IN_BRACKETS.pattern}(?:\n|$)")
_ATTACHED_LAST = re.compile(rf"\s*{_NAMED}$")
_DOCUMENT = re.compile(r"[^\n]{1,200}\.\w{2,5}(?: •.*)?")  # as iOS names one that is not in the export
_FILE = re.compile(rf"(?P<file>[^\n]{{1,200}}{_ENDING}) \((?P<words>[^()\n]{{3,40}})\)(?:\n|$)", re.IGNORECASE)
_FILE_AFTER = re.compile(rf"(?P<words>[^\n]{{3,30}}) [^\s]+{_ENDING}(?:\n|$)", re.IGNORECASE)  # as in Persian
_OWN_FILE = re.compile(r"(?:IMG|VID|AUD|PTT|DOC|STK)-\d{8}-WA\d{4}", re.IGNORECASE)  # as WhatsApp calls what it saves
_PLACE = re.compile(
    r"(?:[^:\n]{3,30}: ?)?https?://(?:maps\.google\.com|maps\.app\.goo\.gl|(?:www\.)?google\.com/maps)\S*"
)
_POLL = re.compile(r"[^:\n]{3,20}:\n.+(?:\n[^:\n]{3,20}: .*\(\D{0,3}\d+ [^()\n]+\))+", re.DOTALL)
_EDITED = re.compile(r"\s*<(?P<words>[^<>\n]{8,60})>\s*$")


@dataclass
class Entry(chats.Entry):
    """A message or a notice of the app, with the lines it stands on."""

    written: str = ""  # date and time as they stand
    lines: list[str] = field(default_factory=list)
    unsaved: bool = False  # a number, or a name that somebody gave to himself
    ios: bool = False


def _misses(contents: Contents) -> str:
    lines = [row.value for row in contents.sample if isinstance(row.value, str)]
    first = next((line for line in lines if line.strip()), "")
    return "" if _head(first) else "no line of text that starts with a date, a time and a name"


@format_of("whatsapp", _misses, whole_file=True, chat=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """The chat, cut where nobody wrote for `silence_hours`; every line belongs to one of its conversations."""
    entries = _entries(contents.rows)
    language = language_of_phone(itertools.islice(_of_app(entries), APP_LINES))
    _words_of_people(entries)
    moments = read_moments([entry.written for entry in entries], forward=True, first_year=FIRST_YEAR)
    for entry, sent in zip(entries, moments.times, strict=True):
        entry.sent = sent
    yield from chats.conversations(_chat(entries, contents.name, language, contents.regulars), reading)


def speakers_of(lines: Iterable[str]) -> frozenset[str]:
    """Who says something in the first lines of a chat; nobody, where they are none of WhatsApp's."""
    rows = [RawRow(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    entries = _entries(rows) if rows and _head(rows[0].value) else []
    _words_of_people(entries)
    return chats.speakers(entries)


def _words_of_people(entries: Sequence[Entry]) -> None:
    _people_only(entries)
    for entry in entries:
        _without_marks(entry)


def _chat(entries: Sequence[Entry], file: str, language: str | None, regulars: frozenset[str]) -> chats.Chat:
    names = chats.speakers(entries)
    return chats.Chat(
        entries,
        title=file if _OF_WHATSAPP.search(fold(file)) else "",
        exporters=frozenset(name for name in names if fold(name) in _MYSELF),
        guests=frozenset(str(entry.name) for entry in entries if entry.unsaved),
        regulars=regulars,
        facts={} if language in (None, *READ) else {"phone_language": language},
    )


_OF_WHATSAPP = re.compile("whatsapp|واتس")
_MYSELF = frozenset(map(fold, "you|me|أنت|أنا|tú|vous|du|você|siz|anda|آپ|شما|вы|tu|jij".split("|")))


# -- lines -------------------------------------------------------------------------------------------------------------


def _entries(rows: Iterable[RawRow]) -> list[Entry]:
    """What was sent, with its lines; lines before the first, blank or broken ones are of the one they stand in."""
    entries: list[Entry] = []
    early: list[RawRow] = []
    last = 0
    for row in rows:
        if not row.fault:
            line = str(row.value)
            head = _head(line)
            if head:
                entries.append(_entry([*early, row], *head))
                early = []
            elif entries:
                entries[-1].rows.append(row)
                entries[-1].lines += [*[""] * (row.number - last - 1), line]
            else:
                early.append(row)
        last = row.number
    return entries or ([Entry(early, None)] if early else [])


def _head(line: str) -> tuple[re.Match[str], str] | None:
    """Date and time that a line starts with, and what follows them as it stands; None for a line that goes on."""
    start = line[:HEAD_CHARACTERS]
    if start.isascii():
        found = _HEAD.match(start)
        return (found, line[found.end() :]) if found else None
    found = _HEAD.match(_MARKS.sub("", start).translate(_PLAIN))
    if not found:
        return None
    shown = [place for place, character in enumerate(start) if not _MARKS.match(character)]
    return found, line[shown[found.end() - 1] + 1 :]


def _entry(rows: list[RawRow], head: re.Match[str], rest: str) -> Entry:
    clock = ":".join(filter(None, (head["hour"], head["minute"], head["second"])))
    half = "" if not head["half"] else " PM" if head["half"][0] in "pPمب" else " AM"
    written = f"{head['date']} {clock}{half}"
    ios = head[0].startswith("[")
    said = _SAID.fullmatch(rest)
    if said is None:
        return Entry(rows, None, written=written, lines=[rest], ios=ios)
    called = _MARKS.sub("", said["name"]).strip()
    unsaved = called.startswith("~") or bool(re.fullmatch(r"\+?[\d\s()-]{6,}", called))
    name = called.strip(" ~\u202f\xa0") or None
    text = said["text"] or ""
    return Entry(rows, name, written=written, lines=[text], unsaved=unsaved, ios=ios)


# -- notices are no people ---------------------------------------------------------------------------------------------


def _of_app(entries: Sequence[Entry]) -> Iterator[str]:
    """What can only be the app's, to tell its language by."""
    for entry in entries:
        first = _MARKS.sub("", entry.lines[0]) if entry.lines else ""
        if entry.name is None or entry.lines[0].startswith(_BY_APP) or first.endswith((">", ")")):
            yield first


def _people_only(entries: Sequence[Entry]) -> None:
    """Names that hold a colon become whole; a notice that holds one is nobody's name."""
    for name in [name for name, count in Counter(e.name for e in entries).items() if name and count >= OFTEN]:
        _name_with_colon([entry for entry in entries if entry.name == name])
    counted = Counter(entry.name for entry in entries if entry.name)
    for entry in entries:
        if entry.name and counted[entry.name] < OFTEN and _tells_of_group(entry.name, counted):
            entry.lines[0] = f"{entry.name}: {entry.lines[0]}"
            entry.name = None


def _name_with_colon(entries: Sequence[Entry]) -> None:
    begin = _LONGER_NAME.match(entries[0].lines[0])
    if begin and all(entry.lines[0].startswith(begin[0]) for entry in entries):
        for entry in entries:
            entry.name = f"{entry.name}: {begin[0][:-2]}"
            entry.lines[0] = entry.lines[0][begin.end() :]


def _tells_of_group(name: str, counted: Counter[str]) -> bool:
    """Whether what stands before a colon is no name: it opens a quote that it does not close, or says what was done."""
    if any(
        name.count(pair[0]) != name.count(pair[1]) or (pair[0] == pair[1] and name.count(pair[0]) % 2)
        for pair in _QUOTES
    ):
        return True
    done_by_somebody = len(name.split()) > 4 or any(name.startswith(f"{other} ") for other in (*counted, "You"))
    return begins_as_notice(name) or (done_by_somebody and is_notice(name))


# -- what was said without words ---------------------------------------------------------------------------------------


def _without_marks(entry: Entry) -> None:
    """The words of a message without the marks of attachments and edits, or what it is where it holds no words."""
    if entry.name is None:
        entry.unsaid = "notice"
        return
    written = "\n".join(entry.lines)
    whole, typed = _plain(written), entry.lines
    if _BY_APP in written:
        typed = [_typed(line) if _BY_APP in line else line for line in entry.lines]
    entry.text = _spoken(whole if typed is entry.lines else _plain("\n".join(typed)))
    if why := _in_place_of_words(whole):
        entry.unsaid = why
    elif not entry.text:
        entry.unsaid = "media"
    elif entry.ios and typed[0] and entry.lines[0].startswith(_BY_APP):
        entry.unsaid = "notice"
    elif len(entry.rows) > 1 and not _spoken(_plain(typed[0])):
        entry.left_out = {entry.rows[0].number: "media"}


def _plain(text: str) -> str:
    return text.strip() if text.isascii() else _MARKS.sub("", text).strip()


def _typed(line: str) -> str:
    """What somebody typed of a line: before the app's own words stands U+200E."""
    before, _, after = line.rpartition(_BY_APP)
    after = _plain(after)
    if not (_attachment(after) or written_by_app(after)):
        return line
    return "" if _DOCUMENT.fullmatch(_plain(before)) else before


def _in_place_of_words(text: str) -> str | None:
    if text == "null" or _IN_BRACKETS.fullmatch(text):
        return written_by_app(text) or "media"
    if "://" in text and _PLACE.fullmatch(text):
        return "place"
    return "poll" if "\n" in text and _POLL.fullmatch(text) else written_by_app(text)


def _attachment(text: str) -> re.Match[str] | None:
    """The mark of an attachment that a message starts with."""
    if text.startswith("<"):
        return _ATTACHED.match(text)
    found = _FILE.match(text) if ")" in text else None
    if found and (_OWN_FILE.search(found["file"]) or behind_a_file().fullmatch(fold(found["words"]))):
        return found
    found = None if text.isascii() else _FILE_AFTER.match(text)
    return found if found and behind_a_file().fullmatch(fold(found["words"])) else None


def _spoken(text: str) -> str:
    """The words of a message: without the marks of an edit, of a file, or of media left out."""
    mark = _EDITED.search(text) if text.endswith(">") else None
    if mark and edited().fullmatch(fold(mark["words"].strip(" ."))):
        text = text[: mark.start()].rstrip()
    if attached := _attachment(text):
        text = text[attached.end() :].strip()
    return _ATTACHED_LAST.sub("", text) if text.endswith(">") else text
