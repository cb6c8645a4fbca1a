"""A text as patterns read it, with the way back to what was written."""

import functools
import re

from curation.core.text.folding import fold
from curation.core.text.lexicon import THOUSANDS

_THOUSANDS = re.compile(rf"{THOUSANDS}(?<=\d.)")  # the sign first: the engine then looks for nothing else
_NO_CENTS = re.compile(r"\.(?<=\d\.)0+(?![\d.])")
# They hide numbers from patterns.
_UNSHOWN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# Each of these letters folds to one, and none joins another: a text of them folds as they do. ASCII, Arabic without
# compatibility forms, Latin letters with accents, quotation marks and dashes, emoji; and marks that are left out.
_ONE_FOR_ONE = re.compile(
    "(?:[\x00-\x7f\u060c\u061b\u061f\u0621-\u063f\u0641-\u064a\u0660-\u066f\u0671-\u0674\u0679-\u06d3\u06f0-\u06f9"
    "\u00a3\u00b0\u00c0-\u00de\u00e0-\u00ff\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u20ac\U0001f300-\U0001faff]"
    r"(?:(?<!\s)[\u064b-\u0652\u0640\u0670]++)?)*+"
)
_LETTERS = re.compile(rf"\s+|\S(?:[\u0300-\u036f\u064b-\u065f\u0670\u0640]|{_UNSHOWN.pattern})*")

Places = list[tuple[int, int]]


class Spelled:
    """A text folded, its thousands unparted and its cents of nothing gone, with the way back to what was written."""

    def __init__(self, written: str) -> None:
        self._written = written
        self._places: Places | None = None  # of each character: where it stands as written; None before it is asked
        if (written.isascii() or _ONE_FOR_ONE.fullmatch(written)) and written == written.strip():
            self.text = fold(written)
        else:
            self.text, self._places = _letters(written)
        self.text = self.text.replace("٫", ".")
        for needless in (_THOUSANDS, _NO_CENTS):
            self._leave_out(needless)

    @property
    def cased(self) -> str:
        """The text with the capitals of a to z as they were written, letter for letter."""
        if self._in_place and self._written.isascii():
            return self._written
        if not any(map(str.isupper, self._written)):
            return self.text
        starts = range(len(self.text)) if self._in_place else (start for start, _ in self._stands())
        return "".join(
            letter.upper() if letter.isascii() and self._written[start].isupper() else letter
            for letter, start in zip(self.text, starts, strict=True)
        )

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Places in the text as written; what is left out within or right behind belongs to what stands before it."""
        if self._in_place:
            return start, end
        return self._stands()[start][0], self._stands()[end - 1][1]

    @property
    def _in_place(self) -> bool:
        """Whether each character stands where it was written, and nothing was left out."""
        return self._places is None and len(self.text) == len(self._written)

    def _stands(self) -> Places:
        if self._places is None:
            self._places = [match.span() for match in _LETTERS.finditer(self._written)]
        return self._places

    def _leave_out(self, needless: re.Pattern[str]) -> None:
        spans = [match.span() for match in needless.finditer(self.text)]
        if not spans:
            return
        places = self._stands()
        left, text, end = Places(), list[str](), 0
        for first, behind in spans:
            text.append(self.text[end:first])
            left += places[end:first]
            left[-1] = (left[-1][0], places[behind - 1][1])
            end = behind
        self.text, self._places = "".join((*text, self.text[end:])), left + places[end:]


def _letters(written: str) -> tuple[str, Places]:
    """The folded text letter by letter; marks and what shows nothing belong to the letter before them."""
    text, places = list[str](), Places()
    for match in _LETTERS.finditer(written):
        folded = _letter(match.group())
        if folded == " " and (not text or text[-1] == " "):
            continue
        if not folded and places:  # a mark that is left out
            last = places[-1]
            places[-1] = (last[0], match.end()) if text[-1] != " " else last
        text += folded
        places += [match.span()] * len(folded)
    return "".join(text), places


@functools.lru_cache(4096)  # texts are written with few of them
def _letter(written: str) -> str:
    """A letter with its marks folded, a space for white space."""
    return " " if written.isspace() else "".join(fold(_UNSHOWN.sub("", written)).split())
