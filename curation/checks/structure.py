"""Is it a conversation at all: who speaks, does everyone say something, is every reply finished?"""

import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.folded import FOLDED, turns_folded
from curation.core.text.folding import fold

# A reply that ends otherwise was probably cut: full stops of both scripts, closing marks, emoji, a link, a number.
ENDED = r"[.!?…:;)\]}\"'»”’*_|>؟۔،\p{So}\p{Sk}\x{FE0F}\d]$|\S*(?:://|www\.|@)\S+$"
# Words with which hardly a sentence ends, in either language, and marks after which more must come.
_NEVER_LAST = (
    "a an the and or but because if unless although whether than of your our my their its his into from by as per via "
    "very every each and/or i'm i'll i've we're we'll we've you're you'll they're he's she's it's "
    "في من إلى على عن مع أن لأن لكن أو ثم حتى الذي التي الذين قد سوف كي لكي بسبب خلال بعض إذا لقد أنه أنها بأن"
).split()
CUT = rf"(?:^|\s)(?:{'|'.join(map(fold, _NEVER_LAST))})$|[\p{{L}}\d]\s?[,،;؛-]$"
CUT_FROM_WORDS = 3
# What exporters write where there was nothing.
_NOTHING = r"^(?:null|none|nan|nil|n/?a|undefined|empty|\(empty\)|\[empty\]|<empty>|لا يوجد|فارغ)$"
_SAYS_SOMETHING = r"[\p{L}\p{N}\p{So}]"


@check("structure", version=3, source="the record itself; full stops, closing marks and emoji as Unicode 15 has them")
def structure(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Missing sides, empty turns, replies that stop in mid-sentence, last words left to the customer.

    A turn that only calls a tool is not empty; a reply of dots, or of an exporter's "null", is wordless. A reply is cut
    where it ends in a comma or in a word that wants another ("the", "your", "في").
    """
    said = turns_folded(conversations, "tool_calls")
    roles = said.group_by("conversation_id").agg(
        replies=(pl.col("role") == "assistant").sum(), questions=(pl.col("role") == "user").sum()
    )
    empty = said.filter((pl.col("content") == "") & pl.col("tool_calls").is_null())
    last = said.group_by("conversation_id", maintain_order=True).last()
    replies = said.filter((pl.col("role") == "assistant") & (pl.col("content") != ""))
    bare = pl.col(FOLDED)
    wordless = replies.filter(
        pl.col("tool_calls").is_null()
        & (~pl.col("content").str.contains(_SAYS_SOMETHING) | bare.str.contains(_NOTHING))
    )
    cut = replies.filter((bare.str.count_matches(r"\S+") >= CUT_FROM_WORDS) & bare.str.contains(CUT))
    return pl.concat(
        [
            _seen(roles.filter(pl.col("replies") == 0), "no_reply"),
            _seen(roles.filter(pl.col("questions") == 0), "no_question"),
            _seen(empty.filter(pl.col("role") == "assistant"), "empty_reply"),
            _seen(empty.filter(pl.col("role") == "user"), "empty_question"),
            _seen(wordless, "wordless_reply", evidence=pl.col("content")),
            _seen(cut, "cut_reply", evidence=pl.col("content").str.tail(80)),
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
