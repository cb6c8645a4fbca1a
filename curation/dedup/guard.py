"""The meaning guard: near-identical words may say different things.

Two conversations that differ in what was done (tool calls and their results), in a number with its unit, an address, a
negation, a date or a name, or where one says the opposite of the other, are no copies, however alike they look: an
answer for order 1001 is not an answer for order 1002. Knows English and Arabic; where it doubts, it keeps apart.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curation.dedup import lexicon
from curation.dedup.tokens import Messages
from curation.similarity.shingles import Indices
from curation.text.folding import fold
from curation.text.lexicon import CURRENCY_SIGNS, THOUSANDS

Message = Mapping[str, Any]

FIXED = ("actions", "numbers", "addresses", "negation", "dates")  # the same in both, told in this order
LOOSE = ("opposites", "names")  # no copies when one stands where the other has another

# A word, a number, a sign. The word first and in one piece: most tokens are words, and none is looked at twice.
_TOKEN = re.compile(
    r"[^\W\d_]++(?!\d)(?:'[^\W\d_]+)?|[^\W_]*\d[^\W_]*(?:[.,:/٫٬-]\d[^\W_]*)*" + f"|[{CURRENCY_SIGNS}¥%]"
)
_THOUSANDS = re.compile(THOUSANDS)
_ADDRESS = re.compile(r"(?<![^\s@])[^\s@]{1,64}@\S{1,255}|(?:https?://|www\.)\S+")
_CIRCUMFIX = re.compile(r"[وف]?م\w{3,}ش")  # Egyptian and Levantine negation around the verb
_CAPITALISED = re.compile(r"[A-Z][\w'’-]*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:؟\n]\s*|[\"'(«]\s*)$")
_MARKS = 8  # characters before a word in which the end of a sentence would stand
_CALLED_OUT = re.compile(r"(?:^|[،,.!؟?:\n])\s*([\u0621-\u064a]+)\s*[،,.!؟?]")
_CURRENCIES = tuple(f"{CURRENCY_SIGNS}¥")
_LONG = 5  # letters of a word in which a misspelling is likelier than another name
RECENT = 5_000  # meanings at hand, which bounds the memory
_SHORT_ANSWER = 3  # words of a customer's turn that are, for the most part, the value that was asked for


@dataclass(frozen=True)
class Meaning:
    """What a conversation says that its copies must say too."""

    fixed: tuple[tuple[str, ...], ...]  # for each of FIXED what was found, in order: 2 adults, 3 children
    sides: Counter[tuple[int, int]]  # how often it says either side of the pairs in lexicon.OPPOSITES
    names: frozenset[str]
    likely: frozenset[str]  # short answers and capitalised first words of sentences: names, values or just words
    words: tuple[str, ...]  # each once, in the order in which they are first said


def meaning(messages: Sequence[Message]) -> Meaning:
    """What the guard looks at, out of what customer and team said and what was called; system prompts aside."""
    said = [m for m in messages if m["role"] in ("user", "assistant")]
    text = "\n".join(m["content"] for m in said)
    folded = lexicon.POLITE_NO.sub(" ", fold(text))
    tokens = _TOKEN.findall(folded)
    words = tuple(dict.fromkeys(tokens))
    signs = list(_signs(tokens, words))
    inside, first = _capitals(text)
    return Meaning(
        (
            tuple(_actions(messages)),
            tuple(_numbers(signs)),
            tuple(_addresses(folded)),
            tuple(sorted(sign.negation for _, sign, _ in signs if sign.negation)),
            tuple(_dates(signs)),
        ),
        Counter(sign.side for _, sign, _ in signs if sign.side),
        frozenset({*inside, *_announced(tokens, words), *map(fold, _CALLED_OUT.findall(text))} - lexicon.NO_NAMES),
        frozenset({*first, *_short_answers(said)} - lexicon.NO_NAMES),
        words,
    )


def difference_in_meaning(left: Meaning, right: Meaning) -> str | None:
    """What keeps the two apart, one of FIXED or LOOSE, or None when nothing does."""
    for aspect, ours, theirs in zip(FIXED, left.fixed, right.fixed, strict=True):
        if ours != theirs:
            return aspect
    more, fewer = left.sides - right.sides, right.sides - left.sides
    if any((pair, 1 - side) in fewer for pair, side in more):
        return "opposites"
    gone, come = left.likely.difference(right.words), right.likely.difference(left.words)
    exchanged = _spellings(gone) - _spellings(come) and _spellings(come) - _spellings(gone)
    names = left.names | right.names
    in_order = [[word for word in side.words if word in names] for side in (left, right)]
    return "names" if exchanged or in_order[0] != in_order[1] else None


def _spellings(words: Iterable[str]) -> set[str]:
    """Long words by their letters: with two of them in each other's place they are still the same."""
    return {_letters(word) if len(word) >= _LONG else word for word in words}


