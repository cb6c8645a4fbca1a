"""WhatsApp's text exports of a chat, by Android or iOS, English or Arabic, 12 or 24 hours, day or month first, messages
on one or several lines. A silence of `ingest.silence_hours` starts a new conversation; media, deleted messages and
notices are left out and counted in metadata.

Who is who is told by `ingest.roles`, which maps display names (in lower case). Where it maps nobody of a chat, whoever
speaks first is taken for the customer and everybody else for the team; metadata says so. Times have no zone: UTC.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from curation.ingest.formats import Outcome, Reading, Roles, format_of, speaker_role
from curation.ingest.moments import read_moments
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents, RawRow
from curation.record.conversation import message
from curation.text.lexicon import ARABIC_DIGITS, DIGITS, PERSIAN_DIGITS

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PLAIN = str.maketrans(f"\u202f\xa0{ARABIC_DIGITS}{PERSIAN_DIGITS}", f"  {DIGITS}{DIGITS}")
HEAD_CHARACTERS = 80
_HEAD = re.compile(  # 31/12/2024, 9:15 PM - Sara: hello    [31/12/2024, 21:15:03] Sara: hello
    r"\[?(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4})[,،]?\s+"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?\s*(?P<half>a\.?\s?m\.?|p\.?\s?m\.?|ص|م)?\s*(?:\]|\s[-–])\s",
    re.IGNORECASE,
)
_SAID = re.compile(r"(?P<name>[^:\n]{1,60}): ?(?P<text>.*)", re.DOTALL)
_NO_TEXT = re.compile(  # in place of media, deleted messages and calls
    r"<(?:media omitted|attached: .*|تم استبعاد الوسائط|الوسائط غير مدرجة|المرفق: .*)>|"
    r"(?:image|video|audio|sticker|gif|document|contact card) omitted|.*\.\w{3,4} \((?:file attached|الملف مرفق)\)|"
    r"(?:this message was deleted|you deleted this message|تم حذف هذه الرسالة|(?:لقد )?حذفت هذه الرسالة)\.?|"
    r"(?:missed (?:voice|video) call|مكالمة (?:صوتية|فيديو) فائتة).*|(?-i:null)|"
    r"messages and calls are end-to-end encrypted.*|الرسائل والمكالمات مشفرة تمامًا.*",
    re.IGNORECASE | re.DOTALL,
)
_EDITED = re.compile(r"\s*<(?:this message was edited|تم تعديل هذه الرسالة)>\s*$", re.IGNORECASE)
_BY_APP = "\u200e"  # iOS puts it before what nobody typed
FIRST_YEAR = 2009  # of WhatsApp


@dataclass
class Entry:
    """A message or a notice of the app, with the lines it stands on."""

    rows: list[RawRow]
    sent: str  # date and time
    name: str | None  # None: a notice
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        return _EDITED.sub("", "\n".join(self.lines)).strip()

    def spoken(self) -> bool:
        return self.name is not None and bool(self.text()) and not _NO_TEXT.fullmatch(_MARKS.sub("", self.text()))


def _misses(contents: Contents) -> str:
    lines = [row.value for row in contents.sample if isinstance(row.value, str)]
    first = next((line for line in lines if line.strip()), "")
    return "" if _head(first) else "no line of text that starts with a date, a time and a name"


@format_of("whatsapp", _misses, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """The chat, cut where nobody wrote for `silence_hours`; every line belongs to one of its conversations."""
    entries = _entries(contents.rows)
    moments = read_moments([entry.sent for entry in entries], forward=True, first_year=FIRST_YEAR).times
    roles, assumed = _roles_of(entries, reading.roles)
    start = 0
    for end in [*_cuts(entries, moments, timedelta(hours=reading.silence_hours)), len(entries)]:
        if end > start:
            yield _conversation(entries[start:end], moments[start], roles, assumed)
        start = end


def _entries(rows: Iterable[RawRow]) -> list[Entry]:
    """What was sent, with its lines; lines before the first, blank or broken ones are of the one they stand in."""
    entries: list[Entry] = []
    early: list[RawRow] = []
    for row in rows:
        if row.fault:
            continue
        line = str(row.value)
        head = _head(line)
        if head:
            entries.append(_entry([*early, row], *head))
            early = []
        elif entries:
            entries[-1].rows.append(row)
            entries[-1].lines.append(line)
        else:
            early.append(row)
    return entries or ([Entry(early, "", None)] if early else [])


def _head(line: str) -> tuple[re.Match[str], str] | None:
    """Date and time that a line starts with, and what follows them as it stands; None for a line that goes on."""
    start = line[:HEAD_CHARACTERS]
    found = _HEAD.match(_MARKS.sub("", start).translate(_PLAIN))
    if not found:
        return None
    shown = [place for place, character in enumerate(start) if not _MARKS.match(character)]
    return found, line[shown[found.end() - 1] + 1 :]


def _entry(rows: list[RawRow], head: re.Match[str], rest: str) -> Entry:
    half = (head["half"] or "")[:1]
    clock = ":".join(filter(None, (head["hour"], head["minute"], head["second"])))
    sent = f"{head['date']} {clock} {f'{half}m' if half in 'apAP' else half}" if half else f"{head['date']} {clock}"
    said = _SAID.fullmatch(rest)
    if said is None:
        return Entry(rows, sent, None, [rest])
    text = "" if said["text"].startswith(_BY_APP) else said["text"]
    return Entry(rows, sent, _MARKS.sub("", said["name"]).strip(" ~\u202f"), [text])


def _cuts(entries: Sequence[Entry], moments: Sequence[datetime | None], silence: timedelta) -> Iterator[int]:
    """Where a message comes after a long silence."""
    last = None
    for place, (entry, moment) in enumerate(zip(entries, moments, strict=True)):
        if moment and entry.spoken():
            if last and moment - last > silence:
                yield place
            last = moment


# -- people ------------------------------------------------------------------------------------------------------------


def _roles_of(entries: Sequence[Entry], roles: Roles) -> tuple[dict[str, str], bool]:
    """The role of everybody who speaks, and whether it was assumed because nobody is mapped."""
    names = list(dict.fromkeys(entry.name for entry in entries if entry.name and entry.spoken()))
    known = {name: role for name in names if (role := speaker_role(name, roles))}
    if not known and names:
        known = {names[0]: "user"}
        return {name: known.get(name, "assistant") for name in names}, True
    others = "assistant" if "user" in known.values() else "user"
    return {name: known.get(name, others) for name in names}, False


def _conversation(entries: Sequence[Entry], began: datetime | None, roles: dict[str, str], assumed: bool) -> Outcome:
    rows = [row for entry in entries for row in entry.rows]
    spoken = [entry for entry in entries if entry.spoken()]
    if not spoken:
        return Outcome(rows, reason="nobody says anything in this chat but media and notices")
    found: dict[str, Any] = {"created_at": began}
    if left_out := sum(entry.name is not None for entry in entries) - len(spoken):
        found["messages_without_text"] = left_out
    if assumed:
        found["roles_assumed"] = "who spoke first is taken for the customer; map names in params.yaml: ingest.roles"
    customer = next((entry.name for entry in spoken if roles[str(entry.name)] == "user"), None)
    messages = [message(roles[str(entry.name)], entry.text()) for entry in spoken]
    return Outcome(rows, messages, provenance([found], (), customer=customer))
