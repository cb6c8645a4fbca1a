"""From a raw file to tables: its format found, its rows mapped chunk by chunk, in whatever process.

What becomes of a row depends on the row, the file's first rows and the params: never on the chunk or the process.
"""

import functools
import itertools
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import polars as pl
from pydantic import Field, PositiveInt

from curation.core.record.conversation import MESSAGE, SCHEMA
from curation.core.record.repair import repaired_record
from curation.decisions.forget import ForgetRules, customer_in, forgotten
from curation.harness.errors import QiratError
from curation.ingest.beside import users_of
from curation.ingest.containers import ENDINGS, open_chunks
from curation.ingest.documents import Place, place_of, row_lists
from curation.ingest.formats import Format, Outcome, Reading, attempt, formats, is_meant
from curation.ingest.looks import look_of_rows, look_of_text, told
from curation.ingest.provenance import provenance
from curation.ingest.rows import TEXT, Chunk, Contents, Given, Opened, RawRow, none_but, sample_of
from curation.ingest.times import TimeField, time_field, with_times
from curation.ingest.unpacking import SizeLimits, Source, Tick

QUARANTINE = pl.Schema(
    {
        "row_id": pl.String,
        "source_file": pl.String,
        "source_row": pl.Int64,
        "code": pl.String,  # unreadable, or forgotten on somebody's request
        "reason": pl.String,
        "raw": pl.String,  # as it stood in the file, cut; null when forgotten
    }
)
PARTS = pl.Schema(
    {
        "row_id": pl.String,
        "part_of": pl.String,  # row_id of the conversation, or of the row in the quarantine, that it belongs to
        "left_out": pl.String,  # why its words are in no message: internal_note, notice; null where they are
    }
)
OUTCOMES_A_PART = 2000
ROWS_A_CHUNK = 2000  # of a JSON object
FORGOTTEN = "forgotten on request"
FIELDS_SHOWN = 500  # characters of the names of fields that no format knows
ROWS_SHOWN = 100  # of an unreadable conversation


class Ingest(Reading):
    """params.yaml: ingest"""

    merge_consecutive: bool  # neighbouring messages of one side become one
    formats: Mapping[str, str] = Field(default_factory=dict)  # glob of files -> format, where looking is not enough
    max_row_bytes: PositiveInt = SizeLimits.row_bytes  # a longer row is quarantined
    max_unpacked_bytes: PositiveInt = SizeLimits.unpacked_bytes  # of a file; what lies beyond is quarantined

    @property
    def limits(self) -> SizeLimits:
        return SizeLimits(self.max_row_bytes, self.max_unpacked_bytes)


@dataclass(frozen=True)
class RawFile:
    """A file below data/raw; or what stands there without being one, with the reason why it is not read."""

    name: str  # relative to data/raw
    path: Source
    refused: str | None = None
    sheet: str = ""  # of a workbook that has several
    regulars: frozenset[str] = frozenset()  # who speak in most of the chats that lie beside it
    note: str = ""  # what the person at the terminal should know beside what comes of it


@dataclass(frozen=True)
class Head:
    """What all chunks of a file are read with."""

    name: str
    container: str
    encoding: str
    kind: str = "unknown"  # the format
    reason: str | None = None  # why there is no format
    around: Contents = field(default_factory=lambda: Contents(()))  # sample, columns and fields beside the rows
    times: TimeField | None = None  # which field tells when a conversation began
    notes: Sequence[str] = ()  # what the container has to say of the file
    lists: tuple[Place, ...] = ()  # of a JSON object with several
    beside: str = ""  # names of what stands beside the rows of a JSON object


@dataclass(frozen=True)
class Task:
    """Rows of one file to be mapped; or outcomes of a format that had to see the whole file."""

    head: Head
    chunk: Chunk = field(default_factory=lambda: Given(()))
    outcomes: Sequence[Outcome] | None = None


@dataclass(frozen=True)
class Part:
    """What came of a task."""

    head: Head
    conversations: pl.DataFrame
    quarantine: pl.DataFrame
    parts: pl.DataFrame  # PARTS: raw rows beside the one that gives a conversation its row_id
    records: int  # raw rows that the container gave


# -- a file ----------------------------------------------------------------------------------------------------------


def tasks_of(file: RawFile, params: Ingest, tick: Tick = lambda _: None) -> Iterator[Task]:
    """The work that a file makes, at least one task; its rows are read as the tasks are taken."""
    for head, chunks in beginnings(file, params, tick):
        chosen = formats().get(head.kind)
        if chosen is None or not chosen.whole_file:
            yield from (Task(head, chunk) for chunk in itertools.chain(chunks, [Given(())]))
            continue
        rows = (row for chunk in chunks for row in chunk.rows())
        outcomes = sorted(outcomes_of(head, chosen, rows, params), key=head_of)
        for start in range(0, max(len(outcomes), 1), OUTCOMES_A_PART):
            yield Task(_without_sample(head), outcomes=outcomes[start : start + OUTCOMES_A_PART])


