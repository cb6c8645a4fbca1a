"""Whether two words are one word written twice: a form of it, another spelling, or a slip of the fingers.

A slip is rare in the set and the word that was meant is not: two words that both occur are two words, however alike
("shirt", "short"). Where the set is too small to tell, only what hands do all the time counts as a slip.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

from curation.dedup import lexicon

Counts = Mapping[str, int]  # how often the set says a word
UNKNOWN: Counts = {}

NO_SLIP, POSSIBLE, LIKELY = range(3)

_KNOWN, _KNOWN_LONG = 4, 2  # times from which a word is at home in the set, and one of _LONG letters
_SHARE = 25  # a slip occurs once to so many times of the word that was meant ...
_ONCE = 1  # ... or once at all
_SHORTEST = 4  # letters of the longer one; of shorter words another one is as likely as a slip
_LONG, _LONGER, _LONGEST = 5, 6, 7  # letters from which two in each other's place, one lost, one beside are likelier
_TWO_SLIPS = 8  # letters from which two slips in a word are taken for slips
_KEYS = (  # rows of the English and the Arabic (101) keyboard, as `fold` writes their letters
    "qwertyuiop",
    "asdfghjkl",
    " zxcvbnm",
    "ضصثقفغعهخحجد",
    "شسيبلاتنمكط",
    " ءور  هوزظ",
)
_CONFUSED = frozenset(  # written for one another by ear
    frozenset(pair) for pair in "ae ai ao eo eu ei iy ou ck sz sc gj fv ضظ ذد ذز ثت ثس صس طت قك".split()
)
_VOWELS = frozenset("aeiou")
_ENGLISH_ENDS = (("ies", "y"), ("ied", "y"), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""))
_SIBILANTS = ("ses", "xes", "zes", "ches", "shes", "oes")
_ARTICLES = ("وال", "بال", "فال", "كال", "ولل", "لل", "ال")
_PARTICLES = {"و": 3, "ب": 3, "ل": 3, "ف": 4, "ك": 4}  # and, by, for, so, like; letters that a word has without them
_POSSESSIVES = ("كما", "كم", "كن", "نا", "ها", "هم", "ني", "ك", "ي")
_SHORTEST_ROOT = 3


def same_word(left: str, right: str) -> bool:
    """Forms and spellings of one word, whatever the set says: order, orders, ordered; colour, color; طلب, الطلب."""
    if lexicon.SYNONYMS.get(left, left) == lexicon.SYNONYMS.get(right, right):
        return True
    if left.isascii() and right.isascii():
        return not _english_bases(left).isdisjoint(_english_bases(right))
    return _joined(left, right) or _joined(right, left) or not _arabic_bases(left).isdisjoint(_arabic_bases(right))


def slip(left: str, right: str, counts: Counts) -> int:
    """LIKELY when one is the other mistyped, POSSIBLE when it may be so or a word of its own, NO_SLIP."""
    plain = plausible(left, right)
    if plain == NO_SLIP or frozenset((left, right)) in lexicon.CONFUSABLE:
        return min(plain, POSSIBLE)
    fewer = min(counts.get(left, 1), counts.get(right, 1))
    more = max(_at_home(left, right, counts), _at_home(right, left, counts))
    if more >= (_KNOWN if max(len(left), len(right)) < _LONG else _KNOWN_LONG):
        return LIKELY if fewer <= max(_ONCE, more // _SHARE) else POSSIBLE
    return plain if fewer <= _ONCE else POSSIBLE


def _at_home(word: str, other: str, counts: Counts) -> int:
    """How often the set says the word, or the form of it, and not of the other, that it says the most."""
    return max(counts.get(form, 1) for form in {word} | (forms(word) - forms(other)))


@lru_cache(maxsize=1 << 15)
def forms(word: str) -> frozenset[str]:
    """The word and what else a set that knows it may say: for orders order; for وبطاقتي بطاقتي, بطاقه, البطاقه."""
    if word.isascii():
        return _english_bases(word) | {word}
    bare = {word} | {word.removeprefix(head) for head in (*_ARTICLES, *_PARTICLES) if word.startswith(head)}
    ended = {base.removesuffix(end) for base in bare for end in ("", *_POSSESSIVES) if base.endswith(end)}
    opened = {base[:-1] + "ه" for base in ended if base.endswith("ت")}  # ta marbuta before an ending
    stems = {stem for stem in bare | ended | opened if len(stem) >= _SHORTEST_ROOT}
    return frozenset({word} | stems | {"ال" + stem for stem in stems if not stem.startswith("ال")})


@lru_cache(maxsize=1 << 16)
def plausible(left: str, right: str) -> int:
    """`slip` by the letters alone: LIKELY for what hands do all the time, POSSIBLE for any other single slip."""
    if max(len(left), len(right)) < _SHORTEST or not (left.isalpha() and right.isalpha()):
        return NO_SLIP
    left, right = sorted((left, right), key=lambda word: (len(word), word))
    if len(right) - len(left) > 1:
        return POSSIBLE if _two_slips(left, right) else NO_SLIP
    head = next((at for at, (ours, theirs) in enumerate(zip(left, right, strict=False)) if ours != theirs), len(left))
    if len(left) < len(right):
        return _letter_lost(left, right, head)
    return _letters_changed(left, right, head)


def _letter_lost(shorter: str, longer: str, head: int) -> int:
    if shorter[head:] != longer[head + 1 :]:
        return POSSIBLE if _two_slips(shorter, longer) else NO_SLIP
    if longer[head] in longer[max(0, head - 1) : head] + longer[head + 1 : head + 2]:
        return LIKELY  # a letter twice
    inside = 0 < head < len(shorter)  # at its end stand the forms of a word
    return LIKELY if inside and len(shorter) >= _LONGER else POSSIBLE if head else NO_SLIP


def _letters_changed(left: str, right: str, head: int) -> int:
    pair = left[head : head + 2]
    if pair[::-1] == right[head : head + 2] and left[head + 2 :] == right[head + 2 :]:
        return LIKELY if len(left) >= _LONG else POSSIBLE
    if left[head + 1 :] != right[head + 1 :]:
        return POSSIBLE if _two_slips(left, right) else NO_SLIP
    letters = frozenset((left[head], right[head]))
    if letters not in _CONFUSED and letters not in _NEIGHBOURS:
        return POSSIBLE if head and len(left) >= _LONG + 1 else NO_SLIP
    return LIKELY if 0 < head < len(left) - 1 and len(left) >= _LONGEST else POSSIBLE if head else NO_SLIP


def _two_slips(left: str, right: str) -> bool:
    """Whether words so long, of the same first letter, are two edits apart."""
    return len(left) >= _TWO_SLIPS and left[0] == right[0] and _edits(left, right) <= 2


def _edits(left: str, right: str) -> int:
    """Optimal string alignment: letters lost, put in, changed or in each other's place (Damerau 1964)."""
    before: Sequence[int] = ()
    row: list[int] = list(range(len(right) + 1))
    for at, letter in enumerate(left, 1):
        before_that, before, row = before, row, [at]
        for place, other in enumerate(right, 1):
            least = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != other))
            if at > 1 and place > 1 and (letter, left[at - 2]) == (right[place - 2], other):
                least = min(least, before_that[place - 2] + 1)
            row.append(least)
    return row[-1]


