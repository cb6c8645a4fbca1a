"""What a conversation says, as its copies must say it too: what was done, numbers, names, words that tell something."""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from curation.core.text.folding import fold
from curation.core.text.lexicon import CURRENCY_SIGNS
from curation.dedup import lexicon, signs

Message = Mapping[str, Any]
Words = tuple[str, ...]


FIXED = ("actions", "numbers", "addresses", "negation", "dates")  # the same in both, told in this order
READ = ("role", "content", "tool_calls")  # of a message

# A word, a number, a sign. The word first and in one piece: most tokens are words, and none is looked at twice.
_TOKEN = re.compile(
    r"'s\b|[^\W\d_]++(?!\d)(?:'[^\W\d_]+)?|(?:(?<![^\s(])-(?=\d))?[^\W_]*\d[^\W_]*(?:[.,:/٫٬-]\d[^\W_]*)*"
    + f"|(?=[^\\w\\s])(?:[{CURRENCY_SIGNS}¥%]|!=|[<>=]=?|[≤≥≠]|(?<=\\d )[-−+*/×÷](?= \\d)|[:;=]-?[()]"
    + "|[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001f3fa\U0001f400-\U0001faff])"
)
_OPERATORS = frozenset("-−+*/×÷")  # signs if numbers stand before and behind, spaces between
_TAG = re.compile(r"</?[a-z!][^<>]*>")
_ADDRESS = re.compile(r"(?<![^\s@])[^\s@]{1,64}@\S{1,255}|(?:https?://|www\.)\S+")
_SPACES = 7  # at most, between a word and the mark after which it begins a sentence
_FIRST = "|".join(rf"(?<=[.!?:؟\n\"'(«]\s{{{spaces}}}[A-Z])" for spaces in range(_SPACES + 1))
_CAPITALISED = re.compile(rf"[A-Z](?:(?:(?<![\s\S][A-Z])|{_FIRST})())?[\w'’-]*")  # with a group if it begins one
_CALLED_OUT = re.compile(r"(?:^|[،,.!؟?:\n])\s*([\u0621-\u064a]+)\s*[،,.!؟?]")
_SHORT_ANSWER = 3  # words of a customer's turn that are, for the most part, the value that was asked for


@dataclass(frozen=True)
class Meaning:
    """What a conversation says that its copies must say too; what most comparisons never come to, when asked for."""

    fixed: tuple[tuple[str, ...], ...]  # for each of FIXED what was found, in order: 2 adults, 3 children
    sides: Counter[tuple[int, int]]  # how often it says either side of the pairs in lexicon.OPPOSITES
    whole: str  # folded, with its courtesies
    tokens: Sequence[str]  # without them
    messages: Sequence[Message]  # of customer and team

    @cached_property
    def names(self) -> frozenset[str]:
        inside, _ = self._capitals
        called_out = _called_out(_text(self.messages))
        return frozenset({*inside, *_announced(self.tokens, self.words), *called_out} - lexicon.NO_NAMES)

    @cached_property
    def likely(self) -> frozenset[str]:
        """Short answers and capitalised first words of sentences: names, values or just words."""
        _, first = self._capitals
        return frozenset({*first, *_short_answers(self.messages)} - lexicon.NO_NAMES)

    @property
    def named(self) -> tuple[str, ...]:
        """Names and what may be one, in the order in which they are first said."""
        return tuple(word for word in self.words if word in self.names or word in self.likely)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Each once, in the order in which they are first said."""
        return tuple(dict.fromkeys(self.tokens))

    @cached_property
    def told(self) -> tuple[str, ...]:
        """Every word that tells something, in one form."""
        return tuple(signs.telling(self.tokens))

    @cached_property
    def said(self) -> tuple[str, ...]:
        """Every word and sign, also of courtesies."""
        return tuple(_tokens(self.whole))

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """What tells something; from its second time on a word has its number behind it."""
        times: Counter[str] = Counter()
        numbered = []
        for word in self.told:
            times[word] += 1
            numbered.append(f"{word}{times[word]}" if times[word] > 1 else word)
        return tuple(numbered)

    @cached_property
    def _capitals(self) -> tuple[set[str], set[str]]:
        return _capitals(_text(self.messages))


def meaning(messages: Sequence[Message]) -> Meaning:
    """What the guard looks at, out of what customer and team said and what was called; system prompts aside."""
    said = [m for m in messages if m["role"] in ("user", "assistant")]
    whole = fold(_text(said))
    whole = _TAG.sub(" ", whole) if "<" in whole else whole
    folded = lexicon.without_courtesies(whole)
    tokens = _tokens(folded)
    told = signs.signs_in(tokens)
    return Meaning(
        (
            tuple(_actions(messages)),
            tuple(signs.numbers(told)),
            tuple(_addresses(folded)),
            tuple(sorted(sign.negation for _, sign, _ in told if sign.negation)),
            tuple(signs.dates(told)),
        ),
        Counter(sign.side for _, sign, _ in told if sign.side),
        whole,
        tokens,
        said,
    )


def _text(said: Sequence[Message]) -> str:
    return "\n".join(m["content"] for m in said)


def _tokens(folded: str) -> list[str]:
    """Words, numbers and signs. Part by part between spaces: most parts were met before."""
    parts = folded.split()
    if _OPERATORS.isdisjoint(parts):
        return list(chain.from_iterable(map(_tokens_between, parts)))
    return _TOKEN.findall(folded)


@lru_cache(maxsize=1 << 15)
def _tokens_between(part: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(part))


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


def _capitals(text: str) -> tuple[set[str], set[str]]:
    """Folded capitalised words inside of sentences, and those that begin one."""
    inside: set[str] = set()
    first: set[str] = set()
    for match in _CAPITALISED.finditer(text):
        (inside if match[1] is None else first).add(match[0])
    return set(_tokens(fold(" ".join(inside)))), set(_tokens(fold(" ".join(first))))


def _called_out(text: str) -> Iterable[str]:
    return () if text.isascii() else map(fold, _CALLED_OUT.findall(text))


def _announced(tokens: Sequence[str], words: Collection[str]) -> Iterator[str]:
    """Words after those that announce a name."""
    if "name" in words or not lexicon.NAME_FOLLOWS.isdisjoint(words):
        for at, token in enumerate(tokens[:-1]):
            if token in lexicon.NAME_FOLLOWS or (token == "is" and tokens[at - 1 : at] == ["name"]):
                yield tokens[at + 1]


def _short_answers(said: Sequence[Message]) -> Iterator[str]:
    for m in said:
        if m["role"] == "user" and len(m["content"].split(None, _SHORT_ANSWER)) <= _SHORT_ANSWER:
            yield from _tokens(fold(m["content"]))