class Meanings:
    """Meanings of rows, worked out when asked for, as numbers: equal numbers, equal findings."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._codes = np.full((len(messages), len(FIXED) + len(LOOSE)), -1, np.int32)
        self._known: dict[tuple[int, Any], int] = {}
        self._recent: dict[int, Meaning] = {}

    def codes(self, rows: Indices) -> npt.NDArray[np.int32]:
        """A row of codes for each of `rows`: FIXED, then LOOSE."""
        unknown = np.unique(rows[self._codes[rows, 0] < 0])
        for part in np.split(unknown, range(RECENT, len(unknown), RECENT)):
            self._recent = {}
            for row, messages in zip(part.tolist(), self._messages.of(part).to_list(), strict=True):
                found = self._recent[row] = meaning(messages)
                named = tuple(word for word in found.words if word in found.names or word in found.likely)
                aspects = (*found.fixed, tuple(sorted(found.sides.items())), named)
                self._codes[row] = [self._known.setdefault(said, len(self._known)) for said in enumerate(aspects)]
        return self._codes[rows]

    def relations(self, pairs: Indices) -> list[str]:
        """For each pair "copy", or what keeps it apart."""
        left, right = np.split(self.codes(pairs.T.ravel()), 2)
        differing = ([aspect for aspect, differs in enumerate(row) if differs] for row in (left != right).tolist())
        return [self._relation(aspects, *pair) for aspects, pair in zip(differing, pairs.tolist(), strict=True)]

    def _relation(self, differing: Sequence[int], one: int, other: int) -> str:
        if differing and differing[0] < len(FIXED):
            return FIXED[differing[0]]
        return (differing and difference_in_meaning(self._of(one), self._of(other))) or "copy"

    def _of(self, row: int) -> Meaning:
        if row not in self._recent:
            if len(self._recent) >= RECENT:
                self._recent = {}
            self._recent[row] = meaning(self._messages.of(np.array([row])).item().to_list())
        return self._recent[row]


def _actions(messages: Sequence[Message]) -> Iterator[str]:
    """What was called with which arguments and what came back, in order."""
    for m in messages:
        if m.get("tool_calls"):
            yield fold(json.dumps(_calls(m["tool_calls"]), sort_keys=True, ensure_ascii=False))
        if m["role"] == "tool":
            yield fold(m["content"])


def _calls(text: str) -> Any:
    """Tool calls without the ids that join a call to its result: every export numbers them anew."""
    calls = _read(text)
    if not isinstance(calls, list):
        return calls
    return [{k: v for k, v in c.items() if k not in ("id", "index")} if isinstance(c, dict) else c for c in calls]


def _read(value: Any) -> Any:
    """JSON with the JSON read that stands in its texts, as arguments often do."""
    if isinstance(value, dict):
        return {key: _read(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_read(part) for part in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            return _read(json.loads(value))
    return value


def _addresses(folded: str) -> Iterator[str]:
    if any(mark in folded for mark in ("@", "http", "www.")):  # the pattern is slow
        yield from (match.rstrip(".,!?") for match in _ADDRESS.findall(folded))


class Sign(NamedTuple):
    """What a word tells, alone: a number, a negation, a day or month, a part of the day, a side of two opposites."""

    number: str | None
    negation: str | None
    date: str | None
    day_part: str | None
    side: tuple[int, int] | None


def _letters(word: str) -> str:
    """Its letters whatever their order. Latin names begin with the same one: Ronald, not Arnold."""
    return (word[0] if word.isascii() else "") + "".join(sorted(word))


def _slips(word: str) -> Iterator[str]:
    """The word with two letters side by side in each other's place."""
    for at in range(len(word) - 1):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]


