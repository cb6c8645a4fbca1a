"""What `language_and_chance` says of texts that are plainly in a language, for whole columns at half its cost."""

from collections.abc import Mapping

import polars as pl

from curation.core.text.language import (
    ARABIC_NOUN,
    FOREIGN,
    FOREIGN_FROM,
    FOREIGN_WORDS,
    LATIN,
    LOOKED_AT,
    MANY_SHARED,
    PLAIN_FROM,
    SHARED_WORDS,
    SHORTEST,
    SMALL_WORDS,
    SORANI,
)

# Texts of other signs are left to `language_and_chance`: of these Python and Polars' engine think alike.
_ENGLISH_SIGNS = r"^[\x00-\x7f]*$"
_ARABIC_SIGNS = r"^[\x00-\x7f\x{0600}-\x{06ff}\x{2010}-\x{203a}]*$"
_LONG_ENOUGH = rf"(?:[A-Za-z][^A-Za-z]*){{{SHORTEST}}}"
_ENGLISH_WORD, _ARABIC_WORD = r"[a-z][a-z0-9_']*", r"[\p{L}\p{Nl}\p{No}][\p{L}\p{N}_']*"
_ARABIC_NOUN = "^(?:" + ARABIC_NOUN.replace(r"[^\W\d_]", r"[\p{L}\p{Nl}\p{No}]") + ")$"


def plain_languages(texts: pl.Series) -> pl.Series:
    """ "en" or "ar" of each text that its small words tell of; null where it takes more to tell."""
    rows = texts.str.slice(0, LOOKED_AT).to_frame("text").with_row_index("row")
    found = pl.concat([_english(rows), _arabic(rows)])
    return rows.join(found, on="row", how="left", maintain_order="left")["language"]


def _english(rows: pl.DataFrame) -> pl.DataFrame:
    text, word = pl.col("text"), pl.col("word")
    may_be = rows.filter(text.str.contains(_ENGLISH_SIGNS) & text.str.contains(_LONG_ENOUGH))
    kinds = {"telling": SMALL_WORDS["en"], "shared": SHARED_WORDS, "foreign": FOREIGN_WORDS}
    words = text.str.to_lowercase().str.extract_all(_ENGLISH_WORD)
    said = _counted(may_be, words, {kind: word.is_in(list(of)) for kind, of in kinds.items()})
    small = pl.col("telling") + pl.col("shared")
    told = (pl.col("telling") > 0) | (pl.col("shared") >= MANY_SHARED)
    plain = told & (small >= PLAIN_FROM * pl.col("words")) & (pl.col("foreign") <= FOREIGN_FROM * small)
    return said.filter(plain).select("row", language=pl.lit("en"))


def _arabic(rows: pl.DataFrame) -> pl.DataFrame:
    text, word = pl.col("text"), pl.col("word")
    others = "|".join(pattern.pattern for pattern in (LATIN, FOREIGN["ar"], SORANI))
    may_be = rows.filter(text.str.contains(_ARABIC_SIGNS) & ~text.str.contains(others))
    kinds = {"small": word.is_in(list(SMALL_WORDS["ar"])), "nouns": word.str.contains(_ARABIC_NOUN)}
    said = _counted(may_be, text.str.extract_all(_ARABIC_WORD), kinds)
    telling = pl.col("small") + pl.col("nouns")
    return said.filter((telling > 0) & (telling >= PLAIN_FROM * pl.col("words"))).select("row", language=pl.lit("ar"))


def _counted(rows: pl.DataFrame, words: pl.Expr, kinds: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """`row`, how many of the `words` of its text there are, and how many of each kind."""
    told = {kind: of.cast(pl.UInt32) for kind, of in kinds.items()}
    each = rows.select("row", word=words).explode("word").select("row", **told)
    return each.group_by("row").agg(pl.len().alias("words"), *(pl.col(kind).sum() for kind in kinds))
