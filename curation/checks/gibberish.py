"""Turns that are no words of any kind: keys hit at random, bytes decoded as letters, a cat on the keyboard."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from curation.checks import Context, check
from curation.checks._words import LEAST, by_language, spoken, words_and_grams

REPORTED_FROM = 0.4
SHORTEST = 4  # letters a word must have to be judged
STRANGE_FROM = 0.5  # share of a word's trigrams that no other word has
LEAST_LETTERS = 8  # in strange words


@check("gibberish", {"gibberish": "doubt"}, whole_set=True, source="letter trigrams of the set's own words")
def gibberish(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Turns whose words are spelled as no other words of the set are.

    A word is strange when at least half of its letter trigrams stand in no other word of the set, and no other
    conversation has it. `value` = share of a turn's letters that are in such words, the worst turn of a conversation.
    Languages are judged apart, so any language is known once 200 conversations are in it.

    Limits: a turn in a language that the set hardly has looks the same (the language check tells which it is); a name
    or a typing error in a turn of two words may be one.
    """
    for part in by_language(conversations):
        said = spoken(part)
        if said["conversation_id"].n_unique() < LEAST:
            continue
        worst = (
            _strangeness(said).filter(pl.col("value") >= REPORTED_FROM).sort("value", "turn", descending=[True, False])
        )
        for row in worst.unique("conversation_id", keep="first", maintain_order=True).iter_rows(named=True):
            yield {**row, "code": "gibberish", "threshold": REPORTED_FROM}


def _strangeness(said: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, turn, value and the text as evidence, of each turn."""
    counts, grams, words = words_and_grams(said["content"])
    conversation = said["conversation_id"].rle_id().to_numpy()
    in_turns = counts.tocoo()
    holders = pl.DataFrame({"word": in_turns.col, "holder": conversation[in_turns.row]}).group_by("word").n_unique()
    alone = np.zeros(len(words), bool)
    alone[holders.filter(pl.col("holder") == 1)["word"].to_numpy()] = True
    trigrams = grams.tocoo()
    once = (np.bincount(trigrams.col, minlength=grams.shape[1]) == 1)[trigrams.col]
    spelled_alone = np.bincount(trigrams.row, once, grams.shape[0]) / np.bincount(
        trigrams.row, minlength=grams.shape[0]
    )
    letters = words.str.len_chars().to_numpy()
    plain = ~words.str.contains(r"\d").to_numpy()
    strange = plain & alone & (spelled_alone >= STRANGE_FROM) & (letters >= SHORTEST)
    odd, total = counts @ (letters * strange), counts @ letters
    value = np.where(odd >= LEAST_LETTERS, odd / np.maximum(total, 1), 0.0)
    return said.select("conversation_id", "turn", value=pl.Series(value), evidence=pl.col("content").str.slice(0, 80))
