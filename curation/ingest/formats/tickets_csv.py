"""Tickets with one row a message, wherever it stands in the file: a ticket id, who wrote (`author`, `role`, `sender`,
`from`, ...), what (`body`, `message`, `text`, `content`, ...). Ordered by time where every row tells it; internal notes
(`public`, `is_internal`, `private`, ...) are left out.

Keeps: id, label, customer of the ticket and its first time; other columns of its first row that has them in metadata;
which rows are left out and why in the ledger.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from curation.core.record.conversation import ROLES, message
from curation.core.record.times import ORDER_UNSURE, TIMES_UNREAD
from curation.ingest.desks import BOT, NOTE, bots_apart, is_bot_name
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
from curation.ingest.moments import is_blank, read_moments
from curation.ingest.order import in_order, is_newest_first
from curation.ingest.provenance import ALIASES, provenance, with_metadata
from curation.ingest.rows import Contents, RawRow

TICKET = ("ticket_id", "conversation_id", "thread_id", "case_id", "chat_id", "رقم_التذكرة", "رقم_المحادثة")
AUTHOR = ("author", "role", "sender", "from", "author_type", "sender_type", "author_role", "direction", "المرسل")
BODY = ("body", "message", "text", "content", "comment", "html_body", "الرسالة", "النص")
PUBLIC = ("public", "is_public")
INTERNAL = ("internal", "is_internal", "private", "is_private", "internal_note", "is_note")
NO = ("", "0", "0.0", "false", "no", "n", "f", "none", "null", "لا", "خطأ")


@format_of("tickets_csv", lambda contents: lacks(contents, TICKET, AUTHOR, BODY), mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Groups messages by ticket, in the order of their times or else of the file; internal notes are left out.

    A ticket with one unreadable message is unreadable as a whole.
    """
    ticket, body = (field_of(contents, names) or "" for names in (TICKET, BODY))
    author = _author(contents, reading.roles)
    public, internal, written = (field_of(contents, names) for names in (PUBLIC, INTERNAL, ALIASES["created_at"]))
    table = MessageTable(
        ticket,
        body,
        written,
        used=(ticket, author, body, public or "", internal or "", "id"),
        role=lambda row: role_of(row[author], reading.roles),
        is_note=lambda row: _is_note(row, public, internal),
        speaker=author,
        reading=reading,
    )
    return table.conversations(contents.rows)


@dataclass(frozen=True)
class MessageTable:
    """How a table with one row a message is read."""

    ticket: str  # the column that tells conversations apart
    body: str
    written: str | None  # of times
    used: Sequence[str]  # columns that are read, so that they are no metadata
    role: Callable[[Mapping[str, Any]], str]
    is_note: Callable[[Mapping[str, Any]], bool]  # whether no customer has read it
    speaker: str  # the column of who wrote, by which bots are told
    reading: Reading
    known: Mapping[str, str] = field(default_factory=dict)  # of the record -> the column that tells it

    def conversations(self, rows: Iterable[RawRow]) -> Iterator[Outcome]:
        """The messages of each ticket, wherever they stand."""
        tickets: dict[str, list[RawRow]] = {}
        for row in rows:
            name = row.value.get(self.ticket) if isinstance(row.value, dict) else None
            if name is not None and str(name).strip():
                tickets.setdefault(str(name), []).append(row)
            elif not row.fault:
                yield Outcome([row], reason=f"{self.ticket} is empty, so the message belongs to no ticket; fill it in")
        times = _Times(tickets, self.written)
        for name, of_ticket in tickets.items():
            notes = [row.number for row in of_ticket if not row.fault and self.is_note(row.value)]
            left_out = dict.fromkeys(notes, NOTE)
            outcome = attempt(of_ticket, partial(self._conversation, name, of_ticket, times, left_out))
            yield replace(outcome, left_out=left_out)

    def _conversation(
        self, name: str, rows: Sequence[RawRow], times: "_Times", left_out: dict[int, str]
    ) -> tuple[Messages, Mapping[str, Any]]:
        """The conversation; what bots wrote joins the rows that are `left_out`."""
        spoken = [row for row in times.ordered(rows) if row.number not in left_out]
        if not spoken:
            raise UnreadableError("the ticket has no message but internal notes")
        messages = [self._message(row) for row in spoken]
        apart, counted = bots_apart(messages, [row.value.get(self.speaker) for row in spoken], self.reading)
        if counted:
            left_out |= {row.number: BOT for row in spoken if is_bot_name(row.value.get(self.speaker))}
        known = {column: _first(spoken, of) for column, of in self.known.items()}
        used = [*self.used, *self.known.values()]
        return apart, with_metadata(times.provenance(spoken, used, {"source_id": name, **known}), **counted)

    def _message(self, row: RawRow) -> dict[str, Any]:
        try:
            if row.fault:
                raise UnreadableError(row.fault)
            return message(self.role(row.value), text_of(row.value[self.body], "it"))
        except UnreadableError as error:
            raise UnreadableError(f"the message in row {row.number}: {error}") from None


