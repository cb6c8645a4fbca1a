"""The meaning guard: near-identical words may say different things.

Two conversations that differ in what was done (tool calls and their results), in a number with its unit, an address, a
negation, a date or a name, where one says the opposite of the other or has another word that tells something (a city, a
product, a verb, a sign), are no copies, however alike they look: an answer for order 1001 is none for order 1002.
Slips, forms of a word, courtesies and words that only one of them has are no such difference (spelling.py). Knows
English and Arabic, and by what the set says any other language; where it doubts, it keeps apart.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.text.folding import fold
from curation.core.text.lexicon import CURRENCY_SIGNS
from curation.dedup import lexicon, signs
from curation.dedup.spelling import LIKELY, NO_SLIP, UNKNOWN, Counts, forms, plausible, same_word, slip
from curation.dedup.tokens import Messages
from curation.similarity.shingles import Indices

Message = Mapping[str, Any]
Words = tuple[str, ...]

FIXED = ("actions", "numbers", "addresses", "negation", "dates")  # the same in both, told in this order
LOOSE = ("opposites", "names", "words")  # no copies when one stands where the other has another
UNCLEAR = "unclear"  # another word, or the same one with a slip: both stay, and people see them side by side

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
READ = ("role", "content", "tool_calls")  # of a message
RECENT = 5_000  # meanings at hand, which bounds the memory
JUDGED_AT_ONCE = 20_000  # pairs, whose messages are at hand
_PLACES = 3  # words exchanged in a conversation that is the same but for them
_TIMES = "0123456789"  # behind a word said again; no word that tells something has digits
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


class Exchange(NamedTuple):
    """Words that only one of the two has, and that stand for no word of the other: slips, or another matter."""

    gone: Words
    come: Words
    otherwise: str  # the aspect that they are of, if they are no slips

    def mistakable(self) -> Iterator[str]:
        """The words of which one may be another one with a slip, in all their forms."""
        for ours in self.gone:
            for theirs in self.come:
                if plausible(ours, theirs) != NO_SLIP:
                    yield from forms(ours) | forms(theirs)

    def settled(self, counts: Counts) -> str | None:
        """What keeps the two apart, or None when slips explain the words of either side."""
        gone, come = without_matches(self.gone, self.come, lambda ours, theirs: slip(ours, theirs, counts) == LIKELY)
        if not gone or not come:
            return None
        gone, come = without_matches(gone, come, lambda ours, theirs: slip(ours, theirs, counts) != NO_SLIP)
        return self.otherwise if gone and come else UNCLEAR


def difference_in_meaning(left: Meaning, right: Meaning, counts: Counts = UNKNOWN) -> str | None:
    """What keeps the two apart, one of FIXED, LOOSE or UNCLEAR, or None when nothing does.

    `counts`, how often the set says a word, tells slips from words; one that it lacks counts as said once.
    """
    found = difference(left, right)
    return found.settled(counts) if isinstance(found, Exchange) else found


def difference(left: Meaning, right: Meaning) -> str | Exchange | None:
    """`difference_in_meaning`, with words that the set must tell from slips as they are."""
    for aspect, ours, theirs in zip(FIXED, left.fixed, right.fixed, strict=True):
        if ours != theirs:
            return _mistyped(left, right, aspect) if may_be_mistyped(aspect, ours, theirs) else aspect
    more, fewer = left.sides - right.sides, right.sides - left.sides
    if any((pair, 1 - side) in fewer for pair, side in more):
        return "opposites"
    gone, come = _exchange(left, right)
    exchanged = {*gone, *come} - set(left.words).intersection(right.words) if gone or come else set()
    if exchanged and not (left.names | right.names).isdisjoint(exchanged):
        return "names"
    if not gone or not come:
        if moved := _moved(left, right):
            return _aspect(left, right, moved)
        gone, come = _in_place(left, right)
    return Exchange(gone, come, _aspect(left, right, {*gone, *come})) if gone and come else None


def may_be_mistyped(aspect: str, ours: Words, theirs: Words) -> bool:
    """Whether one side lacks a number, a day, a no or a unit that the other has, as where it has a slip.

    Two numbers, two days are never slips of one another.
    """
    if aspect not in ("numbers", "negation", "dates"):
        return False
    return len(ours) != len(theirs) or [said.split()[0] for said in ours] == [said.split()[0] for said in theirs]


def _mistyped(left: Meaning, right: Meaning, aspect: str) -> str | Exchange | None:
    """What keeps the two apart where that is one word in one place: none if only a space is missing there."""
    before = _alike(left.said, right.said)
    behind = _alike(left.said[before:][::-1], right.said[before:][::-1])
    ours, theirs = (side.said[before : len(side.said) - behind] for side in (left, right))
    if "".join(ours) == "".join(theirs) and len(ours) + len(theirs) == 3:  # two words in one
        return None
    if (
        len(ours) != 1
        or len(theirs) != 1
        or not (signs.told_by(*ours) or _tells(*ours))
        or not (signs.told_by(*theirs) or _tells(*theirs))
    ):
        return aspect
    return aspect if _tells(*ours) and _tells(*theirs) else Exchange(ours, theirs, aspect)


def _alike(ours: Words, theirs: Words) -> int:
    """How many words both begin with."""
    return next(
        (at for at, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other),
        min(len(ours), len(theirs)),
    )


def _tells(token: str) -> bool:
    """Whether the word is a number, a unit, a day or a no."""
    return signs.sign_of(token) is not None or token in lexicon.UNITS


def _exchange(left: Meaning, right: Meaning) -> tuple[Words, Words]:
    """What tells something on one side only, without what is the same word or is written in two words there."""
    ours, theirs = frozenset(left.telling), frozenset(right.telling)
    gone, come = ({word.rstrip(_TIMES) for word in some} for some in (ours - theirs, theirs - ours))
    apart, together = _parted(gone, right.said), _parted(come, left.said)
    return without_matches(gone - apart - together, come - apart - together, same_word)


def _moved(left: Meaning, right: Meaning) -> set[str]:
    """Words that both say as often, and in another order: from Rome to Oslo, from Oslo to Rome."""
    ours, theirs = frozenset(left.telling), frozenset(right.telling)
    changed = {word.rstrip(_TIMES) for word in ours ^ theirs}
    in_order = ([word for word in side.telling if word.rstrip(_TIMES) not in changed] for side in (left, right))
    return {word for pair in zip(*in_order, strict=True) if pair[0] != pair[1] for word in pair}


def _in_place(left: Meaning, right: Meaning) -> tuple[Words, Words]:
    """The words of a few places where one says what the other has no word for: "a lot", "a rating"; "sir", "Angela"."""
    if len(left.said) != len(right.said):
        return (), ()
    pairs = [pair for pair in zip(left.said, right.said, strict=True) if pair[0] != pair[1]]
    told = [(signs.told_by(ours), signs.told_by(theirs)) for ours, theirs in pairs if "'s" not in (ours, theirs)]
    if len(pairs) > _PLACES or all(ours == theirs for ours, theirs in told):
        return (), ()
    gone, come = zip(*pairs, strict=True)
    return without_matches(gone, come, same_word)


def _aspect(left: Meaning, right: Meaning, words: Collection[str]) -> str:
    return "words" if (left.names | left.likely | right.names | right.likely).isdisjoint(words) else "names"


def _parted(words: Collection[str], said: Sequence[str]) -> set[str]:
    """Those of `words` that the other one says with a space in them, and the parts that they have there."""
    known = set(said)
    cuts = {(word[:at], word[at:]) for word in words if len(word) >= signs.LONG for at in range(1, len(word))}
    parts = {(head, tail) for head, tail in cuts if head in known and tail in known}
    return {part for pair in parts & set(pairwise(said)) for part in ("".join(pair), *pair)} if parts else set()


def without_matches(gone: Iterable[str], come: Iterable[str], match: Callable[[str, str], bool]) -> tuple[Words, Words]:
    """What is left of either side, in order of the letters, when each word has taken its first match away with it."""
    left, right = [], sorted(come)
    for word in sorted(gone):
        found = next((other for other in right if match(word, other)), None)
        if found is None:
            left.append(word)
        else:
            right.remove(found)
    return tuple(left), tuple(right)


class Meanings:
    """Meanings of rows, worked out when asked for, as numbers: equal numbers, equal findings.

    `count` says how often the set has each of some words.
    """

    def __init__(self, messages: Messages, count: Callable[[Sequence[str]], Sequence[int]]) -> None:
        self._messages = messages
        self._count = count
        self._counts: dict[str, int] = {}
        self._codes = np.full((len(messages), len(FIXED) + len(LOOSE)), -1, np.int32)
        self._known: dict[tuple[int, Any], int] = {}
        self._fixed: dict[int, Words] = {}  # what the codes of FIXED stand for
        self._recent: dict[int, Meaning] = {}

    def codes(self, rows: Indices) -> npt.NDArray[np.int32]:
        """A row of codes for each of `rows`: FIXED, then LOOSE."""
        self._fixed_codes(rows)
        for part in self._parts(rows[self._codes[rows, -1] < 0]):
            meanings = self._of(part)
            for row in part.tolist():
                found = meanings[row]
                loose = (tuple(sorted(found.sides.items())), found.named, hash(found.told))
                self._codes[row, len(FIXED) :] = self._numbers(loose, len(FIXED))
        return self._codes[rows]

    def _fixed_codes(self, rows: Indices) -> npt.NDArray[np.int32]:
        """`codes` of FIXED alone, which keep most pairs apart and cost half as much."""
        for part in self._parts(rows[self._codes[rows, 0] < 0]):
            meanings = self._of(part)
            for row in part.tolist():
                fixed = meanings[row].fixed
                numbers = self._numbers(fixed, 0)
                self._codes[row, : len(FIXED)] = numbers
                self._fixed.update(zip(numbers, fixed, strict=True))
        return self._codes[rows, : len(FIXED)]

    def _numbers(self, said: Sequence[Any], first: int) -> list[int]:
        """The number of what each aspect says, the first of them being that of column `first`."""
        return [self._known.setdefault(aspect, len(self._known)) for aspect in enumerate(said, first)]

    def relations(self, pairs: Indices) -> list[str]:
        """For each pair "copy", or what keeps it apart."""
        parts = np.split(pairs, range(JUDGED_AT_ONCE, len(pairs), JUDGED_AT_ONCE))
        return [relation for part in parts for relation in self._relations(part)]

    def _relations(self, pairs: Indices) -> list[str]:
        self._messages.hold(pairs)
        parts = np.split(pairs, range(RECENT // 2, len(pairs), RECENT // 2))
        found = [difference for part in parts for difference in self._differences(part)]
        exchanges = (some for some in found if isinstance(some, Exchange))
        asked = sorted({word for some in exchanges for word in some.mistakable()} - self._counts.keys())
        self._counts.update(zip(asked, self._count(asked), strict=True))
        return [(some.settled(self._counts) if isinstance(some, Exchange) else some) or "copy" for some in found]

    def _differences(self, pairs: Indices) -> list[str | Exchange | None]:
        """`difference` of pairs that together have no more than RECENT rows; many are told by the codes of FIXED."""
        differing = np.not_equal(*np.split(self._fixed_codes(pairs.T.ravel()), 2))
        firsts = np.where(differing.any(axis=1), differing.argmax(axis=1), len(FIXED)).tolist()
        settled = [self._settled(first, *pair) for first, pair in zip(firsts, pairs.tolist(), strict=True)]
        asked = np.array([said is None for said in settled], bool)
        meanings = self._of(np.unique(pairs[asked]))
        return [
            _difference(meanings[one], meanings[other], alike=first == len(FIXED)) if ask else said
            for ask, said, first, (one, other) in zip(asked.tolist(), settled, firsts, pairs.tolist(), strict=True)
        ]

    def _settled(self, aspect: int, one: int, other: int) -> str | None:
        """What keeps two rows apart, whatever else they say, that differ in the aspect: one of FIXED, or None."""
        if aspect >= len(FIXED):
            return None
        ours, theirs = (self._fixed[self._codes[row, aspect]] for row in (one, other))
        return None if may_be_mistyped(FIXED[aspect], ours, theirs) else FIXED[aspect]

    def _parts(self, rows: Indices) -> list[Indices]:
        """Each row once, in the order in which their messages lie, at most RECENT together."""
        rows = self._messages.in_order(np.unique(rows))
        return np.split(rows, range(RECENT, len(rows), RECENT)) if len(rows) else []

    def _of(self, rows: Indices) -> dict[int, Meaning]:
        """The meanings of at most RECENT different rows, by row, and of others at hand."""
        unread = [row for row in rows.tolist() if row not in self._recent]
        if len(self._recent) + len(unread) > RECENT:
            self._recent, unread = {}, rows.tolist()
        fields = pl.struct(pl.element().struct.field(*READ))
        read = self._messages.of(np.array(unread, np.int64)).list.eval(fields).to_list()
        self._recent.update(zip(unread, map(meaning, read), strict=True))
        return self._recent


def _difference(left: Meaning, right: Meaning, *, alike: bool) -> str | Exchange | None:
    """`difference`, none where two that are `alike` in all of FIXED say the same."""
    same = alike and left.sides == right.sides and left.told == right.told and left.named == right.named
    return None if same else difference(left, right)


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
