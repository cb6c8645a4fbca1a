"""Languages the set is not meant for, and replies in another language than the question."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.core.record.conversation import turns
from curation.core.text.language import language_and_chance
from curation.core.text.plain_language import plain_languages

TELLING_LETTERS = {"user": 20, "assistant": 8}  # shorter turns ("ok", "merci!") say little about their language
_TWO_WORDS = r"[\p{L}'][^\p{L}']+[\p{L}']"
TELLING_CHANCE = {"user": 0.98, "assistant": 0.8}  # a customer's turn is often nothing but a name and a number

AMONG_OTHERS = 0.95  # chance from which a few words are foreign where others beside them are not; names reach less
EVIDENCE = 80  # characters of the turn
SENTENCE = 8  # words without capitals and figures; more are no names


@check("language", version=6, source="Unicode scripts; lingua 2 (Stahl) where languages share one")
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
    said = _sure(with_language(_telling(conversations)), context.params.languages)
    seen = pl.concat([_unexpected(said, expected), _mismatched(said, conversations)])
    yield from seen.iter_rows(named=True)


def _unexpected(said: pl.DataFrame, expected: Collection[str]) -> pl.DataFrame:
    """The turns that are in none of the expected languages."""
    others = said.filter(~pl.col("found").is_in(list(expected)))
    return _seen(others, "unexpected_language", pl.col("found"))


def _mismatched(said: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """Replies in one of English and Arabic to a question in the other, or where that tells none to a conversation."""
    by_customer, found = pl.col("role") == "user", pl.col("found")
    each = said.join(conversations.select("conversation_id", "language"), on="conversation_id", maintain_order="left")
    asked = pl.when(by_customer).then(found).forward_fill().over("conversation_id").fill_null(pl.col("language"))
    replies = each.with_columns(asked=asked).filter(~by_customer)
    either = pl.concat_str("asked", pl.lit(" -> "), "found")
    others = replies.with_columns(either=either).filter(pl.col("either").is_in(["en -> ar", "ar -> en"]))
    return _seen(others, "language_mismatch", pl.col("either"))


def _seen(said: pl.DataFrame, code: str, told: pl.Expr) -> pl.DataFrame:
    return said.select(
        "conversation_id",
        "turn",
        code=pl.lit(code),
        value=pl.col("chance").round(4),
        evidence=pl.concat_str(told, pl.lit(": "), pl.col("content").str.slice(0, EVIDENCE)),
    )


def _telling(conversations: pl.DataFrame) -> pl.DataFrame:
    """The turns that are long enough to tell their language."""
    text = pl.col("content")
    enough = (
        (pl.col("role") == role) & text.str.contains(rf"(?:\p{{L}}\P{{L}}*){{{letters}}}")
        for role, letters in TELLING_LETTERS.items()
    )
    many = pl.any_horizontal(enough) & text.str.contains(_TWO_WORDS)
    # Some scripts part no words, and say more with fewer signs.
    other_script = text.str.count_matches(r"[^\p{Latin}\p{Arabic}\P{L}]") > 2
    return turns(conversations).filter(pl.col("role").is_in(list(TELLING_LETTERS)) & (many | other_script))


def _sure(said: pl.DataFrame, languages: Collection[str]) -> pl.DataFrame:
    """The turns whose chance suffices to take them for what they were found to be."""
    text, foreign = pl.col("content"), ~pl.col("found").is_in(list(languages))
    arabic = text.str.contains(r"\p{Arabic}")
    beside = (~foreign).any().over("conversation_id", arabic) & ~arabic
    few = text.str.count_matches(r"(?:^|\s)[^\s\p{Lu}\d]") < SENTENCE
    usual = pl.col("role").replace_strict(TELLING_CHANCE)
    needed = pl.when(few & beside & foreign).then(pl.max_horizontal(usual, AMONG_OTHERS)).otherwise(usual)
    places = said.filter(foreign).select("conversation_id")
    doubtful = said.join(places, on="conversation_id", how="semi", maintain_order="left")
    others = said.join(places, on="conversation_id", how="anti", maintain_order="left")
    return pl.concat(some.filter(pl.col("chance") >= least) for some, least in ((others, usual), (doubtful, needed)))


def with_language(said: pl.DataFrame) -> pl.DataFrame:
    """The turns with the `found` language of their content and the `chance` that it is no other."""
    plain = said.with_columns(found=plain_languages(said["content"]), chance=1.0)
    texts = plain.filter(pl.col("found").is_null())["content"].unique(maintain_order=True)
    detected = {"content": pl.String, "found_out": pl.String, "how_likely": pl.Float64}
    told = pl.DataFrame([(text, *language_and_chance(text)) for text in texts], detected, orient="row")
    each = plain.join(told, on="content", how="left", maintain_order="left")
    found, chance = (pl.coalesce(ours, plain) for ours, plain in (("found_out", "found"), ("how_likely", "chance")))
    return each.select(*said.columns, found=found, chance=chance)
