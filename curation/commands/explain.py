"""What each file would be read as, and why as nothing else: what `qirat ingest --explain` says."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from curation.harness.errors import QiratError
from curation.harness.params import load_params
from curation.ingest.files import EVALUATION, RAW, files_below, raw_files
from curation.ingest.formats import Outcome, formats
from curation.ingest.reading import Ingest, RawFile, begin, outcomes_of
from curation.ingest.rows import RawRow
from curation.privacy import covered
from curation.privacy.params import Privacy
from curation.record.conversation import message
from curation.record.repair import repair_messages

TURNS_SHOWN = 4
CHATS_SHOWN = 5  # of those whose people are told
WIDTH = 110


def explain() -> str:
    """Each file's format, container, encoding and rows, how its first conversation begins, and the other formats.

    Every file is passed through once to count its rows; only its first rows are understood, and all of a chat, since
    anybody in it may tell who the others are. Nothing is written.
    """
    if not RAW.is_dir():
        raise QiratError(f"there is no {RAW} here; run this from the folder that holds params.yaml")
    params, countries = load_params("ingest", Ingest), load_params("privacy", Privacy).countries
    named = [(file.name, file) for file in raw_files(RAW)]
    named += [(f"{EVALUATION}/{file.name}", file) for file in files_below(EVALUATION)]
    return "\n\n".join("\n".join(_of_file(name, file, params, countries)) for name, file in named)


def _of_file(name: str, file: RawFile, params: Ingest, countries: Sequence[str]) -> Iterator[str]:
    head, chunks = begin(file, params)
    chosen = formats().get(head.kind)
    count, first, rows = 0, None, list[RawRow]()
    for chunk in chunks:
        count += chunk.count()
        first = first or next(chunk.rows(), None)
        if chosen and chosen.whole_file:  # what stands at its end may say who is who at its beginning
            rows += chunk.rows()
    container = ", ".join(filter(None, (head.container, head.encoding)))
    yield f"{name}: {head.kind} ({container}), {count:,} raw row{'s' * (count != 1)}"
    if file.note:
        yield f"  {file.note}"
    if chosen is None:
        fault = "it is empty" if first is None else first.fault or head.reason or ""
        yield _short(f"  not read: {_without_personal_data(fault, countries)}")
    else:
        outcomes = outcomes_of(head, chosen, rows or head.around.sample, params)
        yield from _beginning(outcomes, params, countries)
        yield from _who_is_who(outcomes, countries)
    for form in formats().values() if head.around.sample else ():
        if form is not chosen:
            misses = form.misses(head.around)
            yield _short(
                f"  not {form.name}: {misses or 'it would fit, but another fits before it; ingest.formats decides'}"
            )


def _who_is_who(outcomes: Sequence[Outcome], countries: Sequence[str]) -> Iterator[str]:
    """Who was taken for the team and who for the customer, and what told it, where that is no field of the file."""
    told = list(dict.fromkeys(outcome.told for outcome in outcomes if outcome.told))
    yield from (f"  who is who: {_without_personal_data(said, countries)}" for said in told[:CHATS_SHOWN])
    if len(told) > CHATS_SHOWN:
        yield f"  ... and so on for {len(told) - CHATS_SHOWN:,} more"


def _beginning(outcomes: Sequence[Outcome], params: Ingest, countries: Sequence[str]) -> Iterator[str]:
    """The first turns of the first conversation that can be read, without personal data; else why none can be."""
    readable = next((outcome.messages for outcome in outcomes if outcome.messages), None)
    if readable is None:
        reasons = (_without_personal_data(outcome.reason or "", countries) for outcome in outcomes[:1])
        yield from (_short(f"  cannot be read: {reason}") for reason in reasons)
        return
    turns: list[dict[str, Any]] = covered(repair_messages(readable, params.merge_consecutive), countries)
    yield from (_short(f"  {m['role']}: {m['content']}") for m in turns[:TURNS_SHOWN])
    if len(turns) > TURNS_SHOWN:
        yield f"  ... {len(turns) - TURNS_SHOWN} more turns"


def _without_personal_data(reason: str, countries: Sequence[str]) -> str:
    """A reason, which may quote the row or, of a table without a header, its first row."""
    return str(covered([message("user", reason)], countries)[0]["content"])


def _short(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return indent + textwrap.shorten(line, WIDTH, placeholder=" ...")
