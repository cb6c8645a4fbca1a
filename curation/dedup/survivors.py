"""Who stays of each group of copies, and which survivor stands for each that goes."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import polars as pl

from curation.dedup.tokens import Messages
from curation.similarity.shingles import Indices

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
# What a copy should rather not have: lost and misread characters ("Ã©", "Ø§"), HTML, a sentence that breaks off.
_FLAWS = r"\ufffd|[ÃÂØÙ][\u0080-\u00bf\u2018-\u2026]|â€|</?[a-zA-Z][^<>]*>|&(?:[a-z]{2,6}|#\d+);"
_UNFINISHED = r"[\p{L}\p{N},،]$"


def distinct(rows: pl.DataFrame) -> tuple[pl.DataFrame, Indices]:
    """conversation_id, row_id, created_at and the place in `rows` of one row of each set of identical conversations.

    In order of the ids; the oldest stands, whatever file it is in. And for each of `rows` the number of its set there.
    """
    keys = rows.select("conversation_id", "created_at", "source_id", "row_id").with_row_index("place")
    oldest = keys.sort("conversation_id", "created_at", "source_id", "row_id", nulls_last=True).drop("source_id")
    first = oldest["conversation_id"].ne_missing(oldest["conversation_id"].shift())
    number = np.empty(rows.height, np.int64)
    number[oldest["place"].to_numpy()] = np.cumsum(first.to_numpy()) - 1
    return oldest.filter(first), number


def preference(messages: Messages, created_at: pl.Series, pairs: pl.DataFrame) -> dict[int, int]:
    """The rank of each row that has a copy: the cleanest first, then the longest, the oldest, the smallest id.

    Before all that, one that says which replies not to learn: a copy without the mark must not teach them.
    """
    copied = pairs.filter(relation="copy")
    rows = pl.concat([copied["left"], copied["right"]]).unique().sort().to_numpy()
    seen = [_looks(some, said) for some, said in messages.parts(rows, len(rows))]
    if not seen:
        return {}
    ordered = (
        pl.concat(seen)
        .with_columns(created_at=created_at.gather(pl.concat(seen)["row"]))
        .sort(
            "untaught",
            "flaws",
            "length",
            "created_at",
            "row",
            descending=[True, False, True, False, False],
            nulls_last=True,
        )
    )
    return {row: rank for rank, row in enumerate(ordered["row"])}


def _looks(rows: Indices, messages: pl.Series) -> pl.DataFrame:
    """What speaks for and against each of the rows."""
    contents = pl.col("messages").list.eval(pl.element().struct.field("content"))
    flaws = contents.list.eval((pl.element() == "").cast(pl.UInt32) + pl.element().str.count_matches(_FLAWS)).list.sum()
    last = pl.col("messages").list.last().struct
    unanswered, unfinished = last.field("role") != "assistant", last.field("content").str.contains(_UNFINISHED)
    return pl.DataFrame({"row": rows, "messages": messages}).select(
        "row",
        untaught=pl.col("messages").list.eval(pl.element().struct.field("train").eq(False)).list.sum(),
        flaws=flaws + unanswered.cast(pl.UInt32) + unfinished.cast(pl.UInt32),
        length=contents.list.eval(pl.element().str.len_chars()).list.sum(),
    )


def copies(pairs: pl.DataFrame, preferred: Mapping[int, int]) -> dict[int, tuple[int, float]]:
    """row -> (its survivor, their similarity), out of verified pairs.

    Rows are taken in order of preference; one that is a copy of a survivor goes, every other survives. So nothing is
    removed through a chain: each removal was itself compared with the survivor it names.
    """
    alike: dict[int, dict[int, float]] = defaultdict(dict)
    for left, right, similarity in pairs.filter(relation="copy").select("left", "right", "similarity").iter_rows():
        alike[left][right] = alike[right][left] = similarity
    removed: dict[int, tuple[int, float]] = {}
    for row in sorted(alike, key=preferred.__getitem__):
        survivors = [
            (s, other) for other, s in alike[row].items() if preferred[other] < preferred[row] and other not in removed
        ]
        if survivors:
            similarity, other = max(survivors, key=lambda pair: (pair[0], -preferred[pair[1]]))
            removed[row] = (other, similarity)
    return removed


def unseen_pairs(pairs: pl.DataFrame, removed: Mapping[int, tuple[int, float]], seen: Indices) -> Indices:
    """Pairs of survivors, of which one or a copy of it is alike to a copy of the other, that are not in `seen` yet.

    In a large group of copies most were compared with a few others only, perhaps with none that survives.
    """
    survivor = {row: other for row, (other, _) in removed.items()}
    surviving = pairs.filter(relation="copy").select(pl.col("left", "right").replace(survivor))
    fresh = (
        surviving.filter(pl.col("left") != pl.col("right"))
        .select(left=pl.min_horizontal("left", "right"), right=pl.max_horizontal("left", "right"))
        .join(pl.DataFrame(seen, schema=["left", "right"], orient="row"), on=["left", "right"], how="anti")
    )
    return fresh.unique().sort("left", "right").to_numpy()


def clusters(
    rows: pl.DataFrame, kept: pl.DataFrame, number: Indices, removed: Mapping[int, tuple[int, float]]
) -> pl.DataFrame:
    """CLUSTERS: every ingested row, the survivor that stands for it, and how alike they are.

    `kept` and `number` are what `distinct` tells; `removed` names rows of `kept`.
    """
    survivor, alike = np.arange(kept.height), np.full(kept.height, np.nan)
    for row, (other, similarity) in removed.items():
        survivor[row], alike[row] = other, similarity
    ordered = rows.select("row_id", "conversation_id", number=pl.Series(number)).sort("row_id")
    number = ordered["number"].to_numpy()
    likeness = pl.Series("similarity", alike[number], nan_to_null=True)
    standing = kept.select(cluster_id="conversation_id", standing="row_id")[survivor[number]]
    survives, near = pl.col("standing") == pl.col("row_id"), pl.col("similarity").is_not_null()
    return (
        pl.concat([ordered.drop("number"), standing, likeness.to_frame()], how="horizontal")
        .select(
            "row_id",
            "conversation_id",
            "cluster_id",
            survivor=survives,
            duplicate_of=pl.when(~survives).then("standing"),
            kind=pl.when(near).then(pl.lit("near")).when(~survives).then(pl.lit("exact")),
            similarity=pl.when(near).then("similarity").when(~survives).then(1.0),
        )
        .match_to_schema(CLUSTERS)
    )
