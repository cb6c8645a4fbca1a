"""Languages the set is not meant for, and replies in another language than the question."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.core.record.conversation import turns
from curation.core.text.language import language_and_chance

TELLING_LETTERS = {"user": 20, "assistant": 8}  # shorter turns ("ok", "merci!") say little about their language
TELLING_WORDS = 2
TELLING_CHANCE = {"user": 0.98, "assistant": 0.8}  # a customer's turn is often nothing but a name and a number

AMONG_OTHERS = 0.95  # chance from which a few words are foreign where others beside them are not; names reach less
SENTENCE = 8  # words without capitals and figures; more are no names


@check("language", version=4, source="Unicode scripts; lingua 2 (Stahl) where languages share one")
def language(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Turns in languages the set is not meant for; replies in another language than the customer's last turn.

    By script; then, where a script serves several languages (Latin, Arabic), by lingua: `value` = chance that the turn
    is not in the language that is usual there, 1 where the script tells. Arabic in Latin letters is mostly seen as some
    other language. Turns of less than two words, replies of less than 8 letters and questions of less than 20 are not
    judged. Where no question tells its language the conversation's counts. A few words in Latin letters beside turns
    that are so in a language of the set are mostly names ("airtel plaza hotel 1 star"): it takes a chance of 0.95.
    """
    expected = {*context.params.languages, "mixed", "und"}
    usual = dict(conversations.select("conversation_id", "language").iter_rows())
    for key, found in usual.items():
        if found not in expected:
            yield {
                "conversation_id": key,
                "code": "unexpected_language",
                "value": 1,
                "evidence": f"{found} as a whole, not in score.languages",
            }
    asked: dict[str, str] = {}
    told = _with_needed(with_language(_telling(conversations)), context.params.languages)
    for key, turn, role, text, found, chance, needed in told.iter_rows():
        if chance < needed:
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


def _with_needed(said: pl.DataFrame, languages: Collection[str]) -> pl.DataFrame:
    """The turns with the chance `needed` to take them for what they were found to be."""
    text, at_home = pl.col("content"), pl.col("found").is_in(list(languages))
    arabic = text.str.contains(r"\p{Arabic}")
    beside = at_home.any().over("conversation_id", arabic) & ~arabic
    few = text.str.count_matches(r"(?:^|\s)[^\s\p{Lu}\d]") < SENTENCE
    usual = pl.col("role").replace_strict(TELLING_CHANCE)
    between_others = pl.max_horizontal(usual, AMONG_OTHERS)
    return said.with_columns(needed=pl.when(few & beside & ~at_home).then(between_others).otherwise(usual))


def with_language(said: pl.DataFrame) -> pl.DataFrame:
    """The turns with the `found` language of their content and the `chance` that it is no other."""
    texts = said["content"].unique(maintain_order=True)
    detected = {"content": pl.String, "found": pl.String, "chance": pl.Float64}
    told = pl.DataFrame([(text, *language_and_chance(text)) for text in texts], detected, orient="row")
    return said.join(told, on="content", how="left", maintain_order="left")