_DATES = {
    slip: day for word, day in lexicon.DATES.items() if len(word) >= _LONG for slip in _slips(word)
} | lexicon.DATES


@lru_cache(maxsize=1 << 16)
def _sign(token: str) -> Sign | None:
    """None for most words. A day or a month with a slip of the fingers is still the same."""
    found = Sign(
        _number(token),
        "not" if token.endswith("n't") else token if _CIRCUMFIX.fullmatch(token) else lexicon.NEGATIONS.get(token),
        _DATES.get(token),
        token if token in lexicon.DAY_PARTS else None,
        lexicon.OPPOSITES.get(lexicon.stem(token)),
    )
    return found if any(found) else None


def _number(token: str) -> str | None:
    if any(map(str.isdigit, token)):
        return _THOUSANDS.sub("", token).replace("٫", ".")
    return lexicon.DUALS.get(token, lexicon.NUMBER_WORDS.get(token))


def _signs(tokens: Sequence[str], words: Iterable[str]) -> Iterator[tuple[str, Sign, str]]:
    """The sign of each token that has one, between the word before and the word after."""
    signs = {word: sign for word in words if (sign := _sign(word))}
    around = ("", *tokens, "")
    yield from ((around[at], signs[token], around[at + 2]) for at, token in enumerate(tokens) if token in signs)


def _numbers(signs: Sequence[tuple[str, Sign, str]]) -> Iterator[str]:
    """Numbers in digits or in words, each with the unit after it or the currency before it."""
    for before, sign, after in signs:
        if sign.number:
            yield f"{sign.number} {lexicon.UNITS.get(after, before if before in _CURRENCIES else '')}".rstrip()


def _dates(signs: Sequence[tuple[str, Sign, str]]) -> Iterator[str]:
    """Days, months and parts of the day; "good morning" and its like tell no time."""
    for before, sign, after in signs:
        if sign.date:
            yield sign.date
        elif sign.day_part and not {before, after} & lexicon.WELL_WISHED:
            yield sign.day_part


def _capitals(text: str) -> tuple[set[str], set[str]]:
    """Folded capitalised words inside of sentences, and those that begin one."""
    inside: set[str] = set()
    first: set[str] = set()
    for match in _CAPITALISED.finditer(text):
        starts = _SENTENCE_START.search(text[max(0, match.start() - _MARKS) : match.start()])
        (first if starts else inside).add(match.group())
    return set(_TOKEN.findall(fold(" ".join(inside)))), set(_TOKEN.findall(fold(" ".join(first))))


def _announced(tokens: Sequence[str], words: Collection[str]) -> Iterator[str]:
    """Words after those that announce a name."""
    if "name" in words or not lexicon.NAME_FOLLOWS.isdisjoint(words):
        for before, token, after in zip(("", *tokens), tokens, tokens[1:], strict=False):
            if token in lexicon.NAME_FOLLOWS or (before, token) == ("name", "is"):
                yield after


def _short_answers(said: Sequence[Message]) -> Iterator[str]:
    for m in said:
        if m["role"] == "user" and len(m["content"].split()) <= _SHORT_ANSWER:
            yield from _TOKEN.findall(fold(m["content"]))
