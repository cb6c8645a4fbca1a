"""What rows tell, each alone and beside one another. What an earlier run looked at is not looked at again."""

from collections.abc import Callable, Collection, Mapping, Sequence

import polars as pl

from curation.checks import findings
from curation.checks.check import FINDINGS, Check, Context, Reading, in_order, shown

CHUNK = 1_000  # conversations that a process looks at in one go
LARGE = 8_000  # conversations from which starting processes pays
ALONE = "alone"  # the name under which findings of single rows are remembered
RowResults = Mapping[str, pl.DataFrame]  # by name: ALONE, and what each reading tells
KEYS = ["conversation_id", "row", "quote"]  # of evidence that was made fit to be shown


def looker(
    which: Sequence[Check], readings: Collection[Reading], context: Context
) -> Callable[[pl.DataFrame], RowResults]:
    """The kernel: what these checks and readings tell of rows, a row of nulls where nothing is told of one."""

    def look(rows: pl.DataFrame) -> RowResults:
        told = {ALONE: findings(rows, context, which)}
        told |= {reading.__name__: reading(rows, context) for reading in readings}
        seen = rows.select("conversation_id")  # each of them was looked at
        return {name: seen.join(table, on="conversation_id", how="left") for name, table in told.items()}

    return look


def joined(parts: Sequence[RowResults]) -> RowResults:
    """What is told of several parts of the rows."""
    return {name: pl.concat([part[name] for part in parts]) for name in parts[0]}


def keyed(surviving: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, and a hash of the whole `row`: label, language and so on count as the words do.

    The hash is Polars' own, which another version may change: what is remembered under it has that version in its own.
    """
    return surviving.select("conversation_id", row=pl.struct(pl.all()).hash())


def findings_by_set(
    surviving: pl.DataFrame, keys: pl.DataFrame, found: pl.DataFrame, context: Context, known: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FINDINGS that comparing rows `found`, fit to be shown; and KEYS with that evidence, `known` to the next run.

    `keys` are what `keyed` gives of the rows.
    """
    quoted = found.join(keys, on="conversation_id", how="left").with_columns(quote=pl.col("evidence").hash())
    if known is None:
        known = quoted.clear().select(*KEYS, shown="evidence")
    fresh = quoted.join(known, on=KEYS, how="anti")
    fresh = fresh.with_columns(shown=shown(fresh, surviving, context)["evidence"])
    told = pl.concat([quoted.join(known, on=KEYS), fresh])
    by_set = in_order([told.with_columns(evidence="shown").select(FINDINGS.names())])
    return by_set, told.select(*KEYS, "shown").unique(KEYS)
