"""Ticket tables with one row a message: a ticket id, who wrote, and what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.conversation import message
from curation.ingest.containers import Contents, Row
from curation.ingest.formats import Messages, Outcome, Roles, UnreadableError, attempt, format_of, role_of, text_of
from curation.ingest.provenance import provenance

TICKET = ("ticket_id", "conversation_id", "thread_id", "case_id")
AUTHOR = ("author", "role", "sender", "from", "author_type")
BODY = ("body", "message", "text", "content")


def _column(contents: Contents, names: Sequence[str]) -> str | None:
    return next((column for column in contents.columns if column.lower() in names), None)


def _recognises(contents: Contents) -> bool:
    return all(_column(contents, names) for names in (TICKET, AUTHOR, BODY))


@format_of("tickets_csv", _recognises)
def read(contents: Contents, roles: Roles) -> Iterator[Outcome]:
    """Groups messages by ticket in file order; a ticket with one unreadable message is unreadable as a whole."""
    ticket, author, body = (_column(contents, names) or "" for names in (TICKET, AUTHOR, BODY))
    tickets: dict[str, list[Row]] = {}
    for row in contents.rows:
        name = (row.value or {}).get(ticket)
        if name is not None:
            tickets.setdefault(str(name), []).append(row)
        elif not row.fault:
            yield Outcome([row], reason=f"{ticket} is empty, so the message belongs to no ticket; fill it in")

    for name, rows in tickets.items():

        def conversation(name: str = name, rows: Sequence[Row] = rows) -> tuple[Messages, Mapping[str, Any]]:
            messages = [_message(row, author, body, roles) for row in rows]
            return messages, provenance([row.value for row in rows], {ticket, author, body, "id"}, source_id=name)

        yield attempt(rows, conversation)


def _message(row: Row, author: str, body: str, roles: Roles) -> dict[str, Any]:
    try:
        if row.fault:
            raise UnreadableError(row.fault)
        return message(role_of(row.value[author], roles), text_of(row.value[body], "it"))
    except UnreadableError as error:
        raise UnreadableError(f"the message in row {row.number}: {error}") from None
