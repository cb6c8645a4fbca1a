"""Each rule by itself: who keeps it in which conversations, beside the pooled figure that decides.

A rule of playbook.yaml, and that replies are in the customer's language, is a binary outcome of a conversation. Arms
are compared on the same conversations by the exact McNemar test; p is adjusted by Holm within a family, which is all
rules against all prompt arms in one language (or in all together).
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import holm, mcnemar
from curation.core.text.language import language_of
from training.judge.arms import ADAPTER

OUTCOMES = pl.Schema(
    {
        "arm": pl.String,
        "conversation_id": pl.String,
        "rule": pl.String,
        "kind": pl.String,  # greeting, closing, required, forbidden, escalation, length or language
        "kept": pl.Boolean,
    }
)
RULES = pl.Schema(
    {
        "arm": pl.String,
        "against": pl.String,
        "rule": pl.String,
        "kind": pl.String,
        "language": pl.String,  # "all" or a code
        "ours": pl.Float64,  # share of the conversations in which the arm keeps the rule
        "theirs": pl.Float64,
        "ours_only": pl.Int64,  # conversations in which only the arm keeps it
        "theirs_only": pl.Int64,
        "p": pl.Float64,
        "p_holm": pl.Float64,
        "n": pl.Int64,
    }
)
TOLD = ("en", "ar")  # languages whose replies can be told from any other
PLACES = {"first_reply": "greeting", "last_reply": "closing", "any_reply": "required"}

Said = Mapping[int, str]  # turn -> what the arm wrote there


def kept_rules(playbook: Playbook, row: Mapping[str, Any], said: Said) -> dict[str, bool]:
    """The rules that apply to the team's own replies, kept or not: every arm has the same to keep.

    The playbook passes over empty replies, but who is asked and says nothing keeps no rule.
    """
    due = [judgement.rule for judgement in playbook.judge(row["messages"], row["language"], row["label"])]
    if not all(text.strip() for text in said.values()):
        return dict.fromkeys(due, False)
    messages = [{**m, "content": said.get(turn, m["content"])} for turn, m in enumerate(row["messages"])]
    kept = {j.rule: j.ok for j in playbook.judge(messages, row["language"], row["label"])}
    return {rule: kept.get(rule, False) for rule in due}


def outcomes(predictions: pl.DataFrame, conversations: pl.DataFrame, playbook: Playbook) -> pl.DataFrame:
    """OUTCOMES of written replies."""
    kinds = {r.id: PLACES[r.where] if r.kind == "required" else r.kind for r in playbook.rules}
    rows = {row["conversation_id"]: row for row in conversations.iter_rows(named=True)}
    found = []
    for (arm, conversation), said in replies(predictions).items():
        row = rows[conversation]
        kept = kept_rules(playbook, row, said)
        found += [(arm, conversation, rule, kinds.get(rule, "length"), ok) for rule, ok in kept.items()]
        if row["language"] in TOLD:
            spoken = all(language_of(text) == row["language"] for text in said.values())
            found.append((arm, conversation, "same_language", "language", spoken))
    return pl.DataFrame(found, schema=OUTCOMES, orient="row")


def replies(predictions: pl.DataFrame) -> dict[tuple[str, str], dict[int, str]]:
    """(arm, conversation) -> what the arm wrote at which turn."""
    written = predictions.sort("arm", "conversation_id", "turn").partition_by(
        "arm", "conversation_id", as_dict=True, maintain_order=True
    )
    return {(str(a), str(c)): dict(part.select("turn", "text").iter_rows()) for (a, c), part in written.items()}


def rule_table(found: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """RULES: the adapter against every other arm, rule by rule, over all languages and by language."""
    spoken = found.join(conversations.select("conversation_id", "language"), on="conversation_id")
    spoken = pl.concat([spoken, spoken.with_columns(language=pl.lit("all"))])
    theirs = spoken.filter(pl.col("arm") != ADAPTER).rename({"arm": "against", "kept": "their"})
    key = ["conversation_id", "rule", "kind", "language"]
    pairs = spoken.filter(arm=ADAPTER).join(theirs, on=key, validate="1:m")
    counted = (
        pairs.group_by("arm", "against", "rule", "kind", "language")
        .agg(
            ours=pl.col("kept").mean(),
            theirs=pl.col("their").mean(),
            ours_only=(pl.col("kept") & ~pl.col("their")).sum().cast(pl.Int64),
            theirs_only=(pl.col("their") & ~pl.col("kept")).sum().cast(pl.Int64),
            n=pl.len().cast(pl.Int64),
        )
        .sort("language", "against", "rule")
    )
    tested = counted.with_columns(
        p=pl.Series([mcnemar(*row) for row in counted.select("ours_only", "theirs_only").iter_rows()], dtype=pl.Float64)
    )
    families = [f.with_columns(p_holm=pl.Series(holm(f["p"].to_list()))) for f in tested.partition_by("language")]
    return pl.concat(families).select(RULES.names()) if families else pl.DataFrame(schema=RULES)
