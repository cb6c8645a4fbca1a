"""Copies with which dedup is tried: a conversation typed again, and a twin in which one word tells another thing.

As in `defects`, none of the code or of the words is shared with what is tried.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice
from random import Random

from curation.core.record.draw import lot
from curation.planting.defects import Draw, Spoil, phrases, with_content
from curation.planting.rows import Row

NEAR_COPY, TWIN = "near_copy", "twin"
SHINGLE = 5  # words
ALIKE = 0.72  # Jaccard of shingles with the original; what is less alike is no copy, and needs no guard to stay apart
RETYPED = ("greeted", "dropped", "misspelt")
NEGATIONS = frozenset("no not never nor none neither cannot لا لم لن ليس ليست غير ما دون بدون".split())
SEEN = 2  # conversations that say a word between the same neighbours
COMMON = 0.05  # share of the conversations from which a word tells little
SPELT_ALIKE = 0.6  # difflib's ratio from which two words may be forms of one
_WORD = re.compile(r"\w+")
_PLAIN = re.compile(r"[a-z]{4,}|[\u0621-\u064a]{4,}")

Slots = Mapping[tuple[str, str], Counter[str]]  # by its neighbours: a word, and how many conversations say it there


def copied(rows: Sequence[Row], most: int, seed: int) -> Iterator[Row]:
    """Up to `most` near-copies and as many twins of clean rows of one language, each with its own original: `twin`."""
    used: set[str] = set()
    for kind, edit in ((NEAR_COPY, near_copy), (TWIN, twins(rows))):
        left = sorted((row for row in rows if row.id not in used), key=lambda row: lot(f"{seed} {kind} {row.id}"))
        draws = (Draw(Random(f"{seed} {kind} {row.id}"), rows, phrases()) for row in left)
        made = (edit(row, draw) for row, draw in zip(left, draws, strict=True))
        for one in islice(filter(None, made), most):
            used.add(str(one.twin))
            yield replace(one, defect=kind)


def near_copy(row: Row, draw: Draw) -> Row | None:
    """The same conversation typed again: a word dropped or misspelt, a greeting in front; no number, no negation."""
    copy = row
    for how in draw.rng.sample(RETYPED, draw.rng.randint(1, 3)):
        copy = retyped(copy, how, draw)
    return _copy(row, copy)


def retyped(row: Row, how: str, draw: Draw) -> Row:
    """The row with one turn of the customer typed in one of the ways of RETYPED."""
    rng, turn = draw.rng, draw.rng.choice(row.said("user"))
    words = row.messages[turn]["content"].split(" ")
    plain = [k for k, word in enumerate(words) if k and _is_plain(word)]
    if how == "greeted" or not plain:
        words = [draw.phrase("near_copy", row), *words]
    elif how == "dropped":
        del words[rng.choice(plain)]
    else:
        k = rng.choice(plain)
        at = rng.randrange(len(words[k]) - 1)
        words[k] = words[k][:at] + words[k][at + 1] + words[k][at] + words[k][at + 2 :]
    return with_content(row, {turn: " ".join(words)})


def _is_plain(word: str) -> bool:
    """Whether a word may go or be misspelt: no number, no negation (dialects end it in sheen), no English name."""
    return len(word) > 3 and word.isalpha() and word == word.lower() and word not in NEGATIONS and word[-1] != "ش"


def _copy(row: Row, copy: Row) -> Row | None:
    one, other = shingles(row.text), shingles(copy.text)
    alike = len(one & other) / max(len(one | other), 1)
    return replace(copy, id=f"{row.id} again", twin=row.id) if ALIKE <= alike < 1 else None


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of SHINGLE words."""
    words = _WORD.findall(text.lower())
    return set(zip(*(words[k:] for k in range(SHINGLE)), strict=False))


# -- twins -------------------------------------------------------------------------------------------------------------


def twins(rows: Sequence[Row]) -> Spoil:
    """An edit: one word that a customer says, exchanged for another one that these rows have between the same words.

    So "my debit card" becomes "my credit card". Words that many say tell little, and two that are spelt alike may be
    forms of one: neither is exchanged.
    """
    slots = _slots(rows)
    said = Counter(word for row in rows for word in set(_WORD.findall(row.of("user").lower())))
    common = {word for word, number in said.items() if number > max(SEEN, COMMON * len(rows))}

    def twin(row: Row, draw: Draw) -> Row | None:
        found = [
            (turn, start, end, others)
            for turn in row.said("user")
            for start, end, others in _exchangeable(row.messages[turn]["content"], slots, common)
        ]
        if not found:
            return None
        turn, start, end, others = draw.rng.choice(found)
        text = row.messages[turn]["content"]
        return _copy(row, with_content(row, {turn: text[:start] + draw.rng.choice(others) + text[end:]}))

    return twin


def _slots(rows: Sequence[Row]) -> Slots:
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        here = set()
        for turn in row.said("user"):
            words = _WORD.findall(row.messages[turn]["content"])
            here |= set(zip(words, words[1:], words[2:], strict=False))
        for before, word, after in here:
            if _PLAIN.fullmatch(word):
                found[before.lower(), after.lower()][word] += 1
    return found


def _exchangeable(text: str, slots: Slots, common: set[str]) -> Iterator[tuple[int, int, list[str]]]:
    """Begin and end of each word that others stand in the place of, and these."""
    spans = list(_WORD.finditer(text))
    for before, here, after in zip(spans, spans[1:], spans[2:], strict=False):
        word = here.group()
        if not _PLAIN.fullmatch(word) or word in common:
            continue
        beside = slots.get((before.group().lower(), after.group().lower()), Counter())
        others = [
            other
            for other, number in sorted(beside.items())
            if number >= SEEN and other not in common and SequenceMatcher(None, word, other).ratio() < SPELT_ALIKE
        ]
        if others:
            yield here.start(), here.end(), others
