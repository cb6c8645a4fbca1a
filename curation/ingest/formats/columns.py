"""Any other table, by `ingest.columns` in params.yaml, which says what its columns are: the ticket, the side (a name or
a value such as `false` of a column `incoming`), the text, the time, what is internal; or a text and its answer in one
row.

Keeps: the customer, the label and the time that the map names; every other column in metadata.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from curation.core.record.conversation import message
from curation.core.record.times import TIMES_UNREAD
from curation.harness.errors import QiratError
from curation.ingest.formats import (
    Columns,
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    each_row,
    format_of,
    role_of,
    text_of,
)
from curation.ingest.formats.tickets_csv import MessageTable, is_true
from curation.ingest.moments import is_blank, read_moments
from curation.ingest.provenance import provenance, with_metadata
from curation.ingest.rows import Contents, RawRow

CURE = "say in params.yaml: ingest.columns: team_is what it holds where the team wrote"


@format_of("columns", lambda _: "no entry for it in params.yaml: ingest.columns", mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """Conversations out of a table by what params say of its columns. QiratError: it has no such column."""
    columns = reading.columns_for(contents.name)
    if columns is None:
        raise QiratError(f"params.yaml: ingest.columns names no columns of {contents.name}")
    _assert_there(columns, contents)
    known = {kind: name for kind, name in columns.named().items() if kind in ("customer", "label")}
    if columns.answer is not None:
        return _exchanges(contents.rows, columns, known)
    table = MessageTable(
        str(columns.ticket),
        columns.text,
        columns.time,
        used=[name for kind, name in columns.named().items() if kind != "time"],
        role=lambda row: _role(row.get(str(columns.side)), columns, reading.roles),
        is_note=lambda row: bool(columns.internal) and _is(row.get(str(columns.internal)), columns.internal_is),
        speaker=str(columns.side),
        reading=reading,
        known=known,
    )
    return table.conversations(contents.rows)


def _assert_there(columns: Columns, contents: Contents) -> None:
    there = list(contents.columns) or list(
        dict.fromkeys(key for row in contents.sample if isinstance(row.value, dict) for key in row.value)
    )
    for kind, name in columns.named().items():
        if there and name not in there:
            raise QiratError(
                f'params.yaml: ingest.columns: {kind} is "{name}", but {contents.name} has the columns '
                f"{', '.join(map(str, there))}"
            )


def _role(value: Any, columns: Columns, roles: Roles) -> str:
    if value is None or not str(value).strip():
        raise UnreadableError(f"{columns.side} is empty, so nobody knows who wrote it; fill it in")
    if columns.team_is is not None:
        return "assistant" if _is(value, columns.team_is) else "user"
    try:
        return role_of(value, roles)
    except UnreadableError as error:
        raise UnreadableError(f"{error}, or {CURE}") from None


def _is(value: Any, wanted: str | bool | int) -> bool:
    """Whether a cell holds a value that params name; yes and no in whatever way."""
    if isinstance(wanted, bool):
        return value is not None and is_true(value) == wanted
    return str(value).strip().lower().removesuffix(".0") == str(wanted).strip().lower()


def _exchange(row: Mapping[str, Any], columns: Columns) -> Messages:
    said, answer = (text_of(row.get(name), name) for name in (columns.text, str(columns.answer)))
    for name, text in ((columns.text, said), (columns.answer, answer)):
        if not text.strip():
            raise UnreadableError(f"{name} is empty")
    return [message("user", said), message("assistant", answer)]


def _exchanges(rows: Iterable[RawRow], columns: Columns, known: Mapping[str, str]) -> Iterator[Outcome]:
    """One conversation a row; the column of times is read as one."""
    kept = list(rows)
    values = [row.value.get(columns.time) if isinstance(row.value, dict) else None for row in kept]
    moments = read_moments(values)
    used = [name for kind, name in columns.named().items() if kind != "time"]
    sure = moments.times if moments.else_times is None else [None] * len(kept)
    time_of = {row.number: time for row, time in zip(kept, sure, strict=True)}
    for outcome in each_row(kept, lambda row: (_exchange(row, columns), {})):
        row = outcome.rows[0]
        if outcome.messages:
            time, said = time_of[row.number], row.value.get(columns.time)
            told = {kind: row.value.get(name) for kind, name in known.items()}
            read = [str(columns.time)] if time else []
            found = provenance([row.value], [*used, *read], created_at=time, **told)
            unread = "" if time or is_blank(said) else f"{columns.time}: {moments.problem()}"
            outcome = replace(outcome, provenance=with_metadata(found, **{TIMES_UNREAD: unread}))
        yield outcome
