"""Nothing costs more than the text is long: every check, reading, mask and repair, on texts made to be slow.

A check is here as soon as it is registered. `make chaos` takes all texts at 8,000 and 128,000 characters.
"""

import contextlib
import functools
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.fuzz.ingest import Damaged
from benchmarks.fuzz.ingest import check as read_whole
from curation.checks import checks
from curation.checks.check import Check, Context, shown
from curation.commands.explore import atlas
from curation.commands.near import named_in_words, spelled_nearly
from curation.commands.traces import Known
from curation.core.record.conversation import FACTS
from curation.core.record.playbook import Patterns
from curation.core.record.repair import repair, repaired_record
from curation.core.text.cells import harmless, taken_back
from curation.core.text.facts import facts
from curation.core.text.language import language_of
from curation.core.text.sentences import sentences
from curation.curate.contexts import around
from curation.dedup.guard import difference_in_meaning
from curation.dedup.meaning import meaning
from curation.harness.engine import Machine
from curation.ingest.formats import formats
from curation.ingest.mail import reply_of_mail
from curation.ingest.mails import mail_row
from curation.ingest.moments import read_moments
from curation.ingest.reading import Ingest
from curation.ingest.transcripts import prompted
from curation.privacy import PATTERNED, masked, pseudonymised
from curation.privacy.names import answered_name, likely_names
from curation.privacy.shown import Shown
from curation.proposals.propose import proposed
from curation.report import examples
from curation.report.cards import dataset_card, model_card
from curation.report.examples import Picking
from curation.report.page import render
from curation.review.offline import conversation_cell
from curation.review.present import answers, unreadable
from curation.review.records import Shown as Beside
from curation.review.records import records
from curation.similarity.difference import difference
from expectations import validate, views
from expectations.docs import write_docs
from qirat.publish import Wanted, remarks
from qirat.publish.columns import features
from qirat.publish.personal import held
from qirat.publish.preferences import Judged
from qirat.publish.rows import conversation_rows
from tests.builders import ROOT, context, params, record, talk
from tests.chaos.reading import Reader, of_words
from tests.chaos.worst import FEW, NAMES, worst
from tests.commands import mapped
from tests.ingest.formats.rows import READING, contents
from tests.ingest.formats.test_any_row import FULL_ROWS, changed, leaves
from tests.report.example import finished
from tests.review.fake_server import present, response
from tests.training.tiny import renderer
from training.model.template import InexpressibleError

WHOLE = bool(os.environ.get("CHAOS"))
SHORT, LONG = (8_000, 128_000) if WHOLE else (500, 5_000)  # characters
MOST = 20  # times as long that the long ones may take; sixteen or ten times are linear
OF_A_QUARTER = 6  # times as long as a quarter of them; four are linear
FLOOR = 0.5  # CPU seconds below which a machine's moods tell more than the text
EACH = 0.000_5  # CPU seconds a character, at most


