"""The meaning guard: near-identical words may say different things.

Two texts that differ in a number, a negation or a name are no copies of each other, however alike they look: an answer
for order 1001 is not an answer for order 1002. Knows English and Arabic.
"""

import re
from collections import Counter
from itertools import pairwise

from curation.text import fold

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:؟\n]\s*|[\"'(«]\s*)$")
MARKS = 8  # characters before a word in which the end of a sentence would stand
_CAPITALISED = re.compile(r"[A-Z][\w'’-]*")

NEGATIONS = frozenset(
    (
        "no not never none nothing nobody neither nor without cannot can't couldn't don't doesn't didn't won't "
        "wouldn't shouldn't isn't aren't wasn't weren't haven't hasn't hadn't "
        "لا لم لن ليس ليست لست غير بدون دون ما مش مو مب مافي"
    ).split()
)
# Arabic has no capitals: a name is what follows a word that announces one, or what is called out between marks.
_NAME_FOLLOWS = frozenset(
    fold(word)
    for word in (
        "اسمي أنا معك السيد السيدة الأستاذ الأستاذة أستاذ أستاذة سيد سيدة الأخ الأخت أخي أختي أبو أم يا عزيزي عزيزتي "
        "الكريم الكريمة مرحبا مرحباً أهلا أهلاً هلا أهلين حياك"
    ).split()
)
_CALLED_OUT = re.compile(r"(?:^|[،,.!؟?:\n])\s*([\u0621-\u064a]+)\s*[،,.!؟?]")


def difference_in_meaning(left: str, right: str) -> str | None:
    """What keeps the two texts apart ("numbers", "negation", "names"), or None when nothing does."""
    if Counter(_NUMBER.findall(fold(left))) != Counter(_NUMBER.findall(fold(right))):
        return "numbers"
    left_words, right_words = _words(left), _words(right)
    differing = {word for word in left_words | right_words if left_words[word] != right_words[word]}
    if differing & NEGATIONS:
        return "negation"
    if differing & (_names(left) | _names(right)):
        return "names"
    return None


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(fold(text)))


def _names(text: str) -> set[str]:
    """Folded words that are likely names: capitals inside a sentence, Arabic words announced or called out."""
    capitals = {
        fold(match.group())
        for match in _CAPITALISED.finditer(text)
        if not _SENTENCE_START.search(text[max(0, match.start() - MARKS) : match.start()]) and match.group() != "I"
    }
    words = _WORD.findall(fold(text))
    announced = {after for before, after in pairwise(words) if before in _NAME_FOLLOWS}
    called = {fold(match.group(1)) for match in _CALLED_OUT.finditer(text)}
    return capitals | announced | called
