"""What each row tells alone, remembered from run to run."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from curation.checks import findings
from curation.checks.check import FINDINGS, Check, Context, Reading, Score, in_order
from curation.harness.memory import version_of
from curation.harness.stage import Stage
from curation.harness.workers import packed, spread, unpacked

CHUNK = 1_000  # conversations that a process looks at in one go
LARGE = 8_000  # conversations from which starting processes pays
ALONE = "alone"  # the name under which findings of single rows are remembered
SHOWN = "shown"  # and evidence that is fit to be shown


def looked_at(
    stage: Stage[Score], standing: pl.DataFrame, context: Context, which: Sequence[Check], readings: Collection[Reading]
) -> dict[str, pl.DataFrame]:
    """What is told by each row alone: ALONE, the FINDINGS of checks that judge it by itself, and readings, by name.

    Rows that an earlier run looked at are not looked at again.
    """
    options = context.params.model_dump(mode="json", exclude={"workers"})
    evaluation = context.evaluation.hash_rows().to_list()
    version = version_of("score", {check.name: check.version for check in which}, options, context.playbook, evaluation)
    here = _keys(standing)
    names = [ALONE, *sorted(reading.__name__ for reading in readings)]

    known = _known(stage, names, version, here)
    unseen = standing.join(known[ALONE], on="conversation_id", how="anti") if known else standing
    starts = range(0, unseen.height if known else max(unseen.height, 1), CHUNK)
    parts = spread(
        partial(_look, which, readings, replace(context, vectors=None)),
        (packed(unseen, start, CHUNK) for start in starts),
        context.params.workers,
        unseen.height >= LARGE,
    )
    fresh = stage.progress(parts, "looking at rows", len(starts), "thousand rows")
    told = [known, *fresh] if known else list(fresh)
    tables = {name: pl.concat([part[name] for part in told]) for name in names}
    for name, table in tables.items():
        stage.remember(name, version, here.join(table, on="conversation_id"))
    stage.forget_but([*names, SHOWN])
    found = tables[ALONE].filter(pl.col("check").is_not_null()).select(FINDINGS.names())
    return {**tables, ALONE: in_order([found])}


def _known(stage: Stage[Score], names: Sequence[str], version: str, here: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What an earlier run remembers under these names of the rows that are here; nothing if it lacks one of them."""
    tables = [stage.remembered(name, version) for name in names]
    kept = [table for table in tables if table is not None]
    if len(kept) < len(names):
        return {}
    for table in kept:  # a run that was killed may have remembered more rows under one name than under another
        here = here.join(table, on=["conversation_id", "row"], how="semi")
    rows = (table.join(here, on=["conversation_id", "row"], how="semi").drop("row") for table in kept)
    return dict(zip(names, rows, strict=True))


def _keys(standing: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, and a hash of the whole `row`: label, language and so on count as the words do.

    Another Polars may hash otherwise: `version_of` counts its version, and so forgets what was remembered under these.
    """
    return standing.select("conversation_id", row=pl.struct(pl.all()).hash())


def _look(
    which: Sequence[Check], readings: Collection[Reading], context: Context
) -> Callable[[bytes], dict[str, pl.DataFrame]]:
    """What a worker does with a chunk."""

    def look(chunk: bytes) -> dict[str, pl.DataFrame]:
        rows = unpacked(chunk)
        told = {ALONE: findings(rows, context, which)}
        told |= {reading.__name__: reading(rows, context) for reading in readings}
        # One row of nulls where nothing is told of a conversation: it was looked at.
        looked_at = rows.select("conversation_id")
        return {name: looked_at.join(table, on="conversation_id", how="left") for name, table in told.items()}

    return look
