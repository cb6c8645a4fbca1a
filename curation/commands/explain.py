"""What each file would be read as, and why as nothing else: what `qirat ingest --explain` says."""

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.core.record.conversation import message
from curation.core.record.repair import repair_messages
from curation.harness.errors import QiratError, meant
from curation.harness.params import load_params
from curation.ingest.files import EVALUATION, RAW, files_below, hidden_below, hidden_told, raw_files
from curation.ingest.formats import Outcome, formats
from curation.ingest.notes import Seen
from curation.ingest.proposal import proposed
from curation.ingest.reading import Head, Ingest, RawFile, beginnings, conversations_of, outcomes_of
from curation.ingest.rows import Chunk, RawRow
from curation.privacy import covered
from curation.privacy.params import Privacy

TURNS_SHOWN = 4
CHATS_SHOWN = 5  # of those whose people are told
UNREAD_NAMED = 5
WIDTH = 110


@dataclass
class Told:
    """What the first line says of all files, raw ones or evaluation sets."""

    read: int = 0
    rows: int = 0  # in these
    unread: list[str] = field(default_factory=list)  # files of which no row that was looked at can be read


def explain(wanted: str | None = None) -> str:
    """What each file is read as, its rows and how its first conversation begins; of one not read why, and the cure.

    Of `wanted`, a file or folder, also why it is of no other format. Every file is passed through once to count its
    rows; only its first rows are understood, and all of a chat, since anybody in it may tell who the others are.
    Nothing is written.
    """
    if not RAW.is_dir():
        raise QiratError(f"there is no {RAW} here; run this from the folder that holds params.yaml")
    params, countries = load_params("ingest", Ingest), load_params("privacy", Privacy).countries
    held_out = files_below(EVALUATION)
    named = [(file.name, file) for file in raw_files(RAW)] + [(f"{EVALUATION}/{file.name}", file) for file in held_out]
    if wanted is not None:
        named = _called(wanted, named)
    raw, evaluation = Told(), Told()
    said = [
        "\n".join(_of_file(name, file, params, countries, evaluation if file in held_out else raw, wanted is not None))
        for name, file in named
    ]
    if wanted is not None:
        return "\n\n".join(said)
    hidden = [f"{folder}: {hidden_told(left)}" for folder in (RAW, EVALUATION) if (left := hidden_below(folder))]
    why = f"why a file is of no other format: qirat ingest --explain {shlex.quote(named[0][0])}"
    return "\n\n".join([_answer(raw, evaluation), *said, *hidden, why])


def _answer(raw: Told, evaluation: Told) -> str:
    sets = f", and {_counted(evaluation.read, 'evaluation set')}" if evaluation.read else ""
    read = f"{_counted(raw.read, 'file')} read, with {_counted(raw.rows, 'raw row')}{sets}"
    unread = [*raw.unread, *evaluation.unread]
    more = f" and {len(unread) - UNREAD_NAMED:,} more" if len(unread) > UNREAD_NAMED else ""
    return f"{read}; not read: {', '.join(unread[:UNREAD_NAMED])}{more}" if unread else read


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _called(wanted: str, named: Sequence[tuple[str, RawFile]]) -> list[tuple[str, RawFile]]:
    """The files of this name, or below the folder of this name, with or without data/raw before it."""
    name = wanted.removeprefix(f"{RAW}/").rstrip("/")
    found = [(one, file) for one, file in named if one == name or one.startswith(f"{name}/")]
    if not found:
        files = [one for one, _ in named]
        raise QiratError(f"no file is called {wanted!r}{meant(name, files)}; name one below {RAW}, or a folder of it")
    return found


def _of_file(
    name: str, file: RawFile, params: Ingest, countries: Sequence[str], told: Told, whole: bool
) -> Iterator[str]:
    if file.note:
        yield f"{name}: {file.note}"
    for head, chunks in beginnings(file, params):
        yield from _of_list(name, head, chunks, params, countries, told)
        yield from _no_others(head) if whole else ()


