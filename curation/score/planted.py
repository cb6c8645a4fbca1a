"""What the checks see of spoilt rows of the run, which nothing but this remembers: for the audit to judge."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from curation.checks import seen
from curation.checks.check import NOTHING, Check, Context, Reading, at_hand
from curation.checks.codes import codes
from curation.checks.models.folded import with_folded
from curation.core.record.codes import PII
from curation.core.record.draw import fair_order
from curation.planting.rows import Row
from curation.planting.shadow import SHADOW, Audit, Read, as_record, replacing, shadow_id, spoilt
from curation.score.rows import ALONE, RowResults

PLANTED = pl.Schema(
    {
        "number": pl.Int32,  # of the spoilt row
        "kind": pl.String,  # of defect
        "language": pl.String,
        "before": pl.Boolean,  # seen in the row before it was spoilt; null: nothing was seen, before or after
        "code": pl.String,
        "value": pl.Float64,
    }
)
Look = Callable[[pl.DataFrame], RowResults]  # each row in all of the tables
AMONG, MOST_AMONG = 4_000, 20_000  # rows among which rows are compared again, where there are so many


@dataclass(frozen=True)
class Planting:
    """Spoilt rows, and what each of them tells by itself."""

    params: Audit
    which: Sequence[Check]
    rows: Sequence[Row]
    table: pl.DataFrame  # as Context.planted has it
    readings: Mapping[str, pl.DataFrame]
    alone: pl.DataFrame  # FINDINGS

    @classmethod
    def of(  # noqa: PLR0913 - what is spoilt, what looks at it, and what remembers
        cls,
        surviving: pl.DataFrame,
        read: Read,
        told: Iterable[pl.DataFrame],
        context: Context,
        which: Sequence[Check],
        params: Audit,
        remembered: Callable[[Look, pl.DataFrame, Sequence[str]], RowResults],
    ) -> "Planting | None":
        """Rows drawn from the surviving ones, those first in which no check that looks at single rows saw a fault.

        `told` are FINDINGS, in parts. Of a language that is compared in groups the rows are of its first, so that the
        checks know whose words a spoilt one has. `remembered` asks what tells of rows by themselves, and not again of
        what an earlier run spoilt in the same way.
        """
        seen_in = [serious(part.drop_nulls("code"))["conversation_id"].unique() for part in told]
        faulty = pl.concat(seen_in) if seen_in else pl.Series(dtype=pl.String)
        drawn = partial(_of_first_groups, surviving, read)
        rows = spoilt(surviving, drawn, faulty, context.params.languages, params)
        if not rows:
            return None
        originals = surviving.filter(pl.col("conversation_id").is_in([row.id for row in rows]))
        table = as_record(rows, pl.concat(read(originals)))
        shadow, bare = table.drop("made_of", "replies_of"), replace(context, vectors=None)
        readings = {check.reads for check in which if check.reads and check.tried == "again"}
        look = spoilt_looker([check for check in which if not check.whole_set], readings, bare)
        names = sorted(reading.__name__ for reading in readings)
        of_spoilt = remembered(look, shadow, [ALONE, *names])
        told_by = {name: of_spoilt[name] for name in names}
        return cls(params, which, rows, table, told_by, of_spoilt[ALONE].drop_nulls("code"))

    def of_originals(self, found: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """FINDINGS, found in parts, of the rows that spoilt ones were made of."""
        made = self.table.select(conversation_id="made_of")
        return pl.concat([NOTHING, *(part.join(made, on="conversation_id", how="semi") for part in found)])


def spoilt_looker(which: Sequence[Check], readings: Collection[Reading], context: Context) -> Look:
    """What tells of spoilt rows what `looker` tells of others; nobody is shown the evidence."""

    def look(spoilt_rows: pl.DataFrame) -> RowResults:
        rows = with_folded(spoilt_rows)
        told = {ALONE: seen(rows, context, which)}
        told |= {reading.__name__: reading(rows, context) for reading in readings}
        ids = rows.select("conversation_id")
        return {name: ids.join(table, on="conversation_id", how="left") for name, table in told.items()}

    return look


def _of_first_groups(surviving: pl.DataFrame, read: Read, wanted: pl.DataFrame) -> Iterable[pl.DataFrame]:
    first = surviving.filter(pl.col("group") == pl.col("group").min().over("judged_as"))
    return read(first.join(wanted, on="row_id", how="semi"))


def serious(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings beyond the checks' own limits. Where params.yaml sets others is known to who judges, not here."""
    limits = [(name, c.limit.doubt, c.limit.fatal, c.limit.below) for name, c in codes().items()]
    schema = {"code": pl.String, "doubt": pl.Float64, "fatal": pl.Float64, "below": pl.Boolean}
    table = pl.DataFrame(limits, schema, orient="row")
    limit = pl.coalesce("doubt", "fatal")
    crossed = pl.when("below").then(pl.col("value") < limit).otherwise(pl.col("value") >= limit)
    return findings.join(table, on="code", how="left").filter(crossed.fill_null(False)).select(findings.columns)