def _first(rows: Sequence[RawRow], column: str) -> Any:
    return next((row.value[column] for row in rows if row.value.get(column) not in (None, "")), None)


def _author(contents: Contents, roles: Roles) -> str:
    """The field that tells the side of the writer; others hold names."""
    found = [field for name in AUTHOR if (field := field_of(contents, [name]))]
    known = {*ROLES, *roles}
    sides = [f for f in found if any(str(value).strip().lower() in known for value in first_values(contents, f))]
    return (sides or found or [""])[0]


class _Times:
    """The column of times of a file, read as one."""

    def __init__(self, tickets: Mapping[str, Sequence[RawRow]], written: str | None) -> None:
        self.written = written
        rows = [row for of_ticket in tickets.values() for row in of_ticket] if written else []
        self.column = read_moments([row.value.get(written) for row in rows])
        self.place = {row.number: place for place, row in enumerate(rows)}
        self.newest_first = self._newest_first(tickets.values()) if written else False

    def _newest_first(self, tickets: Iterable[Sequence[RawRow]]) -> bool:
        """Whether more tickets of the file stand newest first than oldest first."""
        times = [[time for time in self._of(rows, self.column.times) if time] for rows in tickets]
        found = Counter((is_newest_first(t), is_newest_first(t[::-1])) for t in times)
        return found[True, False] > found[False, True]

    def _of(self, rows: Sequence[RawRow], times: Sequence[datetime | None]) -> list[datetime | None]:
        return [times[self.place[row.number]] for row in rows]

    def ordered(self, rows: Sequence[RawRow]) -> Sequence[RawRow]:
        """The rows by when they were written, where all tell it: many exports have the newest first.

        As they stand where 3/4 and 4/3 tell different things.
        """
        if not self.written or not self._orders_agree(rows):
            return rows
        return in_order(rows, self._of(rows, self.column.times), newest_first=self.newest_first)

    def _readings(self) -> list[Sequence[datetime | None]]:
        return [times for times in (self.column.times, self.column.else_times) if times is not None]

    def _orders_agree(self, rows: Sequence[RawRow]) -> bool:
        places = range(len(rows))
        orders = [in_order(places, self._of(rows, times), newest_first=self.newest_first) for times in self._readings()]
        return len(orders) == 1 or all(list(order) == list(orders[0]) for order in orders)

    def provenance(self, spoken: Sequence[RawRow], used: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
        """Where the ticket came from; in metadata what is wrong with its times."""
        values = [row.value for row in spoken]
        if not self.written:
            return provenance(values, used, **known)
        times = [time for time in self._of(spoken, self.column.times) if time]
        doubt = self._doubt(spoken)
        if doubt or not times:
            return with_metadata(provenance(values, used, **known), **{TIMES_UNREAD: doubt})
        return provenance(values, [*used, self.written], created_at=min(times), **known)

    def _doubt(self, rows: Sequence[RawRow]) -> str:
        """What is wrong with the times of a ticket, and whether the order of its messages hangs on it."""
        said = [row.value.get(self.written) for row in rows]
        readings = [self._of(rows, times) for times in self._readings()]
        unread = any(time is None and not is_blank(value) for time, value in zip(readings[0], said, strict=True))
        some = any(readings[0]) and not all(readings[0])
        if not unread and not some and all(times == readings[0] for times in readings):
            return ""
        why = self.column.problem() if unread or not some else "some messages have none"
        sure = len(rows) == 1 or (not unread and not some and self._orders_agree(rows))
        return f"{self.written}: {why}{'' if sure else f'; {ORDER_UNSURE}'}"


def _is_note(value: Mapping[str, Any], public: str | None, internal: str | None) -> bool:
    shown = public is None or value.get(public) is None or is_true(value[public])
    return not shown or (internal is not None and is_true(value.get(internal)))


def is_true(value: Any) -> bool:
    """Whether a cell says yes, in whatever way."""
    return str(value).strip().lower() not in NO
