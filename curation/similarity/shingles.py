"""Hashed words and runs of words, for dedup and for leaks from evaluation sets."""

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.record.conversation import turns
from curation.core.text.folding import folded

U64 = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]

WORD = r"[\p{L}\p{N}]+"
ASCII_WORD = "[a-z0-9]+"  # the same in lower case without other letters, in half the time
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd 64-bit constant of the golden ratio (Knuth, multiplicative hashing)


def folded_turns(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, turn and folded `text` of every turn but system prompts; arguments of tool calls count."""
    said = turns(conversations, "tool_calls").filter(pl.col("role") != "system")
    text = folded(pl.col("content") + " " + pl.col("tool_calls").fill_null(""))
    return said.select("conversation_id", "turn", text=text)


def hashed(texts: pl.Series) -> pl.Series:
    """XXH3 (64 bits) of each text, which unlike Polars' own hash is specified: the same in every version and place."""
    from xxhash import xxh3_64_intdigest

    distinct = texts.unique()
    hashes = pl.Series(map(xxh3_64_intdigest, distinct.cast(pl.Binary)), dtype=pl.UInt64)
    return texts.replace_strict(distinct, hashes).cast(pl.UInt64)  # of no texts at all it would be text


def each_hashed(texts: pl.Series) -> pl.Series:
    """`hashed` of texts, few of which come twice and none of which is null."""
    from xxhash import xxh3_64_intdigest

    return pl.Series(map(xxh3_64_intdigest, texts.cast(pl.Binary)), dtype=pl.UInt64)


def words_hashed(words: pl.Series) -> U64:
    """`hashed` of words, most of which come again and again and none of which is null."""
    coded = words.cast(pl.Categorical(pl.Categories.random()))
    distinct = coded.unique()
    numbers = distinct.to_physical().to_numpy()
    hashes = np.zeros(int(numbers.max(initial=0)) + 1, np.uint64)
    hashes[numbers] = each_hashed(distinct.cast(pl.String)).to_numpy()
    of_each: U64 = hashes[coded.to_physical().to_numpy()]
    return of_each


def runs(hashed: U64, lengths: Indices, size: int) -> tuple[U64, Indices]:
    """Hashes of every run of `size` words, and how many each text has: texts of `lengths` words stand in `hashed`.

    A text shorter than a run is one run, padded with constants; a text without words has none.
    """
    ends = np.cumsum(lengths)
    short = (lengths > 0) & (lengths < size)
    begun = (ends - lengths)[short]
    padded = np.concatenate([hashed, np.zeros(size, np.uint64)])
    mixed, of_short = np.zeros(len(hashed), np.uint64), np.zeros(len(begun), np.uint64)
    whole = np.ones(len(hashed), bool)  # what begins here is a run
    for k in range(size):
        words = padded[k : k + len(hashed)]
        mixed *= MIX
        mixed += words
        of_short = of_short * MIX + np.where(lengths[short] > k, words[begun], np.uint64(k + 1))
        if k > 0:
            whole[(ends - k)[lengths > k]] = False
    mixed[begun] = of_short
    return mixed[whole], np.where(lengths > 0, np.maximum(lengths - size + 1, 1), 0)


def spans(starts: Indices, ends: Indices) -> tuple[Indices, Indices]:
    """Every place of each span [start, end), one span after another, and their lengths."""
    lengths = ends - starts
    begun = offsets(lengths)
    return np.arange(begun[-1]) + np.repeat(starts - begun[:-1], lengths), lengths


def offsets(lengths: Indices) -> Indices:
    """Where each part begins, and at last where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
