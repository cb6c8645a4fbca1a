"""What dedup does with copies that are planted among rows of the run."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from curation.audit.recall import Outcome
from curation.core.record.conversation import conversation_id
from curation.core.record.draw import fair_order
from curation.dedup.__main__ import READ, Dedup, deduplicated
from curation.planting.copies import NEAR_COPY, copied
from curation.planting.rows import Row
from curation.planting.shadow import SHADOW, Read, as_rows, number_of, pool

POOL = 800  # rows of a language that copies are made of
AMONG = 600  # other rows that stand beside them: words that these say are no slips


def outcomes(
    surviving: pl.DataFrame, read: Read, serious: pl.Series, languages: Collection[str], params: Dedup, seed: int
) -> list[Outcome]:
    """Of each planted copy: whether a near-copy and its original are one to dedup, and a twin and its original two.

    `surviving` has ids and languages; `read` gives the records of some of them as checks see them, in parts.
    """
    counts = surviving["language"].value_counts()
    sizes: Mapping[str, int] = dict(counts.iter_rows())
    pools = as_rows(pool(read(surviving), counts, serious, languages, seed, POOL))
    copies = [copy for name, rows in pools.items() for copy in copied(rows, number_of(sizes[name]), seed)]
    if not copies:
        return []
    chosen = surviving.filter(pl.col("conversation_id").is_in([str(copy.twin) for copy in copies]))
    beside = fair_order(surviving.join(chosen, on="conversation_id", how="anti"), seed).head(AMONG)
    originals, others = (pl.concat(read(some)).select(READ) for some in (chosen, beside))
    planted = _as_rows(copies, originals)
    _, _, clusters = deduplicated(pl.concat([originals, others, planted]), params)
    cluster = dict(clusters.select("row_id", "cluster_id").iter_rows())
    known = dict(originals.select("conversation_id", "row_id").iter_rows())
    merged = [cluster[_row_id(copy)] == cluster[known[str(copy.twin)]] for copy in copies]
    return [
        (str(copy.defect), copy.language, is_one == (copy.defect == NEAR_COPY))
        for copy, is_one in zip(copies, merged, strict=True)
    ]


def _as_rows(copies: Sequence[Row], originals: pl.DataFrame) -> pl.DataFrame:
    """The copies as ingest would have them, said when their originals were."""
    rows = pl.DataFrame(
        {
            "row_id": [_row_id(copy) for copy in copies],
            "conversation_id": [conversation_id([dict(m) for m in copy.messages]) for copy in copies],
            "messages": [[dict(m) for m in copy.messages] for copy in copies],
            "source_id": [None] * len(copies),
            "original": [copy.twin for copy in copies],
        },
        schema={**{name: originals.schema[name] for name in READ[:4]}, "original": pl.String},
    )
    said = originals.select("created_at", original="conversation_id")
    return rows.join(said, on="original", how="left", maintain_order="left").select(READ)


def _row_id(copy: Row) -> str:
    return f"{copy.twin}{SHADOW}:{copy.defect}"