def beginnings(file: RawFile, params: Ingest, tick: Tick = lambda _: None) -> Iterator[tuple[Head, Iterator[Chunk]]]:
    """Each list of rows of the file, which has one but where it is a JSON object: its format, and its chunks."""
    opened = _opened(file, params, tick)
    if opened.document is None:
        yield begin(file, opened, params)
        return

    def known(values: Sequence[Any], beside: Mapping[str, Any]) -> str | None:
        rows = _telling(sample_of(RawRow(0, value) for value in values), beside, file.name)
        around = Contents((), rows, (), beside, file.name)
        chosen = format_for(file.name, around, params)
        return chosen.name if chosen and chosen.recognises(around) else None

    found, places = row_lists(opened.document, known)
    lists = tuple(places) if len(places) > 1 else ()
    for rows in found:
        starts = range(0, len(rows.rows), ROWS_A_CHUNK)
        chunks = iter([Given(rows.rows[start : start + ROWS_A_CHUNK]) for start in starts])
        head, chunks_of_list = begin(file, replace(opened, chunks=chunks, beside=rows.beside), params)
        yield (
            replace(head, lists=lists, beside=", ".join(map(_told, rows.beside.items()))[:FIELDS_SHOWN]),
            chunks_of_list,
        )


def _telling(sample: Sequence[RawRow], beside: Mapping[str, Any], name: str) -> Sequence[RawRow]:
    """The rows of a document's list that tell its format: where most tell none, those that do alone."""
    objects = [row for row in sample if isinstance(row.value, dict)]
    if any(known.recognises(Contents((), objects, (), beside, name)) for known in formats().values() if objects):
        return objects
    for known in formats().values():
        if alone := [row for row in objects if known.recognises(Contents((), [row], (), beside, name))]:
            return alone
    return objects or sample


def _told(field_beside: tuple[str, Any]) -> str:
    name, value = field_beside
    return f"{name} ({len(value):,})" if isinstance(value, list) else name


def begin(file: RawFile, opened: Opened, params: Ingest) -> tuple[Head, Iterator[Chunk]]:
    """The format of the file by its first rows, and all its chunks."""
    looked_at, chunks = itertools.tee(opened.chunks)
    sample: Sequence[RawRow] = sample_of(row for chunk in looked_at for row in chunk.rows())
    if opened.document is not None:
        sample = _telling(sample, opened.beside, file.name)
    users = {} if file.refused else {"users": found} if (found := users_of(file.path)) else {}
    around = Contents((), sample, opened.columns, {**opened.beside, **users}, file.name, file.regulars)
    chosen = format_for(file.name, around, params)
    kind = chosen.name if chosen else "unknown"
    head = Head(file.name, opened.container, opened.encoding, kind, around=around, notes=opened.notes)
    if chosen:
        return replace(head, times=time_field(around)), chunks
    name_one = "name one in params.yaml: ingest.formats, see docs/formats.md"
    if not sample:
        return replace(head, reason=f"none of the first rows can be read, so no format was found; {name_one}"), chunks
    if opened.container == TEXT:  # a note or a manual: nobody wants its lines one by one
        look = told(file.path.name, *look_of_text([str(row.value) for row in sample]))
        return head, none_but(f"{look}; it is a text of no format that Qirat reads: else {name_one}").chunks
    keys = ", ".join(opened.columns or _keys(sample[0]))[:FIELDS_SHOWN]
    look = told("it", *look_of_rows([row.value for row in sample]))
    return replace(head, reason=f"no format has these fields: {keys}; {look}; else {name_one}"), chunks


def _opened(file: RawFile, params: Ingest, tick: Tick) -> Opened:
    if file.refused:
        return none_but(file.refused)
    packed = "plain, .gz, .zst or in a .zip, and .xlsx"
    unknown = f"no reader for {file.path.name}; Qirat reads {', '.join(ENDINGS)}, {packed}"
    return open_chunks(file.path, params.limits, tick, file.sheet) or none_but(unknown)


def _without_sample(head: Head) -> Head:
    return replace(head, around=Contents(()))


def _keys(row: RawRow) -> list[str]:
    return list(row.value) if isinstance(row.value, dict) else [f"(a {type(row.value).__name__})"]


def format_for(name: str, contents: Contents, params: Ingest) -> Format | None:
    """The format that params name for this file, else the first that recognises it."""
    for glob, wanted in params.formats.items():
        if is_meant(name, glob):
            if wanted not in formats():
                raise QiratError(f"params.yaml: ingest.formats names {wanted!r}; there are {', '.join(formats())}")
            return formats()[wanted]
    if params.columns_for(name):
        return formats()["columns"]
    return next((f for f in formats().values() if contents.sample and f.recognises(contents)), None)


