"""Group near-identical conversations and keep one of each.  python -m curation.dedup"""

import polars as pl
from pydantic import Field

from curation.conversation import as_text
from curation.dedup.guard import difference_in_meaning
from curation.dedup.near import candidate_pairs, verify
from curation.dedup.survivors import clusters, copies, distinct, preference
from curation.shingles import own_turns, shingle, spoken, words
from curation.stage import Params, Stage


class Dedup(Params):
    """params.yaml: dedup"""

    threshold: float = Field(gt=0, le=1)  # true Jaccard from which two conversations are copies
    related_from: float = Field(gt=0, le=1)  # pairs from here are kept in dedup/pairs, for split to hold together
    shingle_words: int = Field(ge=1)
    bands: int = Field(ge=1)
    rows: int = Field(ge=1)  # MinHash values a band
    boilerplate_share: float  # a turn that this share of conversations has word for word tells nothing ...
    boilerplate_least: int  # ... if they are at least so many
    seed: int


def main() -> None:
    """Exact copies by id, near ones by verified pairs; what differs in meaning stays apart."""
    with Stage("dedup", Dedup) as stage:
        rows = stage.read("ingested/conversations")
        pairs, candidates, result = deduplicated(rows, stage.params)

        stage.write("dedup/pairs", pairs)
        stage.write("dedup/clusters", result)
        kinds = dict(result["kind"].drop_nulls().value_counts().iter_rows())
        apart = pairs.filter(pl.col("relation").is_in(["numbers", "negation", "names"]))
        stage.write_metrics(
            {
                "rows": rows.height,
                "exact_copies": kinds.get("exact", 0),
                "candidates": candidates,
                "near_copies": kinds.get("near", 0),
                "kept_apart_by_meaning": apart.height,
                "survivors": int(result["survivor"].sum()),
            }
        )


def deduplicated(rows: pl.DataFrame, params: Dedup) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Verified pairs with their relation, how many candidates there were, and CLUSTERS of all rows."""
    conversations = distinct(rows)
    said = spoken(conversations)
    own = shingle(words(own_turns(said, params.boilerplate_share, params.boilerplate_least)), params.shingle_words)
    whole = shingle(words(said), params.shingle_words)
    candidates = candidate_pairs(own, params.bands, params.rows, params.seed)
    pairs = guarded(verify([own, whole], candidates, params.related_from), conversations, params.threshold)
    removed = copies(pairs.filter(pl.col("relation") == "copy"), preference(conversations))
    return pairs, len(candidates), clusters(rows, conversations, removed)


def guarded(pairs: pl.DataFrame, conversations: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Adds `relation`: copy, related (below the threshold), or what keeps an alike pair apart."""
    alike = pairs.filter(pl.col("similarity") >= threshold)
    wanted = pl.concat([alike["left"], alike["right"]]).unique().to_list()
    chosen = conversations.filter(pl.col("conversation_id").is_in(wanted)).select("conversation_id", "messages")
    texts = {key: _compared(messages) for key, messages in chosen.iter_rows()}
    relation = [
        "related" if similarity < threshold else difference_in_meaning(texts[left], texts[right]) or "copy"
        for left, right, similarity in pairs.iter_rows()
    ]
    return pairs.with_columns(relation=pl.Series(relation, dtype=pl.String))


def _compared(messages: list[dict[str, str | None]]) -> str:
    """What distinguishes a conversation: all turns but the system prompt, arguments of tool calls with them."""
    said = [{**m, "content": f"{m['content']} {m['tool_calls'] or ''}"} for m in messages if m["role"] != "system"]
    return as_text(said)


if __name__ == "__main__":
    main()
