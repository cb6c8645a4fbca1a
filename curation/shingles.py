"""Conversations as sets of hashed word shingles, for dedup and for leaks from evaluation sets."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.conversation import turns
from curation.text import folded

U64 = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]

MIX = np.uint64(0x9E3779B97F4A7C15)  # odd 64-bit constant of the golden ratio (Knuth, multiplicative hashing)


@dataclass(frozen=True)
class Shingles:
    """Distinct hashed word shingles of each conversation, in rows: those of row i are flat[offsets[i]:offsets[i+1]]."""

    ids: list[str]
    flat: U64
    offsets: Indices

    def rows(self) -> Indices:
        """The row of each entry of `flat`."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.offsets))


def spoken(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, turn and folded `text` of every turn but system prompts; arguments of tool calls count."""
    said = turns(conversations, "tool_calls").filter(pl.col("role") != "system")
    text = folded(pl.col("content") + " " + pl.col("tool_calls").fill_null(""))
    return said.select("conversation_id", "turn", text=text)


def own_turns(said: pl.DataFrame, share: float, least: int) -> pl.DataFrame:
    """The turns that carry content: not those that many conversations have word for word.

    A turn is shared when at least `share` of the conversations and at least `least` of them have it. A conversation of
    nothing else keeps its shared turns.
    """
    limit = max(least, share * said["conversation_id"].n_unique())
    own = said.filter(pl.col("conversation_id").n_unique().over("text") < limit)
    return pl.concat([own, said.join(own, on="conversation_id", how="anti")])


def words(said: pl.DataFrame) -> pl.DataFrame:
    """conversation_id and all its words, in order of ids and turns."""
    return (
        said.sort("conversation_id", "turn")
        .group_by("conversation_id", maintain_order=True)
        .agg(words=pl.col("text").str.extract_all(r"[\p{L}\p{N}]+").explode().drop_nulls())
    )


def shingle(table: pl.DataFrame, size: int) -> Shingles:
    """Every run of `size` words of `words`, hashed; a shorter text is one shingle."""
    lengths = table["words"].list.len().to_numpy().astype(np.int64)
    # Words of a text shorter than a shingle are padded with one constant, so that it yields exactly one.
    hashed = table["words"].explode().drop_nulls().hash(seed=0).to_numpy()
    row_of = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(hashed)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    left = np.repeat(lengths, lengths) - place  # words from here to the end of the text
    runs = np.zeros(len(hashed), np.uint64)
    for k in range(size):
        ahead = np.concatenate([hashed[k:], np.zeros(min(k, len(hashed)), np.uint64)])
        runs = runs * MIX + np.where(left > k, ahead, np.uint64(k + 1))
    keep = (left >= size) | (place == 0)
    distinct = pl.DataFrame({"row": row_of[keep], "hash": runs[keep]}).unique().sort("row", "hash")
    counts = np.bincount(distinct["row"].to_numpy(), minlength=len(lengths))
    return Shingles(
        table["conversation_id"].to_list(), distinct["hash"].to_numpy(), np.concatenate([[0], np.cumsum(counts)])
    )