def compared_again(
    surviving: pl.DataFrame, read: Read, found: pl.DataFrame, planting: Planting, context: Context
) -> pl.DataFrame:
    """FINDINGS of checks that compare rows: of spoilt ones in the places of their originals among other rows.

    Those that their own words give away, by what was not `found` in the original, are not among them: a set with few
    spoilt rows is like the one that is scored.
    """
    again = [check for check in planting.which if check.whole_set and check.tried == "again"]
    if not again:
        return NOTHING
    made = planting.table.select("conversation_id", "made_of")
    private = planting.alone.filter(pl.col("code").str.starts_with(PII))
    told_of = pl.concat([serious(planting.alone), private]).join(made, on="conversation_id")
    given_away = told_of.join(found, left_on=["made_of", "code"], right_on=["conversation_id", "code"], how="anti")
    left = planting.table.join(given_away, on="conversation_id", how="anti")
    size = min(max(AMONG, int(planting.params.share * surviving.height)), MOST_AMONG)
    others = surviving if surviving.height <= size else fair_order(surviving, planting.params.seed).head(size)
    needed = surviving.join(left, left_on="conversation_id", right_on="made_of", how="semi")
    among = pl.concat([others, needed.join(others, on="conversation_id", how="anti")])
    shadow = replacing(pl.concat(read(among)), left)
    told = {
        name: at_hand(pl.concat([context.readings[name](among, ()), table]))
        for name, table in planting.readings.items()
    }
    return seen(shadow, replace(context, readings=told, records=None, tell=None), again).filter(is_planted())


def is_planted() -> pl.Expr:
    """Whether a row of FINDINGS is of a spoilt one."""
    return pl.col("conversation_id").str.ends_with(SHADOW)


def as_planted(planting: Planting, seen_in_them: Collection[pl.DataFrame], found: pl.DataFrame) -> pl.DataFrame:
    """PLANTED, without a word or an id: what was seen in the spoilt rows, and in those that they were made of."""
    rows = pl.DataFrame(
        [(shadow_id(row), row.id, row.defect, row.language) for row in planting.rows],
        {"conversation_id": pl.String, "made_of": pl.String, "kind": pl.String, "language": pl.String},
        orient="row",
    ).sort("conversation_id")
    rows = rows.with_row_index("number")
    seen_now = pl.concat([NOTHING, *seen_in_them]).select("conversation_id", "code", "value", before=False)
    told_before = found.select("code", "value", made_of="conversation_id", before=True)
    told = pl.concat(
        [
            rows.join(seen_now, on="conversation_id").select("number", "before", "code", "value"),
            rows.join(told_before, on="made_of").select("number", "before", "code", "value"),
        ]
    )
    every = rows.select("number", "kind", "language").join(told, on="number", how="left")
    ordered = every.sort("number", "before", "code", "value")
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in PLANTED.items())
