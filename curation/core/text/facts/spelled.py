"""A text as patterns read it, with the way back to what was written."""

import re

from curation.core.text.folding import fold
from curation.core.text.lexicon import THOUSANDS

_THOUSANDS = re.compile(rf"{THOUSANDS}(?<=\d.)")  # the sign first: the engine then looks for nothing else
_NO_CENTS = re.compile(r"\.(?<=\d\.)0+(?![\d.])")
# They hide numbers from patterns.
_UNSHOWN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LETTERS = re.compile(rf"\s+|\S(?:[\u0300-\u036f\u064b-\u065f\u0670\u0640]|{_UNSHOWN.pattern})*")


class Spelled:
    """A text folded, its thousands unparted and its cents of nothing gone, with the way back to what was written."""

    def __init__(self, written: str) -> None:
        self._written = written
        self._places: list[tuple[int, int]] | None = None  # of each character: where it stands as written
        folded = fold(written)
        if written.isascii() and len(folded) == len(written):
            self.text = folded
        else:
            self.text, self._places = _letters(written)
        self.text = self.text.replace("٫", ".")
        for needless in (_THOUSANDS, _NO_CENTS):
            self._leave_out(needless)

    @property
    def cased(self) -> str:
        """The text with the capitals of a to z as they were written, letter for letter."""
        if self._places is None:
            first = len(self._written) - len(self._written.lstrip())
            return self._written[first : first + len(self.text)] if self._written.isascii() else self.text
        capital = (self._written[start].isupper() for start, _ in self._places)
        return "".join(
            letter.upper() if up and letter.isascii() else letter for letter, up in zip(self.text, capital, strict=True)
        )

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Places in the text as written; what is left out within or right behind belongs to what stands before it."""
        if self._places is None:
            return start, end
        return self._places[start][0], self._places[end - 1][1]

    def _leave_out(self, needless: re.Pattern[str]) -> None:
        spans = [match.span() for match in needless.finditer(self.text)]
        if not spans:
            return
        places = self._places or [(place, place + 1) for place in range(len(self.text))]
        left, text, end = list[tuple[int, int]](), list[str](), 0
        for first, behind in spans:
            text.append(self.text[end:first])
            left += places[end:first]
            left[-1] = (left[-1][0], places[behind - 1][1])
            end = behind
        self.text, self._places = "".join((*text, self.text[end:])), left + places[end:]


def _letters(written: str) -> tuple[str, list[tuple[int, int]]]:
    """The folded text letter by letter; marks and what shows nothing belong to the letter before them."""
    text, places = list[str](), list[tuple[int, int]]()
    for match in _LETTERS.finditer(written):
        shown = _UNSHOWN.sub("", match.group())
        folded = " " if match.group().isspace() else "".join(fold(shown).split())
        if folded == " " and (not text or text[-1] == " "):
            continue
        if not folded and places:  # a mark that is left out
            last = places[-1]
            places[-1] = (last[0], match.end()) if text[-1] != " " else last
        text += folded
        places += [match.span()] * len(folded)
    return "".join(text), places
