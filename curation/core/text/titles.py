"""Words that are a name or a title where they stand: of a person, a place, a film, a song."""

import re

_SENTENCE_ENDS = re.compile(r"[.!?…;()\"“«»”\n]")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_I = re.compile(r"(?:I(?:['’]\w+)?\b\W*)+")  # has its capital wherever it stands
_QUOTED = (('"', '"'), ("“", "”"), ("«", "»"), ("‘", "’"))
# Of what has a title, when it stands before it. In folded text.
_TITLED = re.compile(
    r"(?:^|\W)(?:(?:film|movie|book|novel|song|album|series|musical|titled|entitled|named|بعنوان)[ :]{1,2}"
    r"|[وفبل]?(?:ال)?(?:فيلم|روايه|كتاب|مسلسل|اغنيه|مسرحيه|لعبه)[ :]{1,2}ال)$"  # without it: how it is
)
LONGEST_SENTENCE = 2_000  # characters on either side that tell how its other words are written
LONGEST_TITLE = 60  # characters within a pair of quotation marks
CAPITALS = 0.75  # share of a sentence's words from which its capitals tell nothing


def is_name(text: str, folded: str, start: int, end: int) -> bool:
    """Whether folded[start:end] is written as a name or a title in the text that was folded.

    It is where it stands in quotation marks, behind "the film", or has a capital in the middle of a sentence whose
    other words have none, at its last word as well as at its first: "Kiss my arse" behind a sentence without an end is
    the next one. People who swear write no capitals, or nothing else.
    """
    if _TITLED.search(folded, max(0, start - 20), start) or _quoted(folded, start, end):
        return True
    shape = " ".join(text.split())
    return len(shape) == len(folded) and _capital_of_its_own(shape, start, end)


def _quoted(text: str, start: int, end: int) -> bool:
    if (text[start - 1 : start], text[end : end + 1]) == ("'", "'"):  # an apostrophe stands on one side only
        return True
    for opening, closing in _QUOTED:
        left = text.rfind(opening, max(0, start - LONGEST_TITLE), start)
        right = text.find(closing, end, end + LONGEST_TITLE)
        if left > 0 and right > 0 and (opening != closing or text.count(opening, 0, start) % 2):
            return True
    return False


def _capital_of_its_own(text: str, start: int, end: int) -> bool:
    words = _I.sub("", text[start:end], count=1) if _I.match(text, start, end) else text[start:end]
    if not words[:1].isupper() or (words.isupper() and len(words) > 1) or words.rpartition(" ")[2][:1].islower():
        return False
    first, last = max(0, start - LONGEST_SENTENCE), min(len(text), end + LONGEST_SENTENCE)
    before = [*_SENTENCE_ENDS.finditer(text, first, start)]
    behind = _SENTENCE_ENDS.search(text, end, last)
    opened, closed = before[-1].end() if before else first, behind.start() if behind else last
    others = [
        word for word in _WORD.findall(text, opened, start) + _WORD.findall(text, end, closed) if not _I.fullmatch(word)
    ]
    if not others or text[opened:start].rstrip()[-1:] in ("", ":", ",", "-"):
        return False
    return bool(sum(word[0].isupper() for word in others) <= CAPITALS * len(others))
