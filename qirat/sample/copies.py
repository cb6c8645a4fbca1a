"""Copies of clean rows and of evaluation conversations, and twins, which only look like copies."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from qirat.sample.dialogues import Author, Conversation, Message, shingles
from qirat.sample.grammar import EASTERN_DIGITS, load
from qirat.sample.rows import CHANNELS, SampleRow, draw
from qirat.sample.wording import misspelt, replaced, reworded, tongue_of


def exact_duplicates(clean: Sequence[SampleRow], count: int, rng: random.Random) -> list[SampleRow]:
    """The same words again in the same file, a little later."""

    def copy(row: SampleRow) -> SampleRow:
        later = row.created_at + timedelta(minutes=rng.randrange(2, 600))
        copied = replace(row, created_at=later, defect="exact_duplicate", kind="same_file", partner=row, row_id="")
        return copied if copied.half == row.half else replace(copied, created_at=row.created_at)

    return [copy(row) for row in rng.sample(clean, count)]


def cross_file_duplicates(clean: Sequence[SampleRow], count: int, rng: random.Random) -> list[SampleRow]:
    """The same words in a file of another format."""

    def copy(row: SampleRow) -> SampleRow:
        fits = [c for c in CHANNELS if c != row.channel and (c != "pairs" or len(row.messages) == 2)]
        other = rng.choice(fits)
        kind = f"{row.channel}_to_{other}"
        return replace(row, channel=other, defect="cross_file_duplicate", kind=kind, partner=row, row_id="")

    plain = [row for row in clean if row.conversation.plain]
    return [copy(row) for row in rng.sample(plain, count)]


def near_duplicates(clean: Sequence[SampleRow], count: int, rng: random.Random) -> list[SampleRow]:
    """Nearly the same words: a slip, a courtesy, a few words replaced."""

    made: list[SampleRow] = []
    for row in rng.sample(clean, len(clean)):
        if len(made) == count:
            break
        kind = ("typo", "politeness", "reworded")[len(made) % 3]
        messages = near_copy(row, kind, rng)
        if messages is not None:
            later = row.created_at + timedelta(days=rng.randrange(1, 5))
            copied = replace(row, messages=messages, created_at=later, partner=row, row_id="")
            made.append(replace(copied, defect="near_duplicate", kind=kind))
    return made


def near_copy(row: SampleRow, kind: str, rng: random.Random) -> list[Message] | None:
    """The messages with a few words changed; None when this row offers no place for that, or too much would change."""
    bank = load("defects")["near"]
    tongue = tongue_of(row.language)
    asked = [i for i, m in enumerate(row.messages) if m["role"] == "user"]
    messages = [dict(m) for m in row.messages]
    if kind == "politeness":
        last = messages[asked[-1]]
        last["content"] = f"{last['content']} {rng.choice(bank['polite_end'][tongue])}"
    elif kind == "typo":
        first = messages[asked[0]]
        first["content"] = misspelt(first["content"], rng)
    else:
        for m in messages:
            if m["role"] == "assistant":
                m["content"] = reworded(m["content"], bank["reworded"][tongue])
    before, after = shingles(row.messages), shingles(messages)
    close = len(before & after) / len(before | after) >= 0.75
    return messages if messages != row.messages and close else None


def leaks(author: Author, evaluation: Sequence[Conversation], count: int, rng: random.Random) -> list[SampleRow]:
    """Evaluation conversations that found their way into the export, word for word or nearly."""
    made = []
    for n, source in enumerate(rng.sample(list(evaluation), count)):
        fits = [c for c in CHANNELS if c != "pairs" or len(source.messages) == 2]
        row = replace(SampleRow.of(source), channel=rng.choice(fits), defect="leak", kind="verbatim")
        row.note = f"support_eval.jsonl: {evaluation_id(evaluation.index(source))}"
        near = near_copy(row, ("typo", "politeness")[n // 2 % 2], rng) if n % 2 else None
        made.append(replace(row, messages=near, kind="light") if near else row)
    return made


def evaluation_id(index: int) -> str:
    """The id of the evaluation conversation of that index, counted from 0."""
    return f"eval-{index + 1:03}"


def twins(author: Author, n: int, rng: random.Random) -> tuple[SampleRow, SampleRow]:
    """Two clean rows that differ in a number, a negation or a name only, and so must both stay."""
    kind = ("number", "negation", "name")[n % 3]
    while True:
        row = SampleRow.of(draw(author, rng, rng.choice(("en", "ar"))))
        twin = _TWINS[kind](row, n, rng)
        if twin is not None:
            later = row.created_at + timedelta(days=rng.randrange(1, 9))
            return row, replace(row, messages=twin, created_at=later, kind="twin", note=kind, partner=row, row_id="")


def _other_number(row: SampleRow, n: int, rng: random.Random) -> list[Message] | None:
    stated = row.conversation.scenario.slots["order"]
    if not row.conversation.plain or stated not in row.messages[0]["content"]:
        return None
    digits = str(int(re.sub(r"\D", "", stated)) + rng.randrange(1_001, 9_999))
    other = stated[: -len(digits)] + (digits if stated[-1].isascii() else digits.translate(EASTERN_DIGITS))
    return replaced(row.messages, stated, other)


def _opposite(row: SampleRow, n: int, rng: random.Random) -> list[Message]:
    said, denied = rng.choice(load("defects")["negation"][row.language])
    asked = next(i for i, m in enumerate(row.messages) if m["role"] == "user")
    opening = row.messages[asked]["content"]
    twin = [dict(m) for m in row.messages]
    row.messages[asked]["content"] = f"{opening} {said}"
    twin[asked]["content"] = f"{opening} {denied}"
    return twin


def _other_name(row: SampleRow, n: int, rng: random.Random) -> list[Message] | None:
    scenario = row.conversation.scenario
    name = scenario.customer.name(row.language)
    people = load("people")["customers"][scenario.customer.gender]
    names = [n for pair in people.items() for n in pair[row.language == "ar" :][:1] if n != name]
    return replaced(row.messages, name, rng.choice(names)) if name in row.messages[-1]["content"] else None


_TWINS: Mapping[str, Callable[[SampleRow, int, random.Random], list[Message] | None]] = {
    "number": _other_number,
    "negation": _opposite,
    "name": _other_name,
}
