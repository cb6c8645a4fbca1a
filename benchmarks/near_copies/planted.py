"""Real dialogues with planted copies and planted twins, whose truth is known; rows of any number for growth."""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.rows import jaccard, json_lines, shingles
from curation.core.record.conversation import MESSAGE
from qirat.sample.typing_habits import swapped

Messages = list[dict[str, Any]]
Edit = Callable[[str, random.Random], str]  # a text into another; the same when it does not apply
Pair = tuple[int, int]

COPIES, TWINS = 0.04, 0.04  # of the dialogues get a copy, get a twin
LEAST_WORDS = 40
TURNS, WORDS, NEAR = 8, 24, 50  # of a row for growth, of a turn, rows to each near-copy
_WORD = re.compile(r"\w+")
_PLAIN = re.compile(r"\b[a-z]{5,}\b|[\u0621-\u064a]{5,}")  # words that are no names and seldom change a meaning alone
_TELLING = re.compile(
    r"there|thank|minutes|hours|never|without|unless|nothing|nobody|neither|cannot|except|three|seven|eight|eleven|twelve|twenty|thirty|forty|"
    r"fifty|hundred|thousand|million|first|second|third|fourth|fifth|double|monday|tuesday|wednesday|thursday|friday|"
    r"saturday|sunday|january|february|march|april|august|september|october|november|december|today|tonight|tomorrow|"
    r"yesterday|morning|afternoon|evening|night|before|after|increase|decrease|accept|decline|open|close|cancel|confirm"
)
_FILLERS = ("really", "actually", "just", "basically", "please", "kindly", "also")
_COURTESIES = ("Thank you so much.", "Thanks a lot for your help!", "I really appreciate it.", "Have a nice day.")
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_NAMES = "Oliver Amelia Hassan Yasmin Rodrigo Ingrid Takeshi Leila Bruno Marta".split()


@dataclass
class Planted:
    """Rows, and the pairs of them that are copies, and that are twins which mean different things."""

    rows: list[Messages]
    copies: set[Pair] = field(default_factory=set)
    twins: set[Pair] = field(default_factory=set)


def dialogues(files: Sequence[Path], rows: int | None, seed: int) -> list[Messages]:
    """The dialogues of JSON-lines files, in a seeded order, each text once."""
    found = {as_text(messages): messages for file in files for messages in _read(file) if messages}
    ordered = [found[text] for text in sorted(found)]
    random.Random(seed).shuffle(ordered)
    return ordered[:rows]


def _read(file: Path) -> Iterator[Messages]:
    for row in json_lines(file):
        customer = [{"role": "user", "content": turn["text"]} for turn in row.get("customer_turns", ())]
        said = row.get("messages", customer)
        yield [{"role": m["role"], "content": m["content"]} for m in said if m["content"]]


def planted(rows: Sequence[Messages], threshold: float, seed: int) -> Planted:
    """The rows with copies and twins after them, each of another row and as alike to it as the threshold asks."""
    return edited(rows, (COPYING, round(COPIES * len(rows))), (TWINNING, round(TWINS * len(rows))), threshold, seed)


def edited(
    rows: Sequence[Messages],
    copying: tuple[Sequence[Edit], int],
    twinning: tuple[Sequence[Edit], int],
    threshold: float,
    seed: int,
) -> Planted:
    """`planted` with other edits and as many of each as they say, or fewer where the rows give no more."""
    rng = random.Random(seed)
    data = Planted(list(rows))
    long = [row for row, messages in enumerate(rows) if len(_WORD.findall(as_text(messages))) >= LEAST_WORDS]
    rng.shuffle(long)
    for pairs, (edits, wanted) in ((data.copies, copying), (data.twins, twinning)):
        while long and len(pairs) < wanted:
            origin = long.pop()
            changed = _edited(rows[origin], rng.choice(edits), rng)
            before, after = (shingles(as_text(messages)) for messages in (rows[origin], changed))
            if changed != rows[origin] and jaccard(before, after) >= threshold:
                pairs.add((origin, len(data.rows)))
                data.rows.append(changed)
    return data


def _edited(messages: Messages, edit: Edit, rng: random.Random) -> Messages:
    """The edit at the first turn, from a random one on, that it applies to."""
    start = rng.randrange(len(messages))
    for place in (*range(start, len(messages)), *range(start)):
        content = edit(messages[place]["content"], rng)
        if content != messages[place]["content"]:
            return [*messages[:place], {**messages[place], "content": content}, *messages[place + 1 :]]
    return messages


# -- copies: the same, put differently --------------------------------------------------------------------------------


def misspelt(text: str, rng: random.Random) -> str:
    """One to three plain words with two letters in each other's place."""
    return _at_plain_words(text, rng, lambda word: swapped(word, 2))


def shortened(text: str, rng: random.Random) -> str:
    """One or two plain words dropped."""
    return re.sub(" +", " ", _at_plain_words(text, rng, lambda _: "", most=2))


