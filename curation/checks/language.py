"""Languages the set is not meant for, and replies in another language than the question."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.language import SHORTEST, language_of

TELLING_CHARACTERS = 20  # shorter turns ("ok", "merci!") say little about their language

# Most turns tell their language by their small words; a detector says the same at a hundred times the cost.
# Words that are frequent in this language and in none that shares its script (see curation/language.py).
_ENGLISH = (
    "the|and|you|your|is|it|to|of|what|that|this|with|can|would|like|have|my|are|there|when|where|which|how|please|for"
    "|thanks|thank|will|be|at|i|i'm|i'd|i'll|i've|yes|know|need|want|anything|else|help|great|been|not|we|our|could|from"
    "|should|they|but|about|if|any|some|out|up|by|because|only|then|than|get|more|see|just|who|don't|let's|it's|that's"
)
_ARABIC = (
    "في|من|على|إلى|الى|عن|هل|هذا|هذه|أن|ان|ما|لا|لم|مع|يا|كل|قد|بعد|قبل|ذلك|التي|الذي|اللي|شكرا|شكراً|رقم|أو|ثم|أنا|انا"
    "|لك|لي|لكم|عندي|بس|شو|عشان"
)
_NOT_ARABIC = "[پچژگکیےٹڈڑںھہۓۀێۆڕڵ]"  # letters of Persian, Urdu and Kurdish
PLAIN_FROM = 0.25  # share of the words that are such small words
_NOT_ENGLISH = r"[^\x00-\x7f’‘“”–—…€£]"  # an accent, or another script


@check(
    "language",
    {"unexpected_language": "doubt", "language_mismatch": "doubt"},
    version=2,
    source="Unicode scripts; lingua 2 (Stahl) where languages share one",
)
def language(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Turns in languages the set is not meant for; replies in another language than the customer's last turn.

    By script; then, where a script serves several languages (English, French, Spanish, German, Turkish; Arabic,
    Persian, Urdu), by lingua. Turns of less than 20 characters are not judged. Arabic in Latin letters is not told.
    """
    expected = {*context.params.languages, "mixed", "und"}
    for key, found in conversations.select("conversation_id", "language").iter_rows():
        if found not in expected:
            yield {"conversation_id": key, "code": "unexpected_language", "value": 1, "evidence": f"{found} as a whole"}
    said = turns(conversations).filter(
        pl.col("role").is_in(["user", "assistant"]) & (pl.col("content").str.len_chars() >= TELLING_CHARACTERS)
    )
    asked: dict[str, str] = {}
    for key, turn, role, text, found in with_language(said).iter_rows():
        seen = {"conversation_id": key, "turn": turn, "value": 1}
        if found not in expected:
            yield {**seen, "code": "unexpected_language", "evidence": f"{found}: {text[:80]}"}
        if role == "user":
            asked[key] = found
        elif {found, asked.get(key, found)} == {"en", "ar"}:
            yield {**seen, "code": "language_mismatch", "evidence": f"{asked[key]} -> {found}: {text[:80]}"}


def with_language(said: pl.DataFrame) -> pl.DataFrame:
    """The turns with the `found` language of their content."""
    told = said.with_columns(found=_plainly())
    doubtful = told.filter(pl.col("found").is_null())["content"].unique()
    detected = {text: language_of(text) for text in doubtful}
    looked_up = pl.col("content").replace_strict(detected, default=None, return_dtype=pl.String)
    return told.with_columns(pl.coalesce("found", looked_up)) if detected else told


def _plainly() -> pl.Expr:
    """What `language_of` says of `content`, "en" or "ar", where that takes no detector; else null."""
    text = pl.col("content").str.to_lowercase()
    words, letters = text.str.count_matches(r"[\p{L}']+"), text.str.count_matches(r"\p{L}")
    latin, arabic = text.str.count_matches("[a-z]"), text.str.count_matches(r"[\x{620}-\x{64a}]")
    short = letters.is_between(1, SHORTEST - 1)  # not looked at by the detector: the script tells
    english_words = text.str.count_matches(rf"\b(?:{_ENGLISH})\b")
    arabic_words = text.str.count_matches(rf"\b(?:{_ARABIC})\b|\b[وبفلك]?ال\p{{L}}{{2,}}")
    english = (english_words >= PLAIN_FROM * words) & (english_words > 1) & ~text.str.contains(_NOT_ENGLISH)
    spoken_arabic = (arabic_words >= PLAIN_FROM * words) & (arabic_words > 1) & ~text.str.contains(_NOT_ARABIC)
    return (
        pl.when((short & (latin == letters)) | english)
        .then(pl.lit("en"))
        .when((arabic == letters) & (short | spoken_arabic))
        .then(pl.lit("ar"))
    )
