"""What rows tell, each alone and beside one another. What an earlier run looked at is not looked at again."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import polars as pl

from curation.checks import findings
from curation.checks.check import FINDINGS, Check, Context, Reading, in_order, shown
from curation.checks.models.folded import with_folded
from curation.harness.memory import Memory

# Conversations that a process looks at in one go. Polars' engine keeps few patterns and makes all others anew for each
# part, so parts are large; but each process gets some, and rows are no longer than those of chats.
CHUNK, LEAST, SHARES = 5_000, 1_000, 4
LARGEST = 2**24  # bytes of a part of more than LEAST rows
LARGE = 8_000  # conversations from which starting processes pays
ALONE = "alone"  # the name under which findings of single rows are remembered
RowResults = Mapping[str, pl.DataFrame]  # by name: ALONE, and what each reading tells
KEYS = ["conversation_id", "row", "quote"]  # of evidence that was made fit to be shown


def rows_of_a_part(rows: int, processes: int) -> int:
    """How many of these rows a process looks at in one go."""
    return min(CHUNK, max(LEAST, -(-rows // (SHARES * processes))))


def of_that_size(rows: pl.DataFrame, most: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most so many, of fewer where they are long; one part where there are no rows."""
    fitting = int(LARGEST * rows.height // max(rows.estimated_size(), 1))
    yield from rows.iter_slices(min(most, max(LEAST, fitting))) if rows.height else (rows,)


def looker(
    which: Sequence[Check], readings: Collection[Reading], context: Context
) -> Callable[[pl.DataFrame], RowResults]:
    """The kernel: what these checks and readings tell of rows, a row of nulls where nothing is told of one."""

    def look(conversations: pl.DataFrame) -> RowResults:
        rows = with_folded(conversations)
        told = {ALONE: findings(rows, context, which)}
        told |= {reading.__name__: reading(rows, context) for reading in readings}
        seen = rows.select("conversation_id")  # each of them was looked at
        return {name: seen.join(table, on="conversation_id", how="left") for name, table in told.items()}

    return look


def joined(parts: Sequence[RowResults]) -> RowResults:
    """What is told of several parts of the rows."""
    return {name: pl.concat([part[name] for part in parts]) for name in parts[0]}


def known_of(here: pl.DataFrame, remembered: Mapping[str, pl.DataFrame | None]) -> RowResults | None:
    """What is remembered of the rows that are `here` (keys of `keyed`); nothing if one table is lacking."""
    kept = {name: table for name, table in remembered.items() if table is not None}
    if len(kept) < len(remembered):
        return None
    for table in kept.values():  # a run that was killed may have remembered more rows under one name than under another
        here = here.join(table, on=["conversation_id", "row"], how="semi")
    return {
        name: table.join(here, on=["conversation_id", "row"], how="semi").drop("row") for name, table in kept.items()
    }


def looked_once(
    memory: Memory, version: str, look: Callable[[pl.DataFrame], RowResults], rows: pl.DataFrame, names: Sequence[str]
) -> RowResults:
    """What spoilt rows tell, under these names: now, or in an earlier run that spoilt the same ones in the same way."""
    here = keyed(rows)
    known = known_of(here, {name: memory.recall(spoilt(name), version) for name in names})
    told = look(rows.join(known[ALONE], on="conversation_id", how="anti") if known else rows)
    if known:
        told = joined([known, told])
    for name in names:
        memory.keep(spoilt(name), version, here.join(told[name], on="conversation_id"))
    return told


def spoilt(name: str) -> str:
    """The name under which is remembered of spoilt rows what others tell under this one."""
    return f"{name}_of_spoilt"


def keyed(surviving: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, and a hash of the whole `row`: label, language and so on count as the words do.

    The hash is Polars' own, which another version may change: what is remembered under it has that version in its own.
    """
    return surviving.select("conversation_id", row=pl.struct(pl.all()).hash())


def findings_by_set(
    surviving: pl.DataFrame,
    keys: pl.DataFrame,
    found: pl.DataFrame,
    context: Context,
    known: pl.DataFrame | None,
    personal: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FINDINGS that comparing rows `found`, fit to be shown; and KEYS with that evidence, `known` to the next run.

    `keys` are what `keyed` gives of the rows; `personal`: those with personal data, where that is known.
    """
    quoted = found.join(keys, on="conversation_id", how="left").with_columns(quote=pl.col("evidence").hash())
    if known is None:
        known = quoted.clear().select(*KEYS, shown="evidence")
    fresh = quoted.join(known, on=KEYS, how="anti")
    fresh = fresh.with_columns(shown=shown(fresh, surviving, context, personal)["evidence"])
    told = pl.concat([quoted.join(known, on=KEYS), fresh])
    by_set = in_order([told.with_columns(evidence="shown").select(FINDINGS.names())])
    return by_set, told.select(*KEYS, "shown").unique(KEYS)
