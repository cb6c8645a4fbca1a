"""Replies in words that the team hardly uses: adverts, model talk, abuse, another company's text, jokes."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.checks._words import LEAST, by_language
from curation.conversation import turns
from curation.text import folded

REPORTED_FROM = 0.5
SHORTEST = 10  # words: in a shorter reply each unusual one counts as one of so many
UNUSUAL = 7.0  # nats: a word after its neighbour that 1 in 1,100 conversations has
BACK_OFF = 4.0  # nats that a pair seen nowhere else costs beyond its second word


@check(
    "novelty", {"unusual_reply": "doubt"}, whole_set=True, source="bigram surprisal with back-off, Jelinek 1997, ch. 4"
)
def novelty(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Replies that speak as no other reply of the set does.

    Each word is as surprising as it is rare after the word before it, in the replies of all other conversations of its
    language (its own does not vouch for it). `value` = share of a reply's words that are very surprising, the worst
    reply of a conversation. Knows every language that 200 conversations are in; numbers are alike.

    Limits: a rare case that is rightly answered looks the same, and names and products may. It orders what people see.
    """
    for part in by_language(conversations):
        if part.height >= LEAST:
            worst = (
                _surprise(part).filter(pl.col("value") >= REPORTED_FROM).sort("value", "turn", descending=[True, False])
            )
            for row in worst.unique("conversation_id", keep="first", maintain_order=True).iter_rows(named=True):
                yield {**row, "code": "unusual_reply", "threshold": REPORTED_FROM}


def _surprise(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, turn, value and the text as evidence, of each reply."""
    replies = turns(conversations).filter((pl.col("role") == "assistant") & (pl.col("content") != ""))
    replies = replies.with_row_index("reply").with_columns(place=pl.col("conversation_id").rle_id())
    found = folded(pl.col("content")).str.replace_all(r"\d+", "0").str.extract_all(r"[\p{L}\p{N}']+")
    # Numbers instead of texts from here on: a tenth of the time.
    hashed = found.list.eval(pl.element().hash())
    words = replies.select("reply", "place", word=hashed).explode("word").drop_nulls()
    words = words.with_columns(pair=pl.struct(_before(), "word").hash())
    nats = pl.when(_others("pair") > 0).then(_rare("pair")).otherwise(_rare("word") + BACK_OFF)
    held = words.join(_holders(words, "pair"), on="pair").join(_holders(words, "word"), on="word")
    total = pl.lit(conversations.height).log()
    share = ((nats + total) > UNUSUAL).sum() / pl.len().clip(SHORTEST)
    each = held.group_by("reply").agg(value=share)
    return replies.join(each, on="reply").select(
        "conversation_id", "turn", "value", evidence=pl.col("content").str.slice(0, 120)
    )


def _before() -> pl.Expr:
    begins = pl.col("reply") != pl.col("reply").shift(1)
    return pl.when(begins.fill_null(True)).then(0).otherwise(pl.col("word").shift(1)).alias("before")


def _holders(words: pl.DataFrame, what: str) -> pl.DataFrame:
    return words.select("place", what).unique().group_by(what).len(f"{what}_holders")


def _others(what: str) -> pl.Expr:
    return pl.col(f"{what}_holders").cast(pl.Float64) - 1


def _rare(what: str) -> pl.Expr:
    """Minus the logarithm of how many other conversations have it, a tenth where none has."""
    return -(_others(what) + 0.1).log()