# -- rows to outcomes ------------------------------------------------------------------------------------------------


def outcomes_of(head: Head, chosen: Format | None, rows: Iterable[RawRow], params: Ingest) -> list[Outcome]:
    """What became of these rows: each is in exactly one outcome."""
    if chosen is None:
        return _told_in_full([Outcome([row], reason=row.fault or head.reason) for row in rows], head)
    given, faulty = array("q"), []

    def passing() -> Iterator[RawRow]:
        for row in rows:
            given.append(row.number)
            if row.inside:
                given.extend(number for number, _ in row.inside)
            if row.fault:
                faulty.append(row)
            yield row

    try:
        outcomes = list(chosen.read(replace(head.around, rows=passing()), params))
    except (AttributeError, KeyError, TypeError) as error:
        raise QiratError(
            f"{head.name} cannot be read as {chosen.name} ({error!r}); see params.yaml: ingest.formats"
        ) from None
    if faulty:
        taken = {row.number for outcome in outcomes for row in outcome.rows}
        outcomes += [Outcome([row], reason=row.fault) for row in faulty if row.number not in taken]
    outcomes = _told_in_full(outcomes, head)
    assert_all_rows(head.name, given, array("q", (row.number for outcome in outcomes for row in outcome.rows)))
    return with_times(outcomes, head.times)


def _told_in_full(outcomes: list[Outcome], head: Head) -> list[Outcome]:
    """The outcomes with the raw rows that lie in others, and reasons with the place where a document has lists."""
    if any(row.inside for outcome in outcomes for row in outcome.rows):
        outcomes = list(map(_with_inside, outcomes))
    return [_placed(outcome, head.lists) for outcome in outcomes] if head.lists else outcomes


def _with_inside(outcome: Outcome) -> Outcome:
    """The outcome with the raw rows that lie in the values of its rows."""
    inside = dict(itertools.chain.from_iterable(row.inside for row in outcome.rows))
    rows = [*outcome.rows, *(RawRow(number, None, raw="") for number in inside)]
    left_out = {number: told for number, told in inside.items() if told}
    return replace(outcome, rows=rows, left_out={**outcome.left_out, **left_out})


def _placed(outcome: Outcome, lists: Sequence[Place]) -> Outcome:
    """The outcome, its reason with the place in the document, where that has several lists."""
    if outcome.reason is None:
        return outcome
    told = place_of(head_of(outcome), lists)
    return replace(outcome, reason=f"{told}: {outcome.reason}" if told else outcome.reason)


def assert_all_rows(name: str, given: "array[int]", read: "array[int]") -> None:
    """Every row is in exactly one outcome."""
    if sorted(read) != sorted(given):
        raise QiratError(
            f"{name}: {len(given):,} rows were opened but {len(read):,} came out; this is a defect of the format"
        )


# -- outcomes to tables ----------------------------------------------------------------------------------------------


def mapper(params: Ingest, rules: ForgetRules) -> "functools.partial[Part]":
    """The function from a task to its part, ready to be sent to a process."""
    return functools.partial(part_of, params=params, rules=rules)


def part_of(task: Task, params: Ingest, rules: ForgetRules) -> Part:
    """The tables of a task, each in the order of rows; forgotten conversations leave only their place."""
    outcomes = task.outcomes
    if outcomes is None:
        outcomes = outcomes_of(task.head, formats().get(task.head.kind), task.chunk.rows(), params)
    name, kind = task.head.name, task.head.kind
    unreadable = [outcome for outcome in outcomes if not outcome.messages]
    conversations = conversations_of(name, kind, [outcome for outcome in outcomes if outcome.messages], params)
    quarantine = quarantine_of(name, unreadable)
    if rules:
        gone = forgotten(conversations, rules)
        refused = _without_words(quarantine, forgotten(_claims(name, kind, unreadable, rules), rules))
        quarantine = pl.concat([refused, forgotten_places(conversations.filter(gone))]).sort("source_row")
        conversations = conversations.filter(~gone)
    parts, records = parts_of(name, outcomes), sum(len(outcome.rows) for outcome in outcomes)
    return Part(_without_sample(task.head), conversations, quarantine, parts, records)


