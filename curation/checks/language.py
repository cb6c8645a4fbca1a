"""Languages the set is not meant for, and replies in another language than the question."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.language import (
    ARABIC_NOUN,
    FOREIGN,
    FOREIGN_WORDS,
    MANY_SHARED,
    PLAIN_FROM,
    SHARED_WORDS,
    SHORTEST,
    SMALL_WORDS,
    language_and_chance,
)

TELLING_LETTERS = {"user": 20, "assistant": 8}  # shorter turns ("ok", "merci!") say little about their language
TELLING_WORDS = 2
TELLING_CHANCE = {"user": 0.98, "assistant": 0.8}  # a customer's turn is often nothing but a name and a number
_NOT_ENGLISH = r"[^\x00-\x7f’‘“”–—…€£]"  # an accent, or another script


@check(
    "language",
    {"unexpected_language": "doubt", "language_mismatch": "doubt"},
    version=3,
    source="Unicode scripts; lingua 2 (Stahl) where languages share one",
)
def language(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Turns in languages the set is not meant for; replies in another language than the customer's last turn.

    By script; then, where a script serves several languages (Latin, Arabic), by lingua: `value` = chance that the turn
    is not in the language that is usual there, 1 where the script tells. Arabic in Latin letters is mostly seen as some
    other language. Turns of less than two words, replies of less than 8 letters and questions of less than 20 are not
    judged. Where no question tells its language the conversation's counts.
    """
    expected = {*context.params.languages, "mixed", "und"}
    for key, found in conversations.select("conversation_id", "language").iter_rows():
        if found not in expected:
            yield {"conversation_id": key, "code": "unexpected_language", "value": 1, "evidence": f"{found} as a whole"}
    usual = dict(conversations.select("conversation_id", "language").iter_rows())
    asked: dict[str, str] = {}
    for key, turn, role, text, found, chance in with_language(_telling(conversations)).iter_rows():
        if chance < TELLING_CHANCE[role]:
            continue
        seen = {"conversation_id": key, "turn": turn, "value": round(chance, 4)}
        if found not in expected:
            yield {**seen, "code": "unexpected_language", "evidence": f"{found}: {text[:80]}"}
        if role == "user":
            asked[key] = found
        elif {found, before := asked.get(key, usual[key])} == {"en", "ar"}:
            yield {**seen, "code": "language_mismatch", "evidence": f"{before} -> {found}: {text[:80]}"}


def _telling(conversations: pl.DataFrame) -> pl.DataFrame:
    """The turns that are long enough to tell their language."""
    text = pl.col("content")
    letters = text.str.count_matches(r"\p{L}")
    least = pl.col("role").replace_strict(TELLING_LETTERS, default=None)
    many = (letters >= least) & (text.str.count_matches(r"[\p{L}']+") >= TELLING_WORDS)
    # Some scripts part no words, and say more with fewer signs.
    other_script = text.str.count_matches(r"[^\p{Latin}\p{Arabic}\P{L}]") > 2
    return turns(conversations).filter(pl.col("role").is_in(list(TELLING_LETTERS)) & (many | other_script))


def with_language(said: pl.DataFrame) -> pl.DataFrame:
    """The turns with the `found` language of their content and the `chance` that it is no other."""
    told = said.with_columns(found=_plainly(), chance=pl.lit(1.0))
    doubtful = told.filter(pl.col("found").is_null())["content"].unique(maintain_order=True)
    detected = [(text, *language_and_chance(text)) for text in doubtful]
    looked_up = pl.DataFrame(detected, {"content": pl.String, "detected": pl.String, "sure": pl.Float64}, orient="row")
    return told.join(looked_up, on="content", how="left", maintain_order="left").select(
        *said.columns, pl.coalesce("found", "detected").alias("found"), pl.coalesce("sure", "chance").alias("chance")
    )


def _plainly() -> pl.Expr:
    """What `language_of` says of `content`, "en" or "ar", where that takes no detector; else null."""
    text = pl.col("content").str.to_lowercase()
    words, letters = text.str.count_matches(r"[\p{L}']+"), text.str.count_matches(r"\p{L}")
    latin, arabic = text.str.count_matches("[a-z]"), text.str.count_matches(r"[\x{620}-\x{64a}]")
    short = letters.is_between(1, SHORTEST - 1)  # not looked at by the detector: the script tells
    small = text.str.count_matches(_words(SMALL_WORDS["en"] | SHARED_WORDS))
    foreign = text.str.contains(_NOT_ENGLISH) | text.str.contains(_words(FOREIGN_WORDS))
    telling = text.str.contains(_words(SMALL_WORDS["en"])) | (small >= MANY_SHARED)
    english = (small >= PLAIN_FROM * words) & telling & ~foreign
    arabic_words = text.str.count_matches(rf"{_words(SMALL_WORDS['ar'])}|\b{ARABIC_NOUN}")
    spoken_arabic = (arabic_words >= PLAIN_FROM * words) & (arabic_words > 0) & ~text.str.contains(FOREIGN["ar"])
    return (
        pl.when((short & (latin == letters)) | english)
        .then(pl.lit("en"))
        .when((arabic == letters) & (short | spoken_arabic))
        .then(pl.lit("ar"))
    )


def _words(of: frozenset[str]) -> str:
    return rf"\b(?:{'|'.join(sorted(of))})\b"
