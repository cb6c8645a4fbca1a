"""Who stays of each group of copies, and which survivor stands for each that goes."""

from collections import defaultdict
from typing import Any

import polars as pl

CLUSTERS = pl.Schema(
    {
        "row_id": pl.String,
        "conversation_id": pl.String,
        "cluster_id": pl.String,  # the survivor's conversation_id
        "survivor": pl.Boolean,
        "duplicate_of": pl.String,  # the survivor's row_id
        "kind": pl.String,  # exact or near, of the copy to its survivor
        "similarity": pl.Float64,
    }
)


def distinct(conversations: pl.DataFrame) -> pl.DataFrame:
    """One row of each set of identical conversations: the oldest, whatever file it stands in."""
    oldest = conversations.sort("conversation_id", "created_at", "source_id", "row_id", nulls_last=True)
    return oldest.unique("conversation_id", keep="first", maintain_order=True)


def preference(conversations: pl.DataFrame) -> dict[str, int]:
    """Rank by conversation_id: the cleanest first, then the longest, then the oldest, then the smallest id."""
    contents = pl.col("messages").list.eval(pl.element().struct.field("content"))
    flaws = contents.list.eval(
        (pl.element() == "").cast(pl.Int32) + pl.element().str.count_matches("\ufffd")
    ).list.sum()
    unanswered = (pl.col("messages").list.last().struct.field("role") != "assistant").cast(pl.Int32)
    ordered = conversations.select(
        "conversation_id",
        "created_at",
        flaws=flaws + unanswered,
        length=contents.list.eval(pl.element().str.len_chars()).list.sum(),
    ).sort("flaws", "length", "created_at", "conversation_id", descending=[False, True, False, False], nulls_last=True)
    return {key: rank for rank, key in enumerate(ordered["conversation_id"])}


def copies(pairs: pl.DataFrame, preferred: dict[str, int]) -> dict[str, tuple[str, float]]:
    """conversation_id -> (its survivor, their similarity), out of verified pairs that may merge.

    Conversations are taken in order of preference; one that is like a survivor goes, every other survives. So nothing
    is removed through a chain: each removal was itself compared with the survivor it names.
    """
    alike: dict[str, dict[str, float]] = defaultdict(dict)
    for left, right, similarity in pairs.select("left", "right", "similarity").iter_rows():
        alike[left][right] = alike[right][left] = similarity
    removed: dict[str, tuple[str, float]] = {}
    for key in sorted(alike, key=preferred.__getitem__):
        survivors = [
            (s, other) for other, s in alike[key].items() if preferred[other] < preferred[key] and other not in removed
        ]
        if survivors:
            similarity, other = max(survivors, key=lambda pair: (pair[0], -preferred[pair[1]]))
            removed[key] = (other, similarity)
    return removed


def clusters(rows: pl.DataFrame, kept: pl.DataFrame, removed: dict[str, tuple[str, float]]) -> pl.DataFrame:
    """CLUSTERS: every ingested row, the survivor that stands for it, and how alike they are."""
    row_of = dict(kept.select("conversation_id", "row_id").iter_rows())

    def fate(row_id: str, key: str) -> dict[str, Any]:
        survivor, similarity = removed.get(key, (key, 1.0))
        stays = key not in removed and row_of[key] == row_id
        return {
            "row_id": row_id,
            "conversation_id": key,
            "cluster_id": survivor,
            "survivor": stays,
            "duplicate_of": None if stays else row_of[survivor],
            "kind": None if stays else ("near" if key in removed else "exact"),
            "similarity": None if stays else similarity,
        }

    fates = [fate(*row) for row in rows.select("row_id", "conversation_id").iter_rows()]
    return pl.DataFrame(fates, schema=CLUSTERS).sort("row_id")
