"""Tickets with one row a message, wherever it stands in the file: a ticket id, who wrote (`author`, `role`, `sender`,
`from`, ...), what (`body`, `message`, `text`, `content`, ...). Ordered by time where every row tells it; internal notes
(`public`, `is_internal`, `private`, ...) are left out.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from curation.ingest.desks import bots_apart
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    attempt,
    field_of,
    first_values,
    format_of,
    lacks,
    role_of,
    text_of,
)
from curation.ingest.moments import moment
from curation.ingest.provenance import ALIASES, provenance
from curation.ingest.rows import Contents, RawRow
from curation.record.conversation import ROLES, message

TICKET = ("ticket_id", "conversation_id", "thread_id", "case_id", "chat_id", "رقم_التذكرة", "رقم_المحادثة")
AUTHOR = ("author", "role", "sender", "from", "author_type", "sender_type", "author_role", "direction", "المرسل")
BODY = ("body", "message", "text", "content", "comment", "html_body", "الرسالة", "النص")
PUBLIC = ("public", "is_public")
INTERNAL = ("internal", "is_internal", "private", "is_private", "internal_note", "is_note")
NO = ("", "0", "0.0", "false", "no", "n", "f", "none", "null")


@format_of("tickets_csv", lambda contents: lacks(contents, TICKET, AUTHOR, BODY), mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Groups messages by ticket, in the order of their times or else of the file; internal notes are left out.

    A ticket with one unreadable message is unreadable as a whole.
    """
    ticket, body = (field_of(contents, names) or "" for names in (TICKET, BODY))
    author = _author(contents, reading.roles)
    public, internal, written = (field_of(contents, names) for names in (PUBLIC, INTERNAL, ALIASES["created_at"]))
    tickets: dict[str, list[RawRow]] = {}
    for row in contents.rows:
        name = row.value.get(ticket) if isinstance(row.value, dict) else None
        if name is not None and str(name).strip():
            tickets.setdefault(str(name), []).append(row)
        elif not row.fault:
            yield Outcome([row], reason=f"{ticket} is empty, so the message belongs to no ticket; fill it in")

    for name, rows in tickets.items():

        def conversation(name: str = name, rows: Sequence[RawRow] = rows) -> tuple[Messages, Mapping[str, Any]]:
            ordered = _by_time(rows, written)
            spoken = [row for row in ordered if row.fault or not _is_note(row.value, public, internal)]
            if not spoken:
                raise UnreadableError("the ticket has no message but internal notes")
            used = [ticket, author, body, public or "", internal or "", "id"]
            messages = [_message(row, author, body, reading.roles) for row in spoken]
            apart, counted = bots_apart(messages, [row.value.get(author) for row in spoken], reading)
            return apart, provenance([*(row.value for row in spoken), counted], used, source_id=name)

        yield attempt(rows, conversation)


def _author(contents: Contents, roles: Roles) -> str:
    """The field that tells the side of the writer; others hold names."""
    found = [field for name in AUTHOR if (field := field_of(contents, [name]))]
    known = {*ROLES, *roles}
    sides = [f for f in found if any(str(value).strip().lower() in known for value in first_values(contents, f))]
    return (sides or found or [""])[0]


def _by_time(rows: Sequence[RawRow], written: str | None) -> Sequence[RawRow]:
    """The rows by when they were written, where all tell it: many exports have the newest first."""
    said = [row.value.get(written) for row in rows] if written else [None]
    orders = set()
    for read in (moment, partial(_slashed, day="%d/%m/%Y"), partial(_slashed, day="%m/%d/%Y")):
        times = [time for value in said if (time := read(value)) is not None]
        if len(times) == len(rows):
            orders.add(tuple(sorted(range(len(rows)), key=times.__getitem__)))
    if len(orders) != 1:  # nothing tells, or 3/4 and 4/3 tell different things
        return rows
    return [rows[place] for place in orders.pop()]


def _slashed(value: Any, day: str) -> datetime | None:
    """31/12/2024 22:15 and the like, with dots or dashes as well, which no standard reads."""
    text = " ".join(re.sub(r"[.-]", "/", str(value)).replace(",", " ").upper().split())
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"):
        with contextlib.suppress(ValueError):
            return datetime.strptime(text, day + clock)
    return None


def _is_note(value: Mapping[str, Any], public: str | None, internal: str | None) -> bool:
    shown = public is None or str(value.get(public)).strip().lower() not in NO or value.get(public) is None
    return not shown or (internal is not None and str(value.get(internal)).strip().lower() not in NO)


def _message(row: RawRow, author: str, body: str, roles: Roles) -> dict[str, Any]:
    try:
        if row.fault:
            raise UnreadableError(row.fault)
        return message(role_of(row.value[author], roles), text_of(row.value[body], "it"))
    except UnreadableError as error:
        raise UnreadableError(f"the message in row {row.number}: {error}") from None
