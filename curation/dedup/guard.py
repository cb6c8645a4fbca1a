"""The meaning guard: near-identical words may say different things.

Two conversations that differ in what was done (tool calls and their results), in a number with its unit, an address, a
negation, a date or a name, where one says the opposite of the other or has another word that tells something (a city, a
product, a verb, a sign), are no copies, however alike they look: an answer for order 1001 is none for order 1002.
Slips, forms of a word, courtesies and words that only one of them has are no such difference (spelling.py). Knows
English and Arabic, and by what the set says any other language; where it doubts, it keeps apart.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.dedup import lexicon, signs
from curation.dedup.meaning import FIXED, READ, Meaning, Words, meaning
from curation.dedup.spelling import LIKELY, NO_SLIP, UNKNOWN, Counts, forms, plausible, same_word, slip
from curation.dedup.tokens import Messages
from curation.similarity.shingles import Indices

LOOSE = ("opposites", "names", "words")  # no copies when one stands where the other has another
UNCLEAR = "unclear"  # another word, or the same one with a slip: both stay, and people see them side by side

RECENT = 5_000  # meanings at hand, which bounds the memory
JUDGED_AT_ONCE = 20_000  # pairs, whose messages are at hand
_PLACES = 3  # words exchanged in a conversation that is the same but for them
_TIMES = "0123456789"  # behind a word said again; no word that tells something has digits


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
