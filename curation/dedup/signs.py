"""What a word tells, alone: a number, a negation, a date, an opposite; and in which one form it names the matter."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from curation.core.text.lexicon import CURRENCY_SIGNS, THOUSANDS
from curation.dedup import lexicon

_DRAWN_OUT, _TWICE = re.compile(r"(.)\1{2,}"), re.compile(r"(.)\1")
_THOUSANDS = re.compile(THOUSANDS)
_CIRCUMFIX = re.compile(r"[وف]?م\w{3,}ش")  # Egyptian and Levantine negation around the verb
_CURRENCIES = tuple(f"{CURRENCY_SIGNS}¥")
LONG = 5  # letters of a word in which a misspelling is likelier than another name


class Sign(NamedTuple):
    """What a word tells, alone: a number, a negation, a day or month, a part of the day, a side of two opposites."""

    number: str | None
    negation: str | None
    date: str | None
    day_part: str | None
    side: tuple[int, int] | None


def _slips(word: str) -> Iterator[str]:
    """The word with two letters side by side in each other's place; a long English one with a letter lost or twice."""
    for at in range(len(word) - 1):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if at and word.isascii() and len(word) > LONG:
            yield from (word[:at] + word[at + 1 :], word[: at + 1] + word[at:])


def _with_slips(words: Mapping[str, str]) -> dict[str, str]:
    """The long ones of `words` with a slip besides."""
    long = {word: said for word, said in words.items() if len(word) >= LONG}
    slips = {(slip, word): said for word, said in long.items() for slip in _slips(word)}
    known = {slip: said for (slip, word), said in slips.items() if frozenset((slip, word)) not in lexicon.CONFUSABLE}
    return known | dict(words)


_DATES, _NEGATIONS = _with_slips(lexicon.DATES), _with_slips(lexicon.NEGATIONS)


@lru_cache(maxsize=1 << 16)
def sign_of(token: str) -> Sign | None:
    """None for most words. A day, a month or a "nothing" with a slip of the fingers is still the same."""
    found = Sign(
        _number(token),
        "not" if token.endswith("n't") else token if _CIRCUMFIX.fullmatch(token) else _NEGATIONS.get(token),
        _DATES.get(token),
        token if token in lexicon.DAY_PARTS else None,
        lexicon.OPPOSITES.get(lexicon.stem(token)),
    )
    return found if any(found) else None


def _number(token: str) -> str | None:
    if any(map(str.isdigit, token)):
        return _THOUSANDS.sub("", token).replace("٫", ".")
    return lexicon.DUALS.get(token, lexicon.NUMBER_WORDS.get(token))


def signs_in(tokens: Sequence[str]) -> list[tuple[str, Sign, str]]:
    """The sign of each token that has one, between the word before and the word after."""
    known = {token: sign for token in set(tokens) if (sign := sign_of(token))}
    around = ("", *tokens, "")
    return [(around[at], known[token], around[at + 2]) for at, token in enumerate(tokens) if token in known]


def telling(tokens: Sequence[str]) -> Iterable[str]:
    """What names the matter, each in one form: no numbers and days, which are compared as such, and no empty words."""
    told = map(told_by, tokens)
    if "a" not in tokens or lexicon.LABELLED.isdisjoint(tokens):
        return filter(None, told)
    labels = ("a" if token == "a" and before in lexicon.LABELLED else "" for before, token in pairwise(("", *tokens)))
    return filter(None, map(max, labels, told))


@lru_cache(maxsize=1 << 16)
def told_by(token: str) -> str:
    """The one form of a word or sign that tells something; else empty."""
    sign = sign_of(token)
    if (sign and (sign.number or sign.negation or sign.date or sign.day_part)) or token in _CURRENCIES:
        return ""
    if token in lexicon.SIGNS:
        return lexicon.SIGNS[token]
    word = _DRAWN_OUT.sub(r"\1", token.removesuffix("'s"))
    word = lexicon.SHORT_FORMS.get(word, word)
    empty = word in lexicon.EMPTY or word.split("'")[0] in lexicon.EMPTY
    empty = empty or (not word.isascii() and _TWICE.sub(r"\1", word) in lexicon.EMPTY)
    return "" if empty else lexicon.UNITS.get(word, word)


def numbers(signs: Sequence[tuple[str, Sign, str]]) -> Iterator[str]:
    """Numbers in digits or in words, each with the unit after it or the currency before it."""
    for before, sign, after in signs:
        if sign.number:
            yield f"{sign.number} {lexicon.UNITS.get(after, before if before in _CURRENCIES else '')}".rstrip()


def dates(signs: Sequence[tuple[str, Sign, str]]) -> Iterator[str]:
    """Days, months and parts of the day; "good morning" and its like tell no time."""
    for before, sign, after in signs:
        if sign.date:
            yield sign.date
        elif sign.day_part and not {before, after} & lexicon.WELL_WISHED:
            yield sign.day_part
