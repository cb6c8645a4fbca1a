"""Text in one spelling of digits, blanks and dashes, with the way back to the places in the text as written."""

import re

import polars as pl

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
_REWRITTEN = f"{_INVISIBLE.pattern}|[{_SPACES}{_DASHES}\uff20\uff0b]"  # digits aside, which patterns know in any script


def with_plain(texts: pl.Series) -> pl.Series:
    """The texts, and behind those that read otherwise made plain what they read as then, NUL between the two."""
    others = texts.str.contains(_REWRITTEN).fill_null(False)
    written = texts.filter(others)
    signs = {chr(sign): instead for sign, instead in _ONE_FOR_ONE.items()}
    plain = written.str.replace_all(_INVISIBLE.pattern, "").str.replace_many(list(signs), list(signs.values()))
    return texts.scatter(others.arg_true(), written + "\0\0\0" + plain)


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
