"""Group near-identical conversations and keep one of each.  python -m curation.dedup"""

import numpy as np
import polars as pl
from pydantic import Field

from curation.dedup.guard import Meanings
from curation.dedup.near import candidate_pairs, digests, verified
from curation.dedup.survivors import clusters, copies, distinct, preference, unseen_pairs
from curation.dedup.tokens import Messages, TokenizedTurns, Watch, tokenized, unwatched
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.similarity.shingles import Indices

READ = ("row_id", "conversation_id", "messages", "source_id", "created_at")


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
        rows = stage.read("ingested/conversations", READ)
        pairs, candidates, result = deduplicated(rows, stage.params, stage.progress)

        stage.write("dedup/pairs", pairs)
        stage.write("dedup/clusters", result)
        kinds = dict(result["kind"].drop_nulls().value_counts().iter_rows())
        stage.write_metrics(
            {
                "rows": rows.height,
                "exact_copies": kinds.get("exact", 0),
                "candidates": candidates,
                "near_copies": kinds.get("near", 0),
                "kept_apart_by_meaning": pairs.filter(~pl.col("relation").is_in(["copy", "related"])).height,
                "survivors": int(result["survivor"].sum()),
            }
        )


def deduplicated(rows: pl.DataFrame, params: Dedup, watch: Watch = unwatched) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Verified pairs with their relation, how many candidates there were, and CLUSTERS of all rows."""
    conversations = distinct(rows)
    messages = Messages(rows["messages"].rechunk(), conversations["place"])  # or each gathering would do so
    tokens = tokenized(messages, params.shingle_words, params.boilerplate_share, params.boilerplate_least, watch)
    meanings = Meanings(messages, tokens.occurrences)
    values, filled = digests(tokens, params.bands * params.rows, params.seed, watch)
    candidates = candidate_pairs(values, filled, params.bands, meanings.codes, watch)

    pairs = judged(candidates, tokens, meanings, params, watch)
    preferred = preference(messages, conversations["created_at"], pairs)
    removed = copies(pairs, preferred)
    while len(onward := unseen_pairs(pairs, removed, candidates)):
        candidates = np.concatenate([candidates, onward])
        pairs = pl.concat([pairs, judged(onward, tokens, meanings, params, watch)])
        removed = copies(pairs, preferred)
    return by_id(pairs, conversations), len(candidates), clusters(rows, conversations, removed)


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