def _neighbours() -> Iterator[frozenset[str]]:
    for row, below in zip(_KEYS, (*_KEYS[1:], ""), strict=True):
        for at, key in enumerate(row):
            beside = row[at + 1 : at + 2] + (below[max(0, at - 1) : at + 1] if below[:1] != "ض" else "")
            yield from (frozenset(pair) for pair in product(key, beside) if " " not in pair)


_NEIGHBOURS = frozenset(_neighbours())


@lru_cache(maxsize=1 << 15)
def _english_bases(word: str) -> frozenset[str]:
    """What the word may be a form of, itself among them: plans, planned -> plan; British spellings as American."""
    bases = {word}
    for end, instead in _ENGLISH_ENDS:
        if word.endswith(end) and not word.endswith("ss") and len(word) - len(end) >= 3:
            bases.add(word.removesuffix(end) + instead)
    if word.endswith(_SIBILANTS):
        bases.add(word[:-2])
    bases |= {base[:-1] for base in bases if base != word and len(base) > _SHORTEST and base[-1] == base[-2]}
    return frozenset(_american(base) for base in bases)


def _american(word: str) -> str:
    if len(word) > _LONG:
        word = word.replace("isation", "ization")
        if word.endswith("our"):
            return word[:-3] + "or"
        if word.endswith(("ise", "yse")):
            return word[:-2] + "ze"
        if word.endswith("tre"):
            return word[:-2] + "er"
    return word


@lru_cache(maxsize=1 << 15)
def _arabic_bases(word: str) -> frozenset[str]:
    """The word without article and without my, your, our: what is left of "the order", "your order", "my order"."""
    ended = word[:-1] + "ت" if word.endswith("ه") else word  # ta marbuta, which opens before an ending
    heads = {ended, *(ended.removeprefix(head) for head in _ARTICLES)}
    bases = heads | {base.removesuffix(end) for base in heads for end in _POSSESSIVES}
    return frozenset(base for base in bases if len(base) >= _SHORTEST_ROOT)


def _joined(word: str, longer: str) -> bool:
    """Whether the longer is the word with one Arabic letter before it. Two words are not cut both: فندق is no بندق."""
    return longer[1:] == word and len(word) >= _PARTICLES.get(longer[0], len(longer))
