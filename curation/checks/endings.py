"""Replies that break off, told by how the other replies of the set go on after the same words."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.checks._words import LEAST, by_language
from curation.checks.structure import ENDED
from curation.conversation import turns
from curation.text import folded

REPORTED_FROM = 0.6
KNOWN_FROM = 5  # occurrences elsewhere from which it can be told how words go on
SHORTEST = 3  # words of a reply
HALF_WORD = 0.95  # value of a last word that nobody else uses, and with which words begin that many use


@check("endings", {"broken_off": "doubt"}, whole_set=True, source="own: end-of-sentence share after the last two words")
def endings(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """A last reply without a closing mark whose last words hardly ever end a sentence in the set.

    `value` = share of the other places with the same last two words (the last word, where the two are rare) in which
    the sentence goes on, times the share of the agent's other replies that end in a closing mark: who writes none has
    broken off nothing. A last word that stands nowhere else and with which a known word begins was cut in the middle.
    Knows every language that 200 conversations are in.

    Limits: a reply that is cut where a sentence may end passes, and so do last words that the set does not know.
    """
    for part in by_language(conversations):
        if part.height >= LEAST:
            for row in _broken(part).iter_rows(named=True):
                yield {**row, "code": "broken_off", "threshold": REPORTED_FROM}


def _broken(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, turn, value and the last words as evidence, of the replies that break off."""
    replies = turns(conversations).filter((pl.col("role") == "assistant") & (pl.col("content") != ""))
    replies = replies.with_row_index("reply").with_columns(closed=pl.col("content").str.contains(ENDED))
    others = pl.len().over("conversation_id") - 1
    closed_others = pl.col("closed").sum().over("conversation_id") - pl.col("closed")
    replies = replies.with_columns(closes=(closed_others + pl.col("closed").mean()) / (others + 1))
    tokens = folded(pl.col("content")).str.replace_all(r"\d+", "0").str.extract_all(r"[\p{L}\p{N}']+|[.!?؟…]")
    said = replies.select("reply", word=tokens).explode("word").drop_nulls()
    marks = pl.col("word").is_in(list(".!?؟…"))
    first, last_one = (pl.col("reply") != pl.col("reply").shift(step) for step in (1, -1))
    said = said.with_columns(
        mark=marks,
        before=pl.when(first.fill_null(True)).then(pl.lit("^")).otherwise(pl.col("word").shift(1)),
        ends=last_one.fill_null(True) | marks.shift(-1).fill_null(True),
    ).filter(~pl.col("mark"))
    last = said.group_by("reply", maintain_order=True).agg(pl.col("before", "word").last(), words=pl.len())
    for name, group in (("pair", ["before", "word"]), ("word", ["word"])):
        counts = said.group_by(group).agg(
            (pl.len() - 1).alias(f"{name}_seen"), (pl.col("ends").sum().cast(pl.Int64) - 1).alias(f"{name}_ends")
        )
        last = last.join(counts, on=group, how="left")
    final = pl.col("turn") == pl.col("turn").max().over("conversation_id")
    open_ended = replies.filter(final & ~pl.col("closed")).join(last.filter(pl.col("words") >= SHORTEST), on="reply")
    half = _half_words(open_ended, said)
    value = (
        pl.when(pl.col("pair_seen") >= KNOWN_FROM)
        .then(1 - pl.col("pair_ends") / pl.col("pair_seen"))
        .when(pl.col("word_seen") >= KNOWN_FROM)
        .then(1 - pl.col("word_ends") / pl.col("word_seen"))
        .when(pl.col("word").is_in(half))
        .then(HALF_WORD)
    )
    return (
        open_ended.with_columns(value=value * pl.col("closes"))
        .filter(pl.col("value") >= REPORTED_FROM)
        .select("conversation_id", "turn", "value", evidence=pl.col("content").str.tail(80))
    )


def _half_words(open_ended: pl.DataFrame, said: pl.DataFrame) -> list[str]:
    """Last words that stand nowhere else and begin a word that many replies have."""
    known = said.group_by("word").len().filter(pl.col("len") >= KNOWN_FROM)["word"].sort().to_list()
    alone = open_ended.filter((pl.col("word_seen") == 0) & ~pl.col("word").str.contains(r"\d"))["word"].unique()
    places = {word: bisect_right(known, word) for word in alone}
    return sorted(word for word, at in places.items() if at < len(known) and known[at].startswith(word))
