"""Ticket tables with one row a message: a ticket id, who wrote, and what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.conversation import message
from curation.ingest.containers import Contents, Row
from curation.ingest.formats import Messages, Outcome, Roles, UnreadableError, attempt, format_of, provenance, role_of

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
    tickets: dict[Any, list[Row]] = {}
    for row in contents.rows:
        if row.value[ticket] is None:
            yield Outcome([row], reason=f"{ticket} is empty, so the message belongs to no ticket; fill it in")
        else:
            tickets.setdefault(row.value[ticket], []).append(row)

    for rows in tickets.values():

        def conversation(rows: Sequence[Row] = rows) -> tuple[Messages, Mapping[str, Any]]:
            return [_message(row, author, body, roles) for row in rows], provenance(rows[0].value, {author, body})

        yield attempt(rows, conversation)


def _message(row: Row, author: str, body: str, roles: Roles) -> dict[str, Any]:
    try:
        return message(role_of(row.value[author], roles), row.value[body] or "")
    except UnreadableError as error:
        raise UnreadableError(f"the message in row {row.number}: {error}") from None
