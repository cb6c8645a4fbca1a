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


@functools.lru_cache(256)  # rules and checks ask for the same turn again and again
def fold(text: str) -> str:
    """Case, compatibility forms, Arabic spelling variants, digits, apostrophes and white space made one."""
    if text.isascii():  # nothing but case and white space to do; the long way says the same
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_TABLE).split())


def folded(text: pl.Expr) -> pl.Expr:
    """`fold` for a string column (lower case instead of full case folding, which Polars lacks)."""
    return letters_folded(text).str.replace_all(r"\s+", " ").str.strip_chars(" ")


def letters_folded(text: pl.Expr) -> pl.Expr:
    """`folded` but for white space, where only the words are wanted."""
    return variants_folded(text.str.normalize("NFKC"))


def variants_folded(text: pl.Expr) -> pl.Expr:
    """`letters_folded` of text that holds no compatibility forms and no marks that join a letter."""
    return text.str.to_lowercase().str.replace_many(list(_VARIANTS), list(_VARIANTS.values()))