def _of_list(
    name: str, head: Head, chunks: Iterable[Chunk], params: Ingest, countries: Sequence[str], told: Told
) -> Iterator[str]:
    chosen = formats().get(head.kind)
    count, first, rows = 0, None, list[RawRow]()
    for chunk in chunks:
        count += chunk.count()
        first = first or next(chunk.rows(), None)
        if chosen and chosen.whole_file:  # what stands at its end may say who is who at its beginning
            rows += chunk.rows()
    container = ", ".join(filter(None, (head.container, head.encoding)))
    yield f"{name}: {head.kind} ({container}), {_counted(count, 'raw row')}"
    yield from map(_short, _remarks(head))
    if chosen is None:
        told.unread.append(name)
        fault = "it is empty" if first is None else first.fault or head.reason or ""
        yield from _refused(head, fault, params, countries)
    else:
        outcomes = outcomes_of(head, chosen, rows or head.around.sample, params)
        if any(outcome.messages for outcome in outcomes):
            told.read, told.rows = told.read + 1, told.rows + count
        else:
            told.unread.append(name)
        yield from _beginning(head, outcomes, params, countries)
        yield from _who_is_who(outcomes, countries)


def _no_others(head: Head) -> Iterator[str]:
    """Why the file is of no other format."""
    for form in formats().values() if head.around.sample else ():
        if form.name != head.kind:
            misses = form.misses(head.around)
            yield _short(
                f"  not {form.name}: {misses or 'it would fit, but another fits before it; ingest.formats decides'}"
            )


def _refused(head: Head, fault: str, params: Ingest, countries: Sequence[str]) -> Iterator[str]:
    yield from _wrapped(f"  not read: {_without_personal_data(fault, countries)}")
    entry = proposed(head.name, [row.value for row in head.around.sample], params.roles)
    if entry and _without_personal_data(entry, countries) == entry:  # a table without a header has data for names
        yield "  params.yaml may say what its columns are; where this guess is right, put it under `ingest:`"
        yield f"    {entry}"


def _remarks(head: Head) -> Iterator[str]:
    """What stands in the file beside its rows, and how the rows of several lists are numbered."""
    yield from (f"  note: {note}" for note in head.notes)
    if head.lists:
        numbered = ", ".join(f"{place.name} {place.first:,} to {place.last:,}" for place in head.lists)
        yield f"  rows of the document: {numbered}"
    if head.beside:
        yield f"  beside them, no rows: {head.beside}"


def _who_is_who(outcomes: Sequence[Outcome], countries: Sequence[str]) -> Iterator[str]:
    """Who was taken for the team and who for the customer, and what told it, where that is no field of the file."""
    told = list(dict.fromkeys(outcome.told for outcome in outcomes if outcome.told))
    yield from (f"  who is who: {_without_personal_data(said, countries)}" for said in told[:CHATS_SHOWN])
    if len(told) > CHATS_SHOWN:
        yield f"  ... and so on for {len(told) - CHATS_SHOWN:,} more"


def _beginning(head: Head, outcomes: Sequence[Outcome], params: Ingest, countries: Sequence[str]) -> Iterator[str]:
    """The first turns of the first conversation that can be read, without personal data; else why none can be."""
    readable = next((outcome.messages for outcome in outcomes if outcome.messages), None)
    if readable is None:
        reasons = (_without_personal_data(outcome.reason or "", countries) for outcome in outcomes[:1])
        for reason in reasons:
            yield from _wrapped(f"  cannot be read: {reason}")
        return
    turns: list[dict[str, Any]] = covered(repair_messages(readable, params.merge_consecutive), countries)
    yield from (_short(f"  {m['role']}: {m['content']}") for m in turns[:TURNS_SHOWN])
    if len(turns) > TURNS_SHOWN:
        yield f"  ... {len(turns) - TURNS_SHOWN} more turns"
    seen = Seen()
    seen.look_at(conversations_of(head.name, head.kind, [o for o in outcomes if o.messages], params))
    for note in seen.notes():
        yield from _wrapped(f"  of the first rows: {note}")


def _without_personal_data(reason: str, countries: Sequence[str]) -> str:
    """A reason, which may quote the row or, of a table without a header, its first row."""
    return str(covered([message("user", reason)], countries)[0]["content"])


def _wrapped(text: str) -> list[str]:
    """Lines of a reason, which ends with the cure."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _short(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return indent + textwrap.shorten(line, WIDTH, placeholder=" ...")