def readers() -> Iterator[tuple[str, Reader]]:
    """Everything that reads messages, by name; what needs embeddings aside."""
    for name, check in checks().items():
        if check.needs_vectors:
            continue
        yield f"check {name}", functools.partial(seen, check)
        if check.reads:
            yield f"reading {check.reads.__name__}", lambda texts, read=check.reads: read(table(texts), beside())
    phrases = Patterns({"en": ("(a+)+$", "aaaa b"), "ar": ("من (فضلك)*",)})
    of_one: dict[str, Callable[[str], object]] = {
        "contexts of facts": in_context,
        "facts": facts,
        "guard of dedup": lambda text: difference_in_meaning(meaning(talk(text)), meaning(talk(f"{text} not 9"))),
        "difference": lambda text: difference(talk(text, f"{text} 5"), talk(f"9 {text}", text[::-1])),
        "difference on the page": lambda text: examples.difference(text, text[::-1]),
        "evidence on the page": lambda text: examples.highlight(text[:SHOWN], text[1:SHOWN]),
        "forget: other names": lambda text: list(spelled_nearly("+966501234567", table([text]))),
        "forget: words": lambda text: named_in_words("+966501234567", table([text])),
        "forget: what is left": WANTED.among,
        "html": lambda text: reply_of_mail(f"<p>{text}<br>", html=True, quotes=True, signatures=True),
        "language": language_of,
        "mail": lambda text: reply_of_mail(f"{text}\n{text}", html=True, quotes=True, signatures=True),
        "mail's file": lambda text: mail_row(1, MAIL.format(text=text).encode()),
        "moments": lambda text: read_moments([text, "1/2/2024"]),
        "mask": lambda text: masked(text, beside().privacy.countries),
        "mask of an answer": lambda text: [masked(text, beside().privacy.countries, asked) for asked in ASKED],
        "names of an answer": lambda text: answered_name(text, "What is your name? ما اسمك الكريم؟"),
        "names": likely_names,
        "playbook's phrases": lambda text: phrases.find(text, "mixed"),
        "pseudonyms": lambda text: pseudonymised(talk(text), (*PATTERNED, "name"), beside().privacy.countries),
        "record": lambda text: repaired_record(table([text])["messages"][0].to_list(), merge=True),
        "prompt with its turns": lambda text: prompted(f"User: {text}\n{text}", {}),
        "proposals": lambda text: proposed(talks(text), ("SA",)),
        "repair": repair,
        "template": templated,
        "sentences": sentences,
    }
    for name, read in of_one.items():
        yield name, lambda texts, read=read: [read(text) for text in texts]


WANTED = Known(frozenset({"0" * 32}), frozenset({"0" * 64}), ("what nobody else said, " * 2,), "sara ali")
SHOWN = 500  # characters of a turn that the page shows
ASKED = ("What is your password? ما رمزك السري؟", "Your phone number, please? رقم جوالك وتاريخ ميلادك وعنوانك؟")
MAIL = "From: {text}\nSubject: {text}\nContent-Type: text/plain; format=flowed\n\n{text}"


def templated(text: str) -> None:
    with contextlib.suppress(InexpressibleError):  # special tokens are refused in a sentence
        renderer().examples(talk(text, text))


def in_context(text: str) -> object:
    stated = facts(text)
    return [around(text, stated, fact, text) for fact in stated]


