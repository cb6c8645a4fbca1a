"""Which texts of a column may name somebody: a quick look that passes over none in which `likely_names` finds one."""

import functools
import re
from collections.abc import Collection, Iterable

import polars as pl

from curation.core.text.windows import LENGTH
from curation.privacy.arabic_names import ALI, ALI_WRITTEN, signs_of_names
from curation.privacy.latin_names import INTRODUCING, TITLE
from curation.privacy.name_lists import Name, name_list

_ARABIC = r"[\x{620}-\x{64a}\x{66e}-\x{6d3}]"
# Signs of which Python's engine and Polars' may not think alike: letters beyond Latin-1, letters of which there is
# another case in ASCII, fractions, blanks that only one of them knows; and Arabic that folds to other words than names
# are looked for in: marks that part words there, Persian letters.
_ODD = (
    r"[^\x00-\x1b\x20-\x7f\x{a0}-\x{b1}\x{b4}-\x{b8}\x{ba}\x{bb}\x{bf}-\x{ff}\x{600}-\x{652}\x{660}-\x{66f}"
    r"\x{671}-\x{674}\x{679}-\x{6a8}\x{6aa}-\x{6cb}\x{6cd}-\x{6ff}\x{2010}-\x{203a}\x{20ac}"
    r"\x{1f300}-\x{1faff}]"
)
_IS_ALI = rf"(?:^|[^\x{{621}}-\x{{652}}]){ALI_WRITTEN}(?:$|[^\x{{621}}-\x{{652}}])"
_LETTER, _SIGN = r"[A-Za-z\x{c0}-\x{ff}]", r"[A-Za-z\x{c0}-\x{ff}'’-]"
_CAPITAL = r"[A-Z\x{c0}-\x{de}]"
_INTRODUCED = {  # what stands behind the words of a kind where they introduce anybody
    "sure": "[A-Za-z]",
    "self": rf"(?:[A-Z]{_SIGN}|[a-z]{_SIGN}+[ ,]+(?:speaking|here|from|calling|with|and))",
    **dict.fromkeys(("met", "greeting", "thanks"), f"[A-Z]{_SIGN}"),
}
_INTRODUCTION = "|".join(rf"(?:{words}),?\s{{1,3}}{TITLE}{_INTRODUCED[kind]}" for kind, words in INTRODUCING.items())
_SHAPES = (
    rf"(?:^|[^A-Za-z])(?:{_INTRODUCTION})",
    rf"(?:^|[.!?\n,] ?)(?:{_CAPITAL}{_SIGN}+|[a-z]{{3,12}}),? (?:here|at your service|speaking[.,!]|on the line)",
    r"[A-Z]/[A-Z]{2}",  # of a passenger
    r"[a-z], [A-Z]\p{L}+\s*(?:[.!?\n]|$)",  # the family's name first
)
_ALONE = r"^\s*(\p{L}+)(?: \p{L}+){0,2}\s*[.!,]?\s*$"
_FAMILY_FOLLOWS = rf"{_LETTER} (?:{_CAPITAL}|(?:al|el|bint?|ibn|van|von|der?|da|di|la)[ -])"


def may_name_somebody(texts: pl.DataFrame) -> pl.Series:
    """Whether each text may hold a name: of `text` as it is written and as it is `folded`."""
    text = pl.col("text")
    odd = texts.select((text.str.len_chars() > LENGTH) | text.str.contains(_ODD)).to_series()
    likely = odd.scatter((~odd).arg_true(), texts.filter(~odd).select(_latin(text)).to_series())
    arabic = ~likely & texts["text"].str.contains(_ARABIC)
    return likely.scatter(arabic.arg_true(), texts.filter(arabic).select(_arabic(text, pl.col("folded"))).to_series())


def _latin(text: pl.Expr) -> pl.Expr:
    alone = text.str.extract(_ALONE).str.to_lowercase().is_in(_first_words("latin_given", "latin_words"))
    words = text.str.extract_all(f"{_CAPITAL}{_LETTER}*")
    given, other = (_any_of(words, _first_words(name)) for name in ("latin_given", "latin_words"))
    listed = given | (other & text.str.contains(_FAMILY_FOLLOWS))
    return pl.any_horizontal(alone.fill_null(False), listed, *(text.str.contains(shape) for shape in _SHAPES))


def _arabic(text: pl.Expr, folded: pl.Expr) -> pl.Expr:
    words = folded.str.extract_all(r"[\x{621}-\x{64a}]+")
    ali = text.str.contains(_IS_ALI) & words.list.eval(pl.element().is_in(list(ALI))).list.any()
    return ali | words.list.eval(pl.element().is_in(sorted(signs_of_names() - ALI))).list.any()


def _any_of(words: pl.Expr, known: Collection[str]) -> pl.Expr:
    return words.list.eval(pl.element().str.to_lowercase().is_in(known)).list.any()


@functools.cache
def _first_words(*names: Name) -> list[str]:
    """Of the names of lists what stands before an apostrophe or a hyphen."""
    every: Iterable[str] = (one for name in names for one in name_list(name))
    return sorted({re.split("['’-]", one)[0] for one in every})
