"""Who stays of each group of copies, and which survivor stands for each that goes."""

from collections import defaultdict
from collections.abc import Mapping

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


def distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, row_id, created_at and the place in `rows` of one row of each set of identical conversations.

    In order of the ids; the oldest stands, whatever file it is in.
    """
    keys = rows.select("conversation_id", "created_at", "source_id", "row_id").with_row_index("place")
    oldest = keys.sort("conversation_id", "created_at", "source_id", "row_id", nulls_last=True)
    return oldest.unique("conversation_id", keep="first", maintain_order=True).drop("source_id")


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


def clusters(rows: pl.DataFrame, kept: pl.DataFrame, removed: dict[int, tuple[int, float]]) -> pl.DataFrame:
    """CLUSTERS: every ingested row, the survivor that stands for it, and how alike they are.

    `kept` is what `distinct` left; `removed` names rows of it.
    """
    gone, survivor = list(removed), [survivor for survivor, _ in removed.values()]
    near = pl.DataFrame(
        {
            "conversation_id": kept["conversation_id"].gather(gone),
            "cluster_id": kept["conversation_id"].gather(survivor),
            "similarity": pl.Series([similarity for _, similarity in removed.values()], dtype=pl.Float64),
        }
    )
    surviving = kept.select(cluster_id="conversation_id", standing="row_id")
    survives = pl.col("standing") == pl.col("row_id")
    return (
        rows.select("row_id", "conversation_id")
        .join(near, on="conversation_id", how="left")
        .with_columns(near=pl.col("cluster_id").is_not_null(), cluster_id=pl.coalesce("cluster_id", "conversation_id"))
        .join(surviving, on="cluster_id", how="left")
        .select(
            "row_id",
            "conversation_id",
            "cluster_id",
            survivor=survives,
            duplicate_of=pl.when(~survives).then("standing"),
            kind=pl.when("near").then(pl.lit("near")).when(~survives).then(pl.lit("exact")),
            similarity=pl.when("near").then("similarity").when(~survives).then(1.0),
        )
        .sort("row_id")
        .match_to_schema(CLUSTERS)
    )