def talks(text: str) -> pl.DataFrame:
    """Enough for rules to be proposed, with the text in shares of it."""
    part = max(1, len(text) // 20)
    said = [talk(f"Hi {n} {text[n * part :][:part]}", f"{text[n * part :][:part]} Thank you, Sara") for n in range(20)]
    return record(*said, customer=[f"c{n}" for n in range(20)])


@functools.cache
def beside() -> Context:
    return context(record(talk("Where is the lamp that I ordered?", "It has left our warehouse this morning.")))


def table(texts: Sequence[str]) -> pl.DataFrame:
    return record(*(talk(text, text) for text in texts))


def seen(check: Check, texts: Sequence[str]) -> pl.DataFrame:
    rows = table(texts)
    return shown(check.seen(rows, beside()), rows, beside())


@functools.lru_cache(1)
def bounded_memories(modules: int) -> list[Any]:
    """What of so many modules remembers words; what is remembered without a bound is how it is set up."""
    ours = [module for name, module in sys.modules.items() if name.startswith("curation.")]
    held = (one for module in ours for one in vars(module).values() if hasattr(one, "cache_clear"))
    return [one for one in held if one.cache_parameters()["maxsize"]]


def seconds(read: Reader, texts: Sequence[str], times: int = 1) -> float:
    """CPU seconds, the best of so many, each time anew: what holds some thousand numbers knows all of a short text."""
    taken = []
    for _ in range(times):
        for remembering in bounded_memories(len(sys.modules)):
            remembering.cache_clear()
        started = time.process_time()
        read(texts)
        taken.append(time.process_time() - started)
    return min(taken)


def slower_than_linear(read: Reader, texts: Sequence[str] = NAMES if WHOLE else FEW) -> Iterator[str]:
    """Where it is, in words. What seems too slow is measured again, so that what is linear is read but once."""
    read(["hello"])  # what is read but once
    for names in [[name] for name in texts] if WHOLE else [texts]:
        short, quarter, long_ones = ([worst(name, length) for name in names] for length in (SHORT, LONG // 4, LONG))
        most = FLOOR
        if (long := seconds(read, long_ones)) > most:
            most = max(most, MOST * seconds(read, short, 2))
        if long > most:  # a short one may lack what a long one holds, as a word by chance in what is packed
            most = max(most, OF_A_QUARTER * seconds(read, quarter, 2))
        if long > most:
            long = min(long, seconds(read, long_ones, 2))
        if long > most:
            yield f"{names}: {long:.2f} s, more than {most:.2f} s"
        if long >= EACH * LONG * len(names) + FLOOR:
            yield f"{names}: {long:.2f} s for {LONG:,} characters"


def test_what_reads_a_text_is_found_by_its_signature_and_linear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one test: they are looked for when it runs, for that takes seconds."""
    monkeypatch.chdir(tmp_path)
    found = dict(of_words())
    assert len(found) > 90 and "curation.core.text.folding.fold" in found
    assert {name: faults for name, read in found.items() if (faults := faults_of(read))} == {}


def faults_of(read: Reader) -> list[str]:
    """Where it is slower than linear, and what else goes wrong."""
    try:
        return list(slower_than_linear(read))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


FILES = {
    ".csv": "question,answer\n{text},{text}\n",
    ".tsv": "question\tanswer\n",
    ".json": '[{"a": 1}, ',
    ".jsonl": '{"messages": [] }\n',
    ".txt": "[31/12/2024, 21:15:03] Ali: hello\n[31/12/2024, 21:16:03] Sara: ",
    ".eml": "From: a@x.example\nContent-Type: text/plain\n\n",
    ".mbox": "From a@x.example Mon Jan  1 10:00:00 2024\nFrom: a@x.example\n\n",
}


@pytest.mark.parametrize("name", [*FULL_ROWS, *FILES])
def test_every_format_is_linear(name: str, tmp_path: Path) -> None:
    assert list(slower_than_linear(in_format(name) if name in FULL_ROWS else in_file(name, tmp_path))) == []


def in_format(name: str) -> Reader:
    """Rows of a format, with the text in each place that has one."""
    row = FULL_ROWS[name]
    (form,) = [form for form in formats().values() if form.name == name]
    places = [path for path in leaves(row) if path and isinstance(of(row, path), str)]

    def read(texts: Sequence[str]) -> None:
        together = not WHOLE and len(texts) > 1
        for text in ["".join(text[: LONG // len(texts)] for text in texts)] if together else texts:
            for path in places:
                list(form.read(contents(changed(row, path, text)), READING))

    return read


def in_file(ending: str, folder: Path) -> Reader:
    """A file that is nothing but the text, and one that begins as such files do."""
    begun = FILES[ending]

    def read(texts: Sequence[str]) -> None:
        for text in texts:
            for data in (text, begun.format(text=text) if "{text}" in begun else begun + text):
                read_whole(Damaged("worst", f"a{ending}", data.encode()), folder, INGEST)

    return read


INGEST = Ingest.model_validate(params("ingest"))


def of(value: Any, path: Sequence[Any]) -> Any:
    """What stands at a place of a row."""
    return functools.reduce(lambda part, key: part[key], path, value)


@pytest.mark.parametrize("read", [pytest.param(read, id=name) for name, read in readers()])
def test_nothing_is_worse_than_linear(read: Reader) -> None:
    assert list(slower_than_linear(read)) == []


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("contexts of facts", "new items"),
        ("mail's file", "digits"),
        ("mail's file", "brackets"),
        ("prompt with its turns", "blanks"),
        ("pseudonyms", "new secrets"),
        ("pseudonyms", "new pins"),
        ("mask of an answer", "blanks"),
        ("difference", "echo"),
        ("difference on the page", "arabic echo"),
        ("check noise", "streets"),
        ("freshdesk", "nested"),
        ("mailbox", "blanks"),
        ("mailbox", "dots"),
    ],
)
def test_what_was_worse_on_longer_texts_is_linear_there(name: str, unit: str) -> None:
    read = in_format(name) if name in FULL_ROWS else dict(readers())[name]
    read(["hello"])
    short, long = (seconds(read, [worst(unit, length)]) for length in (2_500, 20_000))
    assert long < 12 * max(short, FLOOR / 12), f"{short:.3f} s became {long:.2f} s"


# -- what is shown and given away ----------------------------------------------------------------------------------

ROWS = 12  # of the finished road: the text stands in each of them, and several times
SHARE = 32  # the text is the shorter for it


def report(text: str, folder: Path) -> None:
    """The page and both cards."""
    results = finished(ROWS, poison=text)
    render(results, Picking(**params("report"), countries=("SA",)))
    dataset_card(results)
    model_card(results)


def the_map(text: str, folder: Path) -> None:
    """Of the map all that is asked of it."""
    mapped.project(folder, ROWS, text)
    seen = atlas(Shown(("SA",)))
    for language in ("en", "ar"):
        seen.page(language)
        seen.map(language)
        seen.found(text)
        for number in range(seen.rows.height):
            seen.row(number, language)


def pushed(text: str, folder: Path) -> None:
    """Records of doubtful rows as Argilla takes them, the same rows in sheets, and what comes back of both."""
    rows = record(*(talk(text, f"{n} {text}") for n in range(ROWS)), label=[text] * ROWS)
    doubt = {"verdict": "review", "codes": ["repetition"], "evidence": [f"repetition: {text}"], "priority": 1.0}
    line = rows.select("conversation_id", rank=pl.int_range(ROWS), reason=pl.lit("doubt")).with_columns(
        pl.Series(name, [value] * ROWS) for name, value in doubt.items()
    )
    found = rows.select("conversation_id", code=pl.lit("repetition"), turn=pl.lit(1), value=pl.lit(0.9))
    for one in records(line, rows, ("SA",), Beside(found)):
        conversation_cell(one["fields"]["conversation"], "ar")
        taken_back(harmless(text))
    said = response("submitted", decision="edit", correction=text, reason=[text], comment=text)
    server = [present(key, {"purpose": "doubt"}, responses=(said,)) for key in rows["conversation_id"]]
    answers(server, {"u1": "sara"})
    unreadable(server, {"u1": "sara"})


def published(text: str, folder: Path) -> None:
    """Rows of the set that leaves, the search for personal data in them, and what is said beside them."""
    rows = record(*(talk(text, f"{n} {text}") for n in range(ROWS)), label=[text] * ROWS, licence=[text] * ROWS)
    parts, _ = conversation_rows({"train": rows.with_columns(facts=pl.Series([[]] * ROWS, dtype=FACTS))})
    features("conversations", parts["train"])
    held(parts["train"], beside().privacy, Machine(), "conversations")
    read = {"train": rows.with_columns(facts=pl.Series([[]] * ROWS, dtype=FACTS))}
    list(remarks(read, Judged({}, {}, 0), 0, Wanted("mit")))


def checked(text: str, folder: Path) -> None:
    """Expectations on rows that break them, and their pages."""
    rows = record(*(talk(text, f"{n} {text}") for n in range(ROWS)), label=[text] * ROWS, source=[text] * ROWS)
    none = pl.DataFrame(schema={"row_id": pl.String})
    suite = validate.load_suite(ROOT / "expectations/ingested.json")
    judged = [validate.judge(suite, views.ingested(rows, none), 5)]
    write_docs(judged, validate.table_of(judged), folder / "docs", None)


@pytest.mark.parametrize("work", [report, the_map, pushed, published, checked] if WHOLE else [pushed])
def test_what_is_shown_and_given_away_is_linear(
    work: Callable[[str, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = (tmp_path / str(n) for n in itertools.count())

    def read(texts: Sequence[str]) -> None:
        for text in texts:
            folder = next(folders)
            folder.mkdir()
            monkeypatch.chdir(folder)
            work(text[: max(1, len(text) // SHARE)], folder)

    assert list(slower_than_linear(read, FEW)) == []
