"""What rows tell beside one another."""

from collections.abc import Iterable

import polars as pl

from curation.checks.check import FINDINGS, Check, Context, Score, in_order, shown
from curation.harness.memory import version_of
from curation.harness.stage import Stage
from curation.score.rows import SHOWN, _keys


def findings_by_set(
    stage: Stage[Score], standing: pl.DataFrame, context: Context, which: Iterable[Check]
) -> pl.DataFrame:
    """FINDINGS of checks that compare rows. Evidence that an earlier run made fit to be shown is not read again."""
    seen = pl.concat([pl.DataFrame(schema=FINDINGS), *(check.seen(standing, context) for check in which)])
    keyed = seen.join(_keys(standing), on="conversation_id", how="left").with_columns(quote=pl.col("evidence").hash())
    keys = ["conversation_id", "row", "quote"]
    version = version_of("score", context.params.countries)
    known = stage.remembered(SHOWN, version)
    if known is None:
        known = keyed.clear().select(*keys, shown="evidence")
    fresh = keyed.join(known, on=keys, how="anti")
    fresh = fresh.with_columns(shown=shown(fresh, standing, context)["evidence"])
    found = pl.concat([keyed.join(known, on=keys), fresh])
    stage.remember(SHOWN, version, found.select(*keys, "shown").unique(keys))
    return in_order([found.with_columns(evidence="shown").select(FINDINGS.names())])