def padded(text: str, rng: random.Random) -> str:
    """One to three fillers put in."""
    words = text.split(" ")
    for _ in range(rng.randint(1, 3) if len(words) > 3 else 0):
        words.insert(rng.randrange(1, len(words)), rng.choice(_FILLERS))
    return " ".join(words)


def polite(text: str, rng: random.Random) -> str:
    return f"{text} {rng.choice(_COURTESIES)}"


def unpunctuated(text: str, _: random.Random) -> str:
    return re.sub(r"[.,!?]+(?= |$)", "", text)


def lower_case(text: str, _: random.Random) -> str:
    return text.lower()


def _at_plain_words(text: str, rng: random.Random, change: Callable[[str], str], most: int = 3) -> str:
    plain = [match.span() for match in _PLAIN.finditer(text) if not _TELLING.search(match.group())]
    for start, end in sorted(rng.sample(plain, min(len(plain), rng.randint(1, most))), reverse=True):
        text = text[:start] + change(text[start:end]) + text[end:]
    return text


# -- twins: nearly the same words, another meaning --------------------------------------------------------------------


def other_number(text: str, rng: random.Random) -> str:
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return text
    chosen = rng.choice(numbers)
    return text[: chosen.start()] + str(int(chosen.group()) + rng.randint(1, 8)) + text[chosen.end() :]


def negated(text: str, _: random.Random) -> str:
    return re.sub(
        r"\b(is|are|was|can|could|will|would|do|does|did|have|has|should)\b(?! not)", r"\1 not", text, count=1
    )


def other_name(text: str, rng: random.Random) -> str:
    return re.sub(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", rng.choice(_NAMES), text, count=1)


def other_day(text: str, rng: random.Random) -> str:
    day = rng.choice(_DAYS)
    return re.sub(rf"\b(?!{day})(?:{'|'.join(_DAYS)}|today|tomorrow)\b", day, text, count=1, flags=re.IGNORECASE)


COPYING: tuple[Edit, ...] = (misspelt, shortened, padded, polite, unpunctuated, lower_case)
TWINNING: tuple[Edit, ...] = (other_number, negated, other_name, other_day)


def as_text(messages: Messages) -> str:
    return "\n".join(f"{m['content']} {m.get('tool_calls') or ''}".strip() for m in messages)


# -- templates --------------------------------------------------------------------------------------------------------


def templated(size: int) -> list[Messages]:
    """Conversations of one template around a tool call: they differ in the arguments and nowhere else."""
    call = {"name": "track_parcel", "arguments": {"carrier": "express", "notify": True}}
    asked = "Could you please find out where my parcel is right now and send me a message when it is about to arrive?"
    told = (
        "I have asked the carrier and you will get a message shortly before the parcel arrives at your door, promised."
    )

    def row(number: int) -> Messages:
        arguments = {**call["arguments"], "parcel": f"{number:06}"}
        called = json.dumps([{"id": f"call_{number}", "function": {**call, "arguments": json.dumps(arguments)}}])
        return [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": "", "tool_calls": called},
            {"role": "assistant", "content": told},
        ]

    return [row(number) for number in range(size)]


# -- growth -----------------------------------------------------------------------------------------------------------


def recombined(rows: Sequence[Messages], first: int, last: int, seed: int) -> pl.DataFrame:
    """Rows first..last-1, of about 1 KB, in the columns of the record; every fiftieth is nearly the one before.

    A turn is a run of words of the dialogues from a random place on, so that hardly any two turns are the same.
    """
    words = pl.Series([word for messages in rows for word in as_text(messages).split()])
    starts = np.random.default_rng([seed, first]).integers(len(words) - WORDS - 1, size=(last - first, TURNS))
    starts[NEAR - 1 :: NEAR] = starts[NEAR - 2 :: NEAR]
    starts[NEAR - 1 :: NEAR, 0] += 1
    texts = words.gather((starts[..., None] + np.arange(WORDS)).ravel()).reshape((starts.size, WORDS)).arr.join(" ")
    said = pl.DataFrame(
        {
            "row": np.repeat(np.arange(first, last), TURNS),
            "role": ["user", "assistant"] * (starts.size // 2),
            "content": texts,
        }
    ).with_columns(
        pl.lit(None, field.dtype).alias(field.name) for field in MESSAGE.fields if field.name not in ("role", "content")
    )
    messages = said.group_by("row", maintain_order=True).agg(messages=pl.struct(field.name for field in MESSAGE.fields))
    return messages.select(
        "messages",
        row_id=pl.col("row").cast(pl.String),
        conversation_id=pl.col("row").hash(seed).cast(pl.String).str.zfill(32),
        source_id=pl.lit(None, pl.String),
        created_at=pl.lit(None, pl.Datetime("us", "UTC")),
    )
