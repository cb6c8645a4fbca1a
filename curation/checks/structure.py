"""Is it a conversation at all: who speaks, does everyone say something, is the last reply finished?"""

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns

# A reply that ends otherwise was probably cut: full stops of both scripts, closing marks, emoji, a link, a number.
_ENDED = r"[.!?…:;)\]}\"'»”’*_|>؟۔،\p{So}\p{Sk}\x{FE0F}\d]$|\S*(?:://|www\.|@)\S+$"
UNFINISHED_FROM_WORDS = 8  # shorter replies often carry no full stop: "Sure, one moment"


@check(
    "structure",
    {
        "no_reply": "fatal",
        "no_question": "fatal",
        "empty_reply": "fatal",
        "empty_question": "doubt",
        "unfinished_reply": "doubt",
        "unanswered_question": "info",
    },
    source="the record itself; full stops, closing marks and emoji as Unicode 15 has them",
)
def structure(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Missing sides, empty turns, a last reply that stops in mid-sentence, last words left to the customer.

    A turn that only calls a tool is not empty. Whether a reply is finished is judged from 8 words on, by how it ends:
    agents who never write full stops look unfinished.
    """
    said = turns(conversations, "tool_calls")
    roles = said.group_by("conversation_id").agg(
        replies=(pl.col("role") == "assistant").sum(), questions=(pl.col("role") == "user").sum()
    )
    empty = said.filter((pl.col("content") == "") & pl.col("tool_calls").is_null())
    last = said.group_by("conversation_id", maintain_order=True).last()
    replies = said.filter((pl.col("role") == "assistant") & (pl.col("content") != ""))
    final = replies.group_by("conversation_id", maintain_order=True).last()
    unfinished = final.filter(
        (pl.col("content").str.count_matches(r"\S+") >= UNFINISHED_FROM_WORDS) & ~pl.col("content").str.contains(_ENDED)
    )
    return pl.concat(
        [
            _seen(roles.filter(pl.col("replies") == 0), "no_reply"),
            _seen(roles.filter(pl.col("questions") == 0), "no_question"),
            _seen(empty.filter(pl.col("role") == "assistant"), "empty_reply"),
            _seen(empty.filter(pl.col("role") == "user"), "empty_question"),
            _seen(unfinished, "unfinished_reply", evidence=pl.col("content").str.tail(80)),
            _seen(last.filter(pl.col("role") == "user"), "unanswered_question"),
        ]
    )


def _seen(rows: pl.DataFrame, code: str, evidence: pl.Expr | None = None) -> pl.DataFrame:
    turn = pl.col("turn") if "turn" in rows.columns else pl.lit(None, dtype=pl.Int32)
    return rows.select(
        "conversation_id",
        turn=turn,
        code=pl.lit(code),
        value=pl.lit(1.0),
        evidence=evidence if evidence is not None else pl.lit(None, dtype=pl.String),
    )
