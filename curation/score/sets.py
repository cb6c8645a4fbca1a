"""What rows tell beside one another."""

from collections.abc import Iterable

import polars as pl

from curation.checks.check import FINDINGS, Check, Context, in_order, shown
from curation.score.rows import keyed

KEYS = ["conversation_id", "row", "quote"]  # of evidence that was made fit to be shown


def findings_by_set(
    standing: pl.DataFrame, context: Context, which: Iterable[Check], known: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FINDINGS of checks that compare rows; and KEYS with the evidence as it is shown, `known` to the next run."""
    seen = pl.concat([pl.DataFrame(schema=FINDINGS), *(check.seen(standing, context) for check in which)])
    quoted = seen.join(keyed(standing), on="conversation_id", how="left").with_columns(quote=pl.col("evidence").hash())
    if known is None:
        known = quoted.clear().select(*KEYS, shown="evidence")
    fresh = quoted.join(known, on=KEYS, how="anti")
    fresh = fresh.with_columns(shown=shown(fresh, standing, context)["evidence"])
    found = pl.concat([quoted.join(known, on=KEYS), fresh])
    by_set = in_order([found.with_columns(evidence="shown").select(FINDINGS.names())])
    return by_set, found.select(*KEYS, "shown").unique(KEYS)
