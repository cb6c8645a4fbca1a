"""What each file would be read as, and why as nothing else: what `qirat ingest --explain` says."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from curation.harness.errors import QiratError
from curation.harness.params import load_params
from curation.ingest.files import EVALUATION, RAW, files_below, raw_files
from curation.ingest.formats import Format, formats
from curation.ingest.notes import Seen
from curation.ingest.proposal import proposed
from curation.ingest.reading import Head, Ingest, RawFile, begin, conversations_of, outcomes_of
from curation.privacy import covered
from curation.privacy.params import Privacy
from curation.record.conversation import message
from curation.record.repair import repair_messages

TURNS_SHOWN = 4
WIDTH = 110


def explain() -> str:
    """Each file's format, container, encoding and rows, how its first conversation begins, and the other formats.

    Every file is passed through once to count its rows; only its first rows are understood. Nothing is written.
    """
    if not RAW.is_dir():
        raise QiratError(f"there is no {RAW} here; run this from the folder that holds params.yaml")
    params, countries = load_params("ingest", Ingest), load_params("privacy", Privacy).countries
    named = [(file.name, file) for file in raw_files(RAW)]
    named += [(f"{EVALUATION}/{file.name}", file) for file in files_below(EVALUATION)]
    return "\n\n".join("\n".join(_of_file(name, file, params, countries)) for name, file in named)


def _of_file(name: str, file: RawFile, params: Ingest, countries: Sequence[str]) -> Iterator[str]:
    head, chunks = begin(file, params)
    count, first = 0, None
    for chunk in chunks:
        count += chunk.count()
        first = first or next(chunk.rows(), None)
    container = ", ".join(filter(None, (head.container, head.encoding)))
    yield f"{name}: {head.kind} ({container}), {count:,} raw row{'s' * (count != 1)}"
    for note in head.notes:
        yield _short(f"  note: {note}")
    chosen = formats().get(head.kind)
    if chosen is None:
        fault = "it is empty" if first is None else first.fault or head.reason or ""
        yield from _wrapped(f"  not read: {_without_personal_data(fault, countries)}")
        entry = proposed(head.name, [row.value for row in head.around.sample], params.roles)
        if entry and _without_personal_data(entry, countries) == entry:  # a table without a header has data for names
            yield "  params.yaml may say what its columns are; where this guess is right, put it under `ingest:`"
            yield f"    {entry}"
    else:
        yield from _beginning(head, chosen, params, countries)
    for form in formats().values() if head.around.sample else ():
        if form is not chosen:
            misses = form.misses(head.around)
            yield _short(
                f"  not {form.name}: {misses or 'it would fit, but another fits before it; ingest.formats decides'}"
            )


def _beginning(head: Head, chosen: Format, params: Ingest, countries: Sequence[str]) -> Iterator[str]:
    """The first turns of the first conversation that can be read, without personal data; else why none can be."""
    outcomes = outcomes_of(head, chosen, head.around.sample, params)
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
    seen.look_at(conversations_of(head.name, chosen.name, [o for o in outcomes if o.messages], params))
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
