"""Rows that people corrected, checked again."""

import polars as pl

from curation.checks import checks, findings
from curation.checks.check import NOTHING, Context, in_order
from curation.core.record.conversation import SCHEMA, as_taught, message
from curation.core.record.repair import repaired_record
from curation.curate.fates import CURATED
from curation.decisions.decisions import Decision


def checked_again(surviving: pl.DataFrame, edits: pl.DataFrame, context: Context) -> pl.DataFrame:
    """FINDINGS of edited rows: what shows in a row by itself, and what shows beside all other rows."""
    if edits.is_empty():
        return NOTHING
    rows = edits.select(SCHEMA.names()).unique("conversation_id", keep="first", maintain_order=True)
    replaced = pl.concat([edits["parent_id"], edits["conversation_id"]])
    others = surviving.filter(~pl.col("conversation_id").is_in(replaced.implode())).select(SCHEMA.names())
    running = checks(context.params.skip).values()
    alone = [check for check in running if not check.whole_set]
    beside = [check for check in running if check.sees_edits]
    of_all = findings(as_taught(pl.concat([others, rows])), context, beside)
    return in_order([findings(as_taught(rows), context, alone), of_all.join(rows, on="conversation_id", how="semi")])


def edited(surviving: pl.DataFrame, decisions: dict[str, Decision]) -> pl.DataFrame:
    """CURATED rows with the corrected words and label of each edit; parent_id is the row that was corrected."""
    edits = {key: d for key, d in decisions.items() if d.decision == "edit"}
    corrected = []
    for row in surviving.filter(pl.col("conversation_id").is_in(list(edits))).iter_rows(named=True):
        decision = edits[row["conversation_id"]]
        words = repaired_record([message(**m) for m in decision.messages], merge=False) if decision.messages else {}
        label = decision.label if decision.label is not None else row["label"]
        corrected.append({**row, **words, "label": label, "origin": "edited", "parent_id": row["conversation_id"]})
    return pl.DataFrame(corrected, schema=CURATED).sort("parent_id")
