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
        p = stage.params
        rows = stage.read("ingested/conversations")
        conversations = distinct(rows)
        said = spoken(conversations)
        own = shingle(words(own_turns(said, p.boilerplate_share, p.boilerplate_least)), p.shingle_words)
        whole = shingle(words(said), p.shingle_words)
        candidates = candidate_pairs(own, p.bands, p.rows, p.seed)
        pairs = guarded(verify([own, whole], candidates, p.related_from), conversations, p.threshold)
        removed = copies(pairs.filter(pl.col("relation") == "copy"), preference(conversations))
        result = clusters(rows, conversations, removed)

        stage.write("dedup/pairs", pairs)
        stage.write("dedup/clusters", result)
        stage.write_metrics(
            {
                "rows": rows.height,
                "exact_copies": rows.height - conversations.height,
                "candidates": len(candidates),
                "near_copies": len(removed),
                "kept_apart_by_meaning": pairs.filter(
                    pl.col("relation").is_in(["numbers", "negation", "names"])
                ).height,
                "survivors": int(result["survivor"].sum()),
            }
        )


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
