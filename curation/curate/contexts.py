"""What a fact is the price, the hour, the number of: the words around it, with the fact itself blanked."""

import functools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curation.core.text.facts import Fact
from curation.core.text.folding import fold
from curation.core.text.language import SHARED_WORDS, SMALL_WORDS

BLANK = "___"
NEAREST = 6  # content words that make a context
LONGEST = 160  # characters of a sentence that is shown
SEEN = 250  # characters before and behind a fact in which its context is looked for
_SENTENCE_ENDS = re.compile(r"(?<=[.!?؟…])[\s*_)\"»]+|(?:(?<!\s)\s+)?[;؛|]\s*")
_CLAUSE_ENDS = re.compile(r"[,،:()]\s|\s[-–—]\s|[,،]|\s(?:and|but|while|أما|بينما)\s", re.IGNORECASE)
_LIST_ITEM = re.compile(r"\s*(?:[-*•·–]|\d{1,2}[.)])\s+")
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*).*|.*[:：][\s*]*$")
_WORD = re.compile(r"[^\W_](?:[\w'-]*[^\W_])?")
_TAG = re.compile(r"[a-z_]+_\d+")  # in place of personal data: [name_1]
NAMING = ("code", "number", "link")  # facts that say which thing a sentence is about
# Words that say that a value follows, or since when, and not of what; folded.
_SAYS_NOTHING = frozenset(
    fold(
        "price prices priced cost costs costing fee fees charge charges charged rate rates amount amounts "
        "pay paid worth equals now how much many currently today since until till starting starts started "
        "new old changed become became effective its only about around approximately roughly exactly note "
        "hello hi welcome dear happy glad certainly sure course may will would takes take also still per "
        "each every was were being comes come as well during valid said says month months week year "
        "january february march april june july august september october november december "
        "سعر أسعار السعر تكلفة التكلفة رسوم الرسوم أجرة ثمن يبلغ تبلغ بلغ مبلغ قيمة القيمة يكلف تكلف "
        "يساوي بسعر برسوم بقيمة بمبلغ حاليا حالياً الآن الان اليوم منذ ابتداء ابتداءً اعتبارا اعتباراً "
        "حتى فقط حوالي تقريبا تقريباً نحو هو هي يكون تكون ستكون سيكون أصبح أصبحت صار صارت كان كانت بات "
        "باتت الجديدة الجديد القديم القديمة قد لقد إن أهلا أهلاً مرحبا مرحباً وعليكم السلام عزيزي عزيزتي "
        "نعم طبعا طبعاً أكيد تفضل بكل سرور حيث لدينا عندنا لكل شهر سنة أيضا كذلك كم لديكم عندكم لديك عندك "
        "عبر عند مقابل بحسب وهي وهو تدفع ندفع يدفع"
    ).split()
)
_OWN = re.compile(
    r"\byours?\b|\b(?:اشتراك|استرداد)ك\b"
    r"|\b(?!(?:لدي|علي|عند|خدمت|تواصل|مساعدت|سؤال|صبر|[ينا]\w{2,})(?:ك|كم)\b)[^\W\d_]{3,}(?:ك|كم)\b"
)
# Words that make another thing of it: delivery outside the city is not delivery; as stems.
TURNING = frozenset(
    "outside except without not no non below above under over abroad weekend friday international express "
    "خارج عدا بدون غير ليس لا اقل اكثر فوق تحت دولي سريع جمع عطل".split()
)
_SMALL = SHARED_WORDS | frozenset(fold(" ".join(sorted(SMALL_WORDS["en"] | SMALL_WORDS["ar"]))).split())
_ARTICLES = re.compile(r"^(?:[وف]?[بك]?ال|[وف]?لل)(?=[^\W\d_]{3})")
_ENDINGS = re.compile(r"(?<=[^\W\d_]{3})(?:'s|ies|ing|ed|es|s|y|هم|ها|كم|نا|ات|ون|ين|ه|ك)$")


@dataclass(frozen=True)
class Around:
    """`words`: the content words next to a fact, at most NEAREST, in their order; `subject`: the same words' stems."""

    sentence: str
    words: tuple[str, ...]
    subject: frozenset[str]
    own: bool  # the sentence speaks of what is the customer's: your order, طلبك


def around(text: str, facts: Sequence[Fact], fact: Fact, asked: str = "") -> Around:
    """What the fact is about: the words of its clause, else of the others of its sentence, else of what stands before.

    `facts`: all of the text. Words beyond another fact of the same kind are that one's. A list item is about its
    heading too; a bare answer about what was `asked`.
    """
    facts = _near(facts, fact)
    start, end = _sentence(text, facts, fact)
    line = _line_of(text, fact.start)
    heading = _words(line.heading)
    words = next(filter(None, _closer_and_closer(text, facts, fact, start, end)), [])
    if heading and (not words or line.is_item):
        words = [*heading, *words]
    before = text[max(0, start - SEEN) : start].rstrip()
    words = words or _words(before[_last_end(before) :]) or _words(asked[-SEEN:])
    sentence = " ".join(f"{text[start : fact.start]}{BLANK}{text[fact.end : end]}".split()).strip("-*•| ")
    return Around(
        _cut(sentence), tuple(words[:NEAREST]), frozenset(map(stem, words[:NEAREST])), bool(_OWN.search(fold(sentence)))
    )