def conversations_of(name: str, kind: str, outcomes: Sequence[Outcome], params: Ingest) -> pl.DataFrame:
    """The record of readable outcomes."""
    spoken = [repaired_record(outcome.messages or [], params.merge_consecutive) for outcome in outcomes]
    numbers = [head_of(outcome) for outcome in outcomes]
    known: dict[str, Sequence[Any]] = {
        "row_id": [f"{name}:{number}" for number in numbers],
        "source_row": numbers,
        "conversation_id": [record["conversation_id"] for record in spoken],
        "language": [record["language"] for record in spoken],
    }
    columns = {
        column: pl.Series(column, known.get(column) or [o.provenance.get(column) for o in outcomes], dtype)
        for column, dtype in SCHEMA.items()
        if column not in ("messages", "source", "source_file")
    }
    columns["messages"] = _messages([record["messages"] for record in spoken])
    table = pl.DataFrame(columns).with_columns(source=pl.lit(kind), source_file=pl.lit(name))
    return table.select(SCHEMA.names()).sort("source_row")


def _messages(talks: Sequence[Sequence[Mapping[str, Any]]]) -> pl.Series:
    """Lists of messages, built from flat columns: much faster than from dicts."""
    messages = list(itertools.chain.from_iterable(talks))
    fields = [pl.Series(f.name, list(map(itemgetter(f.name), messages)), f.dtype) for f in MESSAGE.fields]
    flat = pl.DataFrame(fields).to_struct("messages")
    talk = pl.Series("talk", [n for n, messages in enumerate(talks) for _ in messages], pl.Int64)
    listed = pl.DataFrame([talk, flat]).group_by("talk", maintain_order=True).agg("messages")
    return listed["messages"]


def quarantine_of(name: str, outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """The quarantine's rows of unreadable outcomes."""
    numbers = [head_of(outcome) for outcome in outcomes]
    columns = {
        "row_id": [f"{name}:{number}" for number in numbers],
        "source_file": [name] * len(outcomes),
        "source_row": numbers,
        "code": ["unreadable"] * len(outcomes),
        "reason": [outcome.reason for outcome in outcomes],
        "raw": ["\n".join(filter(None, (row.text() for row in outcome.rows[:ROWS_SHOWN]))) for outcome in outcomes],
    }
    return pl.DataFrame(columns, QUARANTINE).sort("source_row")


def head_of(outcome: Outcome) -> int:
    """The number of the raw row that names what became of several: the first whose words are not left out."""
    numbers = [row.number for row in outcome.rows]
    return next((number for number in numbers if number not in outcome.left_out), numbers[0])


def parts_of(name: str, outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """PARTS of these outcomes, in the order of rows: places and reasons, never words."""
    found: list[tuple[int, int, str | None]] = []
    for outcome in outcomes:
        if len(outcome.rows) > 1:
            head = head_of(outcome)
            found += [
                (row.number, head, outcome.left_out.get(row.number)) for row in outcome.rows if row.number != head
            ]
    table = pl.DataFrame(sorted(found), {"row": pl.Int64, "head": pl.Int64, "why": pl.String}, orient="row")
    place = pl.lit(f"{name}:")
    return table.select(
        row_id=place + pl.col("row").cast(pl.String),
        part_of=place + pl.col("head").cast(pl.String),
        left_out=pl.col("why").str.strip_chars().str.replace_all(r"[\s-]+", "_"),
    )


# -- what must be forgotten ------------------------------------------------------------------------------------------


def _claims(name: str, kind: str, unreadable: Sequence[Outcome], rules: ForgetRules) -> pl.DataFrame:
    """Whose words an unreadable row holds, as far as that can be told: of somebody to be forgotten, by any field."""
    told = [_provenance(outcome) for outcome in unreadable]
    for found, outcome in zip(told, unreadable, strict=True):
        found["customer"] = customer_in([row.value for row in outcome.rows], rules) or found.get("customer")
    columns = {column: [found.get(column) for found in told] for column in ("customer", "licence", "conversation_id")}
    table = pl.DataFrame(columns, dict.fromkeys(columns, pl.String))
    return table.with_columns(source=pl.lit(kind), source_file=pl.lit(name))


def _provenance(outcome: Outcome) -> dict[str, Any]:
    rows = [row.value for row in outcome.rows if isinstance(row.value, dict)]
    found = attempt(outcome.rows, lambda: ([], provenance(rows, ())))
    return dict(found.provenance)


def _without_words(quarantine: pl.DataFrame, gone: pl.Series) -> pl.DataFrame:
    return quarantine.with_columns(
        code=pl.when(gone).then(pl.lit("forgotten")).otherwise("code"),
        reason=pl.when(gone).then(pl.lit(FORGOTTEN)).otherwise("reason"),
        raw=pl.when(~gone).then("raw"),
    )


def forgotten_places(gone: pl.DataFrame) -> pl.DataFrame:
    """The quarantine's rows of forgotten conversations."""
    return gone.select(
        "row_id",
        "source_file",
        "source_row",
        code=pl.lit("forgotten"),
        reason=pl.lit(FORGOTTEN),
        raw=pl.lit(None, pl.String),
    )
