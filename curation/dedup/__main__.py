"""Group near-identical conversations and keep one of each.  python -m curation.dedup"""

from functools import partial

import numpy as np
import polars as pl
from pydantic import Field

from curation.dedup.guard import Meanings
from curation.dedup.near import candidate_pairs, digests, verified
from curation.dedup.survivors import clusters, copies, distinct, preference, unseen_pairs
from curation.dedup.tokens import HERE, Messages, Read, Site, TokenizedTurns, Watch, tokenized
from curation.harness.engine import map_items
from curation.harness.files import table_path
from curation.harness.memory import CACHE
from curation.harness.params import Params
from curation.harness.parts import read_slice
from curation.harness.stage import Stage
from curation.similarity.shingles import Indices

CONVERSATIONS = "ingested/conversations"
KEYS = ("row_id", "conversation_id", "source_id", "created_at")
READ = ("row_id", "conversation_id", "messages", "source_id", "created_at")
LARGE = 20_000  # rows whose words are worth sending to other machines
A_ROW = 900  # bytes of memory that a row takes: ids, places of its turns, a band of its digests, its pairs


class Dedup(Params):
    """params.yaml: dedup"""

    threshold: float = Field(gt=0, le=1)  # true Jaccard from which two conversations are copies
    related_from: float = Field(gt=0, le=1)  # pairs from here, on their own content too, stand in dedup/pairs for split
    shingle_words: int = Field(ge=1)
    bands: int = Field(ge=1)
    rows: int = Field(ge=1)  # MinHash values a band
    boilerplate_share: float  # a turn that this share of conversations has word for word tells nothing ...
    boilerplate_least: int  # ... if they are at least so many
    seed: int


def main() -> None:
    """Exact copies by id, near ones by verified pairs; what differs in meaning stays apart."""
    with Stage("dedup", Dedup) as stage:
        stage.refuse_too_little(CONVERSATIONS, A_ROW)
        path = stage.input(table_path(CONVERSATIONS))

        def read(start: int, count: int) -> pl.Series:
            return read_slice(path, start, count, ["messages"])["messages"]

        run = partial(map_items, machine=stage.machine, large=stage.height(CONVERSATIONS) >= LARGE, work="threads")
        site = Site(stage.progress, CACHE, run)
        pairs, candidates, result = compared(stage.read(CONVERSATIONS, KEYS), read, stage.params, site)

        stage.write("dedup/pairs", pairs)
        stage.write("dedup/clusters", result)
        kinds = dict(result["kind"].drop_nulls().value_counts().iter_rows())
        stage.write_metrics(
            {
                "rows": result.height,
                "exact_copies": kinds.get("exact", 0),
                "candidates": candidates,
                "near_copies": kinds.get("near", 0),
                "kept_apart_by_meaning": pairs.filter(~pl.col("relation").is_in(["copy", "related"])).height,
                "survivors": int(result["survivor"].sum()),
            }
        )


def deduplicated(rows: pl.DataFrame, params: Dedup) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """`compared` of rows that have their messages with them."""
    return compared(rows.drop("messages"), rows["messages"].slice, params)


def compared(
    rows: pl.DataFrame, read: Read, params: Dedup, site: Site = HERE
) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Verified pairs with their relation, how many candidates there were, and CLUSTERS of all rows.

    `read` gives the messages of rows from one on, so many.
    """
    conversations, number = distinct(rows)
    rows = rows.select("row_id", "conversation_id")
    messages = Messages(read, conversations["place"].to_numpy().astype(np.int64))
    pairs, candidates, removed = compared_words(messages, conversations["created_at"], params, site)
    return by_id(pairs, conversations), candidates, clusters(rows, conversations, number, removed)


def compared_words(
    messages: Messages, created_at: pl.Series, params: Dedup, site: Site
) -> tuple[pl.DataFrame, int, dict[int, tuple[int, float]]]:
    """PAIRS of rows of `messages`, how many candidates there were, and what was `removed` as a copy of which other."""
    shared = (params.boilerplate_share, params.boilerplate_least)
    tokens = tokenized(messages, params.shingle_words, *shared, site)
    meanings = Meanings(messages, tokens.occurrences)
    values, filled = digests(tokens, params.bands * params.rows, params.seed, site)
    candidates = candidate_pairs(values, filled, params.bands, meanings.codes, site.watch)

    pairs = judged(candidates, tokens, meanings, params, site.watch)
    preferred = preference(messages, created_at, pairs)
    removed = copies(pairs, preferred)
    while len(onward := unseen_pairs(pairs, removed, candidates)):
        candidates = np.concatenate([candidates, onward])
        pairs = pl.concat([pairs, judged(onward, tokens, meanings, params, site.watch)])
        removed = copies(pairs, preferred)
    return pairs, len(candidates), removed


def judged(pairs: Indices, tokens: TokenizedTurns, meanings: Meanings, params: Dedup, watch: Watch) -> pl.DataFrame:
    """PAIRS of at least `related_from`: a copy, related (below the threshold), or what keeps an alike pair apart."""
    pairs, similarity = verified(tokens, pairs, params.related_from, watch)
    alike = similarity >= params.threshold
    relation = np.full(len(pairs), "related", object)
    relation[alike] = meanings.relations(pairs[alike])
    table = {"left": pairs[:, 0], "right": pairs[:, 1], "similarity": similarity}
    return pl.DataFrame({**table, "relation": pl.Series(relation, dtype=pl.String)})


def by_id(pairs: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """PAIRS with conversation ids for rows, which follow the order of the ids."""
    ids, pairs = conversations["conversation_id"], pairs.sort("left", "right")
    return pairs.with_columns(ids.gather(pairs[side]).alias(side) for side in ("left", "right"))


if __name__ == "__main__":
    main()
