"""Rows that people corrected, checked again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import polars as pl

from curation.checks import checks, findings, seen
from curation.checks.check import NOTHING, Check, Context, at_hand, in_order, shown
from curation.checks.models.words import bare
from curation.core.record.conversation import SCHEMA, as_taught, message
from curation.core.record.repair import repaired_record
from curation.curate.fates import CURATED
from curation.decisions.decisions import Decision

Parts = Callable[[], Iterable[pl.DataFrame]]  # the surviving rows, as often as they are asked for


def checked_again(surviving: Parts, edits: pl.DataFrame, context: Context) -> pl.DataFrame:
    """FINDINGS of edited rows: what shows in a row by itself, and what shows beside all other rows."""
    if edits.is_empty():
        return NOTHING
    rows = as_taught(edits.select(SCHEMA.names()).unique("conversation_id", keep="first", maintain_order=True))
    replaced = pl.concat([edits["parent_id"], edits["conversation_id"]])
    running = checks(context.params.skip).values()
    alone = [check for check in running if not check.whole_set]

    def standing() -> Iterator[pl.DataFrame]:
        for part in surviving():
            yield as_taught(part.filter(~pl.col("conversation_id").is_in(replaced.implode())).select(SCHEMA.names()))
        yield rows

    of_all = _beside_all(standing, context, [check for check in running if check.sees_edits])
    of_rows = of_all.join(rows, on="conversation_id", how="semi")
    return in_order([findings(rows, context, alone), shown(of_rows, rows, context)])


def _beside_all(standing: Parts, context: Context, which: Iterable[Check]) -> pl.DataFrame:
    """What these checks see in rows that come in parts, not fit to be shown yet."""
    readings = {check.reads.__name__: check.reads for check in which if check.reads}
    whole, told = list[pl.DataFrame](), {name: list[pl.DataFrame]() for name in readings}
    for part in standing():
        whole.append(bare(part))
        for name, reading in readings.items():
            told[name].append(reading(part, context))
    of_all = {name: at_hand(pl.concat(tables)) for name, tables in told.items()}
    return seen(pl.concat(whole), replace(context, readings=of_all, records=lambda _: standing()), which)


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
