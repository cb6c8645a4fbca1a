"""Files of mails: one mail (eml), or a mailbox of many (mbox), each mail a row.

A row's value is what the mail says of itself: message_id, in_reply_to, references, thread (Gmail's), subject, date (ISO
8601), from, to, cc and bcc (lists of addresses), automatic (why nobody typed it), attachments (their names), and
its text, or html where it has no text.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation.ingest.encodings import CODECS, encoding_of
from curation.ingest.rows import EML, Chunk, Given, Opened, RawRow, shown, too_long
from curation.ingest.unpacking import SizeLimits, TornError

if TYPE_CHECKING:
    from email.message import EmailMessage, Message

_SEPARATOR = re.compile(rb"^From [^\n]*\d\d:\d\d[^\n]*\n", re.MULTILINE)  # "From a@x.example Mon Jan  5 10:15:00 2026"
_ASCTIME = re.compile(rb" [A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d .*\d{4}$", re.MULTILINE)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
_TELLING = re.compile(rb"^(?:Message-ID|MIME-Version|Received|Return-Path|Delivered-To):", re.MULTILINE | re.IGNORECASE)
MAILBOX_PIECE = 64  # mails handed to a process at a time
UNREADABLE = (
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)  # what Python's parser raises on broken mails
LONGEST_HEADER = 2_000  # characters that Python's parser is given, which takes the square of them
BROKEN = "the mail cannot be understood ({}); export it again"


def is_mailbox(head: bytes) -> bool:
    """Whether a file begins as an mbox does."""
    return bool(_SEPARATOR.match(head.replace(b"\r\n", b"\n")))


def is_mail(head: bytes) -> bool:
    """Whether a file begins with the headers of a mail."""
    head = head[: 2**16].replace(b"\r\n", b"\n")
    headers, place = 0, 0
    while found := _HEADER.match(head, place):
        headers, place = headers + 1, found.end()
    block = head[:place]
    return headers > 2 and b"From:" in block and bool(_TELLING.search(block))


def mails(container: str, stream: Iterator[bytes], limits: SizeLimits) -> Opened:
    """The mails of a file."""
    return Opened(container, _one(stream, limits) if container == EML else _many(stream, limits))


def _one(stream: Iterator[bytes], limits: SizeLimits) -> Iterator[Chunk]:
    held = bytearray()
    try:
        for block in stream:
            held += block
            if len(held) > limits.row_bytes:
                yield Given([too_long(1, bytes(held), limits)])
                return
    except TornError as error:
        yield Given([RawRow(1, None, str(error), shown(bytes(held)))])
        return
    yield Mails(1, [bytes(held)], limits)


def _many(stream: Iterator[bytes], limits: SizeLimits) -> Iterator[Chunk]:
    """The mails between lines that start with "From " and hold a time; others are somebody's words."""
    number, held = 1, b""
    try:
        for block in stream:
            held = (held + block).replace(b"\r\n", b"\n")
            starts = [found.start() for found in _SEPARATOR.finditer(held) if _begins(held, found)]
            texts = [
                held[start:end] for start, end in zip([0, *starts], starts, strict=False) if held[start:end].strip()
            ]
            for place in range(0, len(texts), MAILBOX_PIECE):
                yield Mails(number + place, texts[place : place + MAILBOX_PIECE], limits)
            number += len(texts)
            held = held[starts[-1] :] if starts else held
            if len(held) > limits.row_bytes:
                yield Given([too_long(number, held, limits)])
                return
    except TornError as error:
        yield Given([RawRow(number, None, str(error), shown(held))])
        return
    if held.strip():
        yield Mails(number, [held], limits)


def _begins(held: bytes, found: re.Match[bytes]) -> bool:
    """Whether a line that looks like a separator is one: below an empty line, or with a date as programs write it."""
    start = found.start()
    return not start or held.endswith(b"\n\n", 0, start) or bool(_ASCTIME.search(found[0]))


@dataclass(frozen=True)
class Mails:
    """Some mails, as they stand in the file."""

    first: int
    texts: Sequence[bytes]
    limits: SizeLimits

    def rows(self) -> Iterator[RawRow]:
        for number, text in enumerate(self.texts, self.first):
            yield too_long(number, text, self.limits) if len(text) > self.limits.row_bytes else mail_row(number, text)

    def count(self) -> int:
        return len(self.texts)


# -- one mail ----------------------------------------------------------------------------------------------------------


