"""Folding text for comparison. Stored text is never folded; only derived columns and patterns are."""

import functools
import unicodedata

import polars as pl

from curation.core.text.lexicon import ARABIC_DIGITS, DIGITS, PERSIAN_DIGITS

# Arabic letters that writers use for one another, and marks that do not change the word. Unicode chart U+0600;
# the classes are those of Lucene's ArabicNormalizer, plus hamza carriers and digits. Curly apostrophes as well.
_VARIANTS = {
    **dict.fromkeys("’‘ʼ", "'"),
    **dict.fromkeys("أإآٱ", "ا"),
    "ى": "ي",
    "ئ": "ي",
    "ؤ": "و",
    "ة": "ه",
    "ک": "ك",
    "ی": "ي",
    "ـ": "",
    **{chr(c): "" for c in (*range(0x064B, 0x0660), 0x0670)},  # harakat, tanwin, shadda, sukun, dagger alef
    **dict(zip(ARABIC_DIGITS + PERSIAN_DIGITS, DIGITS + DIGITS, strict=True)),
}
# With the letters that stay, since looking in vain for each of them takes longer than all else.
_TABLE = str.maketrans({**{chr(c): chr(c) for c in range(0x0700)}, **_VARIANTS})

# What compatibility forms, and marks that join a letter or stand in another order, are among. Without them NFKC has
# nothing to do: ASCII, accents, dashes and quotation marks, emoji, Arabic letters and marks that are left out anyway.
_FOR_NFKC = (
    r"[^\x00-\x7f\x{c0}-\x{ff}\x{0600}-\x{060f}\x{061b}-\x{0652}\x{0656}-\x{0674}\x{0679}-\x{06d5}\x{06ee}-\x{06ff}"
    r"\x{2013}\x{2014}\x{2018}-\x{201d}\x{2022}\x{1f300}-\x{1faff}]"
)


@functools.lru_cache(256)  # rules and checks ask for the same turn again and again
def fold(text: str) -> str:
    """Case, compatibility forms, Arabic spelling variants, digits, apostrophes and white space made one."""
    if text.isascii():  # nothing but case and white space to do; the long way says the same
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_TABLE).split())


def folded(text: pl.Expr) -> pl.Expr:
    """`fold` for a string column (lower case instead of full case folding, which Polars lacks)."""
    return letters_folded(text).str.replace_all(r"\s{2,}|[^\S ]", " ").str.strip_chars(" ")


def letters_folded(text: pl.Expr) -> pl.Expr:
    """`folded` but for white space, where only the words are wanted."""
    normal = pl.when(text.str.contains(_FOR_NFKC)).then(text).str.normalize("NFKC")  # which costs more than all else
    return variants_folded(normal.fill_null(text))


def variants_folded(text: pl.Expr) -> pl.Expr:
    """`letters_folded` of text that holds no compatibility forms and no marks that join a letter."""
    return text.str.to_lowercase().str.replace_many(list(_VARIANTS), list(_VARIANTS.values()))
