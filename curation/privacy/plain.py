"""Text in one spelling of digits, blanks and dashes, with the way back to the places in the text as written."""

import re

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_ONE_FOR_ONE = str.maketrans(
    {
        **{chr(zero + digit): str(digit) for zero in (0x0660, 0x06F0, 0xFF10) for digit in range(10)},
        **dict.fromkeys(_SPACES, " "),
        **dict.fromkeys(_DASHES, "-"),
        "\uff20": "@",
        "\uff0b": "+",
        "\u060c": ",",
    }
)
# Marks that show nothing: writing direction, joiners, soft hyphen, byte order. They hide numbers from patterns.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


class Plain:
    """A text made plain. `written(start, end)` turns places in `text` into places in what was given."""

    def __init__(self, given: str) -> None:
        self._places: list[int] | None = None
        self.text = given
        if given.isascii():
            return
        if _INVISIBLE.search(given):
            self._places = [place for place, sign in enumerate(given) if not _INVISIBLE.match(sign)]
            self.text = "".join(given[place] for place in self._places)
        self.text = self.text.translate(_ONE_FOR_ONE)

    def written(self, start: int, end: int) -> tuple[int, int]:
        """The places of the first character and behind the last one."""
        return (start, end) if self._places is None else (self._places[start], self._places[end - 1] + 1)
