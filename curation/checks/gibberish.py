"""Turns that are no words of any kind: keys hit at random, bytes decoded as letters, a cat on the keyboard."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from curation.checks.check import Context, check, contents
from curation.checks.models.words import Floats, Mask, Said, said_by_language, words_by_turn

REPORTED_FROM = 0.4
SHORTEST = 4  # letters a word must have to be judged
STRANGE_FROM = 0.5  # share of a word's trigrams that no other word has
LEAST_LETTERS = 8  # in strange words
QUOTED = 80  # characters
AT_ONCE = 100_000  # texts whose words are looked at together


@check(
    "gibberish", whole_set=True, in_groups=True, reads=words_by_turn, source="letter trigrams of the set's own words"
)
def gibberish(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Turns whose words are spelled as no other words of the set are.

    A word is strange when at least half of its letter trigrams stand in no other word of the set, and no other
    conversation has it. `value` = share of a turn's letters that are in such words, the worst turn of a conversation.
    Languages are judged apart, so any language is known once 200 conversations are in it.

    Limits: a turn in a language that the set hardly has looks the same (the language check tells which it is); a name
    or a typing error in a turn of two words may be one.
    """
    for said in said_by_language(conversations, context):
        seen = _strangeness(said).filter(pl.col("value") >= REPORTED_FROM)
        ordered = seen.sort("value", "turn", descending=[True, False])
        worst = ordered.unique("conversation_id", keep="first", maintain_order=True)
        quoted = worst.with_columns(evidence=contents(worst, conversations, context).str.slice(0, QUOTED))
        for row in quoted.iter_rows(named=True):
            yield {**row, "code": "gibberish", "threshold": REPORTED_FROM}


def _strangeness(said: Said) -> pl.DataFrame:
    """conversation_id, turn and value of each turn."""
    letters = said.words.str.len_chars().to_numpy()
    plain = ~said.words.str.contains(r"\d").to_numpy()
    strange = plain & (letters >= SHORTEST) & _in_one_conversation(said) & (_spelled_alone(said.grams) >= STRANGE_FROM)
    odd, total = said.counts @ (letters * strange), said.counts @ letters
    value = np.where(odd >= LEAST_LETTERS, odd / np.maximum(total, 1), 0.0)[said.text]
    return said.turns.select("conversation_id", "turn", value=pl.Series(value))


def _in_one_conversation(said: Said) -> Mask:
    """Of each word."""
    texts = said.counts.shape[0]
    first, last = np.full(texts, len(said.owner)), np.zeros(texts, np.int64)
    np.minimum.at(first, said.text, said.owner)
    np.maximum.at(last, said.text, said.owner)
    lowest, highest = np.full(len(said.words), len(said.owner)), np.zeros(len(said.words), np.int64)
    begins, words = said.counts.indptr, said.counts.indices
    for start in range(0, texts, AT_ONCE):
        ends = begins[start : start + AT_ONCE + 1]
        held, some = words[ends[0] : ends[-1]], slice(start, start + len(ends) - 1)
        np.minimum.at(lowest, held, np.repeat(first[some], np.diff(ends)))
        np.maximum.at(highest, held, np.repeat(last[some], np.diff(ends)))
    alone: Mask = lowest == highest
    return alone


def _spelled_alone(grams: Any) -> Floats:
    """Of each word: share of its grams that no other word has."""
    held = grams.tocoo()
    once = (np.bincount(held.col, minlength=grams.shape[1]) == 1)[held.col]
    return np.bincount(held.row, once, grams.shape[0]) / np.bincount(held.row, minlength=grams.shape[0])