def mail_row(number: int, data: bytes) -> RawRow:
    """The row of one mail; what cannot be understood carries a fault."""
    from email import message_from_bytes, policy

    text = data
    if found := _SEPARATOR.match(data):
        text = _ESCAPED.sub(rb"\1", data[found.end() :])
    try:
        mail = message_from_bytes(text, policy=policy.default)
        value = _value(mail)
    except UNREADABLE as error:
        return RawRow(number, None, BROKEN.format(type(error).__name__), shown(data))
    if not value["from"]:
        return RawRow(number, value, "the mail does not say who wrote it (From); export it again", shown(data))
    return RawRow(number, value, raw=shown(data))


def _value(mail: "EmailMessage") -> dict[str, Any]:
    value = {
        "message_id": _ids(mail, "Message-ID")[:1],
        "in_reply_to": _ids(mail, "In-Reply-To")[:1],
        "references": _ids(mail, "References"),
        "thread": _header(mail, "X-GM-THRID"),
        "subject": _header(mail, "Subject"),
        "date": _date(mail),
        **{name: _people(mail, name) for name in ("from", "to", "cc", "bcc")},
        "automatic": _automatic(mail),
        "attachments": [_filename(part) for part in mail.iter_attachments()] if mail.is_multipart() else [],
    }
    return value | _body(mail)


def _header(mail: "EmailMessage", name: str) -> str:
    """A header as people read it, "" where there is none; one that no program should have sent as it stands."""
    raw = next((str(value) for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    if not raw.isascii():
        return " ".join(_decoded(raw.encode("utf-8", "surrogateescape"), "utf-8").split())
    if len(raw) > LONGEST_HEADER:
        return " ".join(raw.split())
    try:
        return " ".join(str(mail.get(name, "")).split())
    except UNREADABLE:
        return " ".join(raw.split())


def _ids(mail: "EmailMessage", name: str) -> list[str]:
    return re.findall(r"<[^<>\s]+>", _header(mail, name))


def _people(mail: "EmailMessage", name: str) -> list[str]:
    """The addresses of a header, in lower case, without the names beside them."""
    unnamed = re.sub(r'"[^"]*"', " ", _header(mail, name))
    return [word.lower() for word in re.split(r"[\s<>,;:()\[\]]+", unnamed) if "@" in word[1:-1]]


def _date(mail: "EmailMessage") -> str | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(_header(mail, "Date")).isoformat()
    except (TypeError, ValueError, OverflowError):
        return _header(mail, "Date") or None


_DAEMONS = re.compile(r"(?:mailer-daemon|postmaster|no-?reply-bounces?)@", re.IGNORECASE)
_AWAY = re.compile(  # how subjects of answers by programs start
    r"(?:(?:out of (?:the )?office|auto(?:matic)?[ -]?(?:reply|response)|undeliverable|رد تلقائي|الرد التلقائي|"
    r"خارج المكتب|تعذر التسليم) ?[:：]|undelivered mail returned|delivery status notification)",
    re.IGNORECASE,
)


def _automatic(mail: "EmailMessage") -> str:
    """Why nobody typed the mail: RFC 3834 and what programs wrote before it; "" for a person's."""
    sent = _header(mail, "From")
    if _DAEMONS.search(sent) or mail.get_content_type() == "multipart/report" or _header(mail, "Return-Path") == "<>":
        return "bounce"
    told = _header(mail, "Auto-Submitted").lower()
    replied = told not in ("", "no") or _header(mail, "X-Autoreply") or _header(mail, "X-Autorespond")
    away = _header(mail, "Precedence").lower() == "auto_reply" or _AWAY.match(_header(mail, "Subject"))
    return "automatic mail" if replied or away else ""


def _filename(part: "Message") -> str:
    return str(part.get_filename() or part.get_content_type())


def _body(mail: "EmailMessage") -> dict[str, str]:
    """The text of the mail, or its HTML where it has none that says anything."""
    for kind, field in (("plain", "text"), ("html", "html")):
        part = mail.get_body(preferencelist=(kind,))
        if part is not None and (text := _text(part)).strip():
            return {field: text}
    return {"text": ""}


def _text(part: "Message") -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        raise ValueError("no text where one was announced")
    text = _decoded(payload, part.get_content_charset() or "utf-8").replace("\r\n", "\n")
    return _unflowed(text) if part.get_param("format") == "flowed" else text


def _decoded(data: bytes, charset: str) -> str:
    """A text in the encoding that its mail names, or else in what its bytes are; the last resort marks what is lost."""
    for name in (charset, "utf-8"):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            return data.decode(name)
    found = encoding_of([data])
    return data.decode(CODECS.get(found, found), "replace")


def _unflowed(text: str) -> str:
    """Paragraphs in one line, which format=flowed (RFC 3676) breaks after a space."""
    return re.sub(r"^(?!-- $)(?!>)([^\n]*[^\n ]) \n(?![>\n ]|-- \n)", r"\1 ", text, flags=re.MULTILINE)
