"""Facts that a reply states, where they stand as written, and whether what came before holds them.

A fact goes stale or is a system's to know: prices, percentages, days, times of day, links, codes, numbers, contacts and
stock. `value` is one for all its spellings: $31, 31.00 USD and thirty-one dollars are the same price.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.core.text.facts.patterns import AT_HOUR, LONE_NUMBERS, UNSAID_DAY, claimed
from curation.core.text.facts.spelled import Spelled
from curation.core.text.facts.values import amounts_of, days_of, either_half, scaled, value_of
from curation.core.text.windows import Place

LOCAL_NUMBER = 7  # last digits by which a telephone number is known, with its country's code or without


@dataclass(frozen=True)
class Fact:
    """text[start:end], in code points of the text as written. `value` is the same for every way to write it."""

    kind: str  # one of patterns.KINDS
    start: int
    end: int
    value: str


def facts(text: str) -> list[Fact]:
    """The facts of a text, in order and without overlaps."""
    found: list[Fact] = []
    taken = bytearray(len(text))
    spelled, claims = _read(text)
    for start, end, kind in claims:
        first, behind = spelled.written(start, end)
        if taken.find(1, first, behind) < 0:
            taken[first:behind] = b"\1" * (behind - first)
            found.append(Fact(kind, first, behind, value_of(kind, spelled.text[start:end])))
    return sorted(found, key=lambda fact: fact.start)


def ungrounded(
    messages: Sequence[Mapping[str, Any]], replies: Sequence[int], field: str = "content"
) -> Iterator[tuple[int, Fact]]:
    """Turn and fact, each that stands in this field of these turns, ascending, and in nothing before that turn.

    What was said, looked up or called before counts; what was thought does not, for no later prompt holds it.
    """
    known, read = Known(), 0
    for turn in replies:
        stated = facts(messages[turn].get(field) or "")
        if stated:
            known.add(*(m[place] or "" for m in messages[read:turn] for place in ("content", "tool_calls")))
            read = turn
        yield from ((turn, fact) for fact in stated if not known.holds(fact))


class Known:
    """What has been said so far, and whether it holds a fact in whatever spelling."""

    def __init__(self, *texts: str) -> None:
        self._unread: list[str] = []
        self._texts: list[str] = []
        self._joined: list[str] = []  # texts in which 12/ab and 12-ab are 12ab
        self._words, self._codes = Standing(), Standing()
        self._numbers, self._numbered = set[str](), 0  # their last digits
        self._said = set[str]()  # values of facts, and numbers
        self._days = set[tuple[int, int]]()
        self.add(*texts)

    def add(self, *texts: str) -> None:
        self._unread += texts

    def holds(self, fact: Fact) -> bool:
        """Two numbers that agree by chance ground one another, and a day does whichever way 03/04 is read."""
        self._read()
        value = fact.value
        if fact.kind == "date":
            day, month = (int(part) for part in value.split("-")[:-3:-1])
            return bool({(day, month), (month, day)} & self._days)
        if fact.kind == "time":
            return not self._said.isdisjoint(value.split("|"))
        if fact.kind in ("price", "percentage"):
            return all(amount in self._said for amount in amounts_of(fact.kind, value))
        if fact.kind == "contact" and "@" not in value and len(value) >= LOCAL_NUMBER:
            return self._stands_as_number(value[-LOCAL_NUMBER:])
        if fact.kind == "code":
            return value in self._said or self._codes.hold(self._joined, value)
        return value in self._said or (fact.kind not in ("link", "stock") and self._words.hold(self._texts, value))

    def _read(self) -> None:
        for text in self._unread:
            spelled, claims = _read(text)
            self._texts.append(spelled.text)
            self._joined.append(_JOINING.sub("", spelled.text))
            if not re.search(r"\d", spelled.text) and not claims:
                continue
            self._said |= {scaled(*number) for number in LONE_NUMBERS.findall(spelled.text)}
            self._said |= {t for hour in AT_HOUR.findall(spelled.text) for t in either_half(int(hour)).split("|")}
            self._days |= {day for match in UNSAID_DAY.findall(spelled.text) for day in days_of(match)}
            for start, end, kind in claims:
                said = spelled.text[start:end]
                self._days |= days_of(said) if kind == "date" else set()
                value = value_of(kind, said)
                self._said |= {*(value.split("|") if kind == "time" else (value,)), *amounts_of(kind, value)}
        self._unread = []

    def _stands_as_number(self, local: str) -> bool:
        """Whether the digits stand there in a row, whatever parts them."""
        if more := self._texts[self._numbered :]:
            digits = _IN_NUMBERS.sub("", " ".join((*self._texts[: self._numbered][-1:], *more)))
            for run in _DIGITS.findall(digits):
                self._numbers.update(run[at : at + LOCAL_NUMBER] for at in range(len(run) - LOCAL_NUMBER + 1))
            self._numbered = len(self._texts)
        return local in self._numbers


class Standing:
    """Words that stand by themselves: 482 does not stand in 48213, nor 5 in 1.5. Each text is read once."""

    def __init__(self) -> None:
        self._words, self._read = set[str](), 0

    def hold(self, texts: Sequence[str], words: str) -> bool:
        """Whether one of the texts, a list that grows at its end alone, does."""
        if not _WORD.fullmatch(words):
            return any(_stands_in(text, words) for text in texts)
        self._words.update(word for text in texts[self._read :] for word in _BY_ITSELF.findall(text))
        self._read = len(texts)
        return words in self._words


def _stands_in(text: str, words: str) -> bool:
    start = text.find(words)
    while start >= 0:
        if _BEGINS.match(text, start) and _ENDS.match(text, start + len(words)):
            return True
        start = text.find(words, start + len(words))
    return False


_BEGINS, _ENDS = re.compile(r"(?<![\w.,])"), re.compile(r"(?!\w|[.,]\d)")
_WORD, _BY_ITSELF = re.compile(r"\w+"), re.compile(r"(?<![\w.,])\w++(?![.,]\d)")
_JOINING = re.compile(r"(?<=\w)[-./_](?=\w)")
_DIGITS, _IN_NUMBERS = re.compile(r"\d+"), re.compile(r"(?<=\d)[ ().-]++(?=\d)")


@functools.lru_cache(1024)  # a turn is asked for its facts, and then for what it tells those behind it
def _read(written: str) -> tuple[Spelled, tuple[Place[str], ...]]:
    """The text as patterns read it, and what of it looks like a fact: `claimed`."""
    spelled = Spelled(written)
    return spelled, tuple(claimed(spelled.text, spelled.cased))
