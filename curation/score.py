"""Run every check over the survivors; observe, decide nothing.  python -m curation.score"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from curation.checks import FINDINGS, Check, Context, Reading, Score, checks, findings, in_order, shown
from curation.conversation import survivors
from curation.evaluation_sets import read_evaluation_sets
from curation.notes import notes
from curation.playbook import Playbook
from curation.stage import Stage, version_of
from curation.workers import packed, spread, unpacked

CHUNK = 1_000  # conversations that a process looks at in one go
LARGE = 8_000  # conversations from which starting processes pays
ALONE = "alone"  # the name under which findings of single rows are remembered
SHOWN = "shown"  # and evidence that is fit to be shown


def main() -> None:
    """Findings of all checks over all surviving conversations, and notes on the set as a whole."""
    with Stage("score", Score) as stage:
        standing = survivors(stage.read("ingested/conversations"), stage.read("dedup/clusters"))
        vectors = stage.read("embedded/vectors")
        context = Context(
            stage.params,
            Playbook.load(stage.input("playbook.yaml")),
            vectors if vectors.height else None,
            read_evaluation_sets(stage.input(Path("data/evaluation"))),
        )
        alone = [check for check in checks().values() if not check.whole_set]
        together = [check for check in checks().values() if check.whole_set]

        seen = looked_at(stage, standing, context, alone, {check.reads for check in together if check.reads})
        by_row = seen.pop(ALONE)
        comparing = stage.progress(together, "comparing rows", unit="checks")
        by_set = findings_by_set(stage, standing, replace(context, readings=seen), comparing)
        found = in_order([by_row, by_set])
        noted = notes(standing, context)

        stage.write("scored/findings", found)
        stage.write("scored/notes", noted)
        for evidence in noted["evidence"]:
            stage.say(evidence)
        per_code = dict(found.group_by("code").agg(pl.col("conversation_id").n_unique()).sort("code").iter_rows())
        of_set = dict(noted.select("code", "value").iter_rows())
        stage.write_metrics({"conversations": standing.height, "findings": found.height, **per_code, **of_set})


def looked_at(
    stage: Stage[Score], standing: pl.DataFrame, context: Context, which: Sequence[Check], readings: Collection[Reading]
) -> dict[str, pl.DataFrame]:
    """What is told by each row alone: ALONE, the FINDINGS of checks that judge it by itself, and readings, by name.

    Rows that an earlier run looked at are not looked at again.
    """
    options = context.params.model_dump(mode="json", exclude={"workers"})
    evaluation = context.evaluation.hash_rows().to_list()
    version = version_of({check.name: check.version for check in which}, options, context.playbook, evaluation)
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
    """conversation_id, and a hash of the whole `row`: label, language and so on count as the words do."""
    return standing.select("conversation_id", row=pl.struct(pl.all()).hash())


def findings_by_set(
    stage: Stage[Score], standing: pl.DataFrame, context: Context, which: Iterable[Check]
) -> pl.DataFrame:
    """FINDINGS of checks that compare rows. Evidence that an earlier run made fit to be shown is not read again."""
    seen = pl.concat([pl.DataFrame(schema=FINDINGS), *(check.seen(standing, context) for check in which)])
    keyed = seen.join(_keys(standing), on="conversation_id", how="left").with_columns(quote=pl.col("evidence").hash())
    keys = ["conversation_id", "row", "quote"]
    version = version_of(context.params.countries)
    known = stage.remembered(SHOWN, version)
    if known is None:
        known = keyed.clear().select(*keys, shown="evidence")
    fresh = keyed.join(known, on=keys, how="anti")
    fresh = fresh.with_columns(shown=shown(fresh, standing, context)["evidence"])
    found = pl.concat([keyed.join(known, on=keys), fresh])
    stage.remember(SHOWN, version, found.select(*keys, "shown").unique(keys))
    return in_order([found.with_columns(evidence="shown").select(FINDINGS.names())])


def costs(conversations: pl.DataFrame, context: Context) -> dict[str, float]:
    """CPU milliseconds that each check takes for 1,000 conversations, without what it loads once."""
    for check in checks().values():
        check(conversations.head(20), context)
    found = {}
    for name, check in checks().items():
        started = time.process_time()
        check(conversations, context)
        found[name] = 1e6 * (time.process_time() - started) / max(conversations.height, 1)
    return found


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


if __name__ == "__main__":
    main()
