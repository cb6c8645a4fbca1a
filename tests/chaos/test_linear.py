"""Nothing costs more than the text is long: every check, reading, mask and repair, on texts made to be slow.

A check is here as soon as it is registered. `make chaos` takes all texts at 8,000 and 128,000 characters.
"""

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence

import polars as pl
import pytest

from curation.checks import checks
from curation.checks.check import Check, Context, shown
from curation.core.record.playbook import Patterns
from curation.core.record.repair import repair, repaired_record
from curation.core.text.facts import facts
from curation.core.text.language import language_of
from curation.core.text.sentences import sentences
from curation.curate.contexts import around
from curation.dedup.guard import difference_in_meaning, meaning
from curation.ingest.mail import reply_of_mail
from curation.ingest.mails import mail_row
from curation.ingest.transcripts import prompted
from curation.privacy import PATTERNED, masked, pseudonymised
from curation.privacy.names import likely_names
from tests.builders import context, record, talk
from tests.chaos.worst import FEW, NAMES, worst

WHOLE = bool(os.environ.get("CHAOS"))
SHORT, LONG = (8_000, 128_000) if WHOLE else (500, 5_000)  # characters
MOST = 20  # times as long that the long ones may take; sixteen or ten times are linear
FLOOR = 0.3  # CPU seconds below which a machine's moods tell more than the text
EACH = 0.000_5  # CPU seconds a character, at most
Reader = Callable[[Sequence[str]], object]


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
        "html": lambda text: reply_of_mail(f"<p>{text}<br>", html=True, quotes=True, signatures=True),
        "language": language_of,
        "mail": lambda text: reply_of_mail(f"{text}\n{text}", html=True, quotes=True, signatures=True),
        "mail's file": lambda text: mail_row(1, MAIL.format(text=text).encode()),
        "mask": lambda text: masked(text, beside().privacy.countries),
        "names": likely_names,
        "playbook's phrases": lambda text: phrases.find(text, "mixed"),
        "pseudonyms": lambda text: pseudonymised(talk(text), (*PATTERNED, "name"), beside().privacy.countries),
        "record": lambda text: repaired_record(table([text])["messages"][0].to_list(), merge=True),
        "prompt with its turns": lambda text: prompted(f"User: {text}\n{text}", {}),
        "repair": repair,
        "sentences": sentences,
    }
    for name, read in of_one.items():
        yield name, lambda texts, read=read: [read(text) for text in texts]


MAIL = "From: {text}\nSubject: {text}\nContent-Type: text/plain; format=flowed\n\n{text}"


def in_context(text: str) -> object:
    stated = facts(text)
    return [around(text, stated, fact, text) for fact in stated]


@functools.cache
def beside() -> Context:
    return context(record(talk("Where is the lamp that I ordered?", "It has left our warehouse this morning.")))


def table(texts: Sequence[str]) -> pl.DataFrame:
    return record(*(talk(text, text) for text in texts))


def seen(check: Check, texts: Sequence[str]) -> pl.DataFrame:
    rows = table(texts)
    return shown(check.seen(rows, beside()), rows, beside())


def seconds(read: Reader, texts: Sequence[str], times: int = 1) -> float:
    """CPU seconds, the best of so many."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        read(texts)
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.parametrize("read", [pytest.param(read, id=name) for name, read in readers()])
def test_nothing_is_worse_than_linear(read: Reader) -> None:
    read(["hello"])  # what is read but once
    for names in [[name] for name in NAMES] if WHOLE else [FEW]:
        most = EACH * LONG * len(names) + FLOOR
        texts = [worst(name, LONG) for name in names]
        long = seconds(read, texts)
        if long > FLOOR:
            long = min(long, seconds(read, texts, 2))
            short = seconds(read, [worst(name, SHORT) for name in names], 3)
            assert long < MOST * max(short, FLOOR / MOST), f"{names}: {short:.3f} s became {long:.2f} s"
        assert long < most, f"{names}: {long:.2f} s for {LONG:,} characters"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("contexts of facts", "new items"),
        ("mail's file", "digits"),
        ("mail's file", "brackets"),
        ("prompt with its turns", "blanks"),
        ("pseudonyms", "new secrets"),
        ("pseudonyms", "new pins"),
    ],
)
def test_what_was_worse_on_longer_texts_is_linear_there(name: str, unit: str) -> None:
    read = dict(readers())[name]
    read(["hello"])
    short, long = (seconds(read, [worst(unit, length)]) for length in (2_500, 20_000))
    assert long < 12 * max(short, FLOOR / 12), f"{short:.3f} s became {long:.2f} s"