def stem(word: str) -> str:
    """A word folded, without article and ending: delivery, deliveries are one, and so are التوصيل, توصيلكم."""
    return _ENDINGS.sub("", _ARTICLES.sub("", fold(word)))


def _closer_and_closer(text: str, facts: Sequence[Fact], fact: Fact, start: int, end: int) -> Iterator[list[str]]:
    """The words of the fact's clause, of the clauses before and behind it, and of the whole sentence."""
    alike = [f for f in facts if f.kind == fact.kind and f != fact]
    left = max((f.end for f in alike if start <= f.end <= fact.start), default=start)
    right = min((f.start for f in alike if fact.end <= f.start < end), default=end)
    cuts = list(_apart(_CLAUSE_ENDS.finditer(text, left, right), facts))
    before = [left, *(m.end() for m in cuts if m.end() <= fact.start)]
    behind = [*(m.start() for m in cuts if m.start() >= fact.end), right]
    blanked = [f for f in facts if f.kind not in NAMING or f == fact]
    words = list(_apart(_WORD.finditer(text, start, end), blanked))
    yield _nearest(words, fact, before[-1], behind[0])
    yield _nearest(words, fact, left, fact.start)
    yield _nearest(words, fact, fact.end, right)
    yield _nearest(words, fact, start, end)


def _nearest(words: Sequence[re.Match[str]], fact: Fact, start: int, end: int) -> list[str]:
    """The content words between two places of the text, the NEAREST to the fact, in their order."""
    found = [
        (min(abs(m.start() - fact.end), abs(fact.start - m.end())), m.start(), m.group())
        for m in words
        if start <= m.start() and m.end() <= end and _says_something(m.group())
    ]
    return [word for _, _, word in sorted(sorted(found)[:NEAREST], key=lambda one: one[1])]


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if _says_something(word)][-NEAREST:]


@functools.lru_cache(4_096)
def _says_something(word: str) -> bool:
    bare = fold(word)
    return len(bare) > 1 and not _TAG.fullmatch(bare) and not {bare, _ARTICLES.sub("", bare)} & (_SAYS_NOTHING | _SMALL)


def _near(facts: Sequence[Fact], fact: Fact) -> Sequence[Fact]:
    """Those of all facts, in their order, that begin where the context is looked for."""
    first = bisect_left(facts, fact.start - SEEN, key=lambda f: f.start)
    return facts[first : bisect_left(facts, fact.end + SEEN, key=lambda f: f.start)]


def _apart(matches: Iterable[re.Match[str]], facts: Iterable[Fact]) -> Iterator[re.Match[str]]:
    """The matches that overlap none of the facts. Both are in order, and no fact overlaps another."""
    rest = iter(facts)
    fact = next(rest, None)
    for match in matches:
        while fact and fact.end <= match.start():
            fact = next(rest, None)
        if fact is None or match.end() <= fact.start:
            yield match


def _sentence(text: str, facts: Sequence[Fact], fact: Fact) -> tuple[int, int]:
    """Where its sentence begins and ends, within one line. A sign within a fact, as in 10.50 or a link, ends none."""
    first, last = max(0, fact.start - SEEN), min(len(text), fact.end + SEEN)
    start, behind = max(first, text.rfind("\n", first, fact.start) + 1), text.find("\n", fact.end, last)
    end = last if behind < 0 else behind
    cuts = list(_apart(_SENTENCE_ENDS.finditer(text, start, end), facts))
    start = max((m.end() for m in cuts if m.end() <= fact.start), default=start)
    return start, min((m.start() for m in cuts if m.start() >= fact.end), default=end)


class _Line(NamedTuple):
    start: int
    is_item: bool
    heading: str  # the nearest line above that is a heading, if only list items stand between


def _line_of(text: str, place: int) -> _Line:
    lines = _lines(text)
    return lines[bisect_right(lines, place, key=lambda line: line.start) - 1]


@functools.lru_cache(2)
def _lines(text: str) -> Sequence[_Line]:
    lines, start, heading = list[_Line](), 0, ""
    for line in text.split("\n"):
        lines.append(_Line(start, _LIST_ITEM.match(line) is not None, heading))
        start += len(line) + 1
        if _HEADING.match(line):
            heading = line
        elif line.strip() and not lines[-1].is_item:
            heading = ""
    return lines


def _last_end(text: str) -> int:
    """Where the last sentence of a text begins."""
    return max((m.end() for m in _SENTENCE_ENDS.finditer(text, 0, len(text) - 1)), default=text.rfind("\n") + 1)


def _cut(sentence: str) -> str:
    """LONGEST characters around the blank."""
    first = max(0, min(sentence.find(BLANK) - LONGEST // 2, len(sentence) - LONGEST))
    return sentence if len(sentence) <= LONGEST else f"…{sentence[first + 1 : first + LONGEST - 1]}…"
