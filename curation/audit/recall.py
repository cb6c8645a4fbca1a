"""Which spoilt rows were found, and what that tells of the checks."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from curation.core.record.codes import FACT, PII
from curation.core.statistics.intervals import wilson
from curation.policy.limits import Policy
from curation.policy.verdicts import judged, too_common

RECALL = pl.Schema(
    {
        "kind": pl.String,  # of defect
        "language": pl.String,
        "planted": pl.Int64,
        "found": pl.Int64,
        "share": pl.Float64,
        "low": pl.Float64,  # Wilson's interval, 95%
        "high": pl.Float64,
        "blind": pl.Boolean,  # surely less than BLIND_BELOW are found
    }
)
BLIND_BELOW = 0.5
TREATED = {"invented_fact": FACT, **{f"pii_{kind}": PII for kind in ("email", "phone", "card", "iban", "national_id")}}
NEVER_COMMON = 10**9  # rows: of a few hundred planted ones, none makes a habit of the set
Outcome = tuple[str, str, bool]  # kind and language of what was planted, and whether it was found


@dataclass(frozen=True)
class Judge:
    """What makes a spoilt row a found one: the policy in force, and what the run saw in the rows as they come."""

    policy: Policy
    findings: pl.DataFrame  # FINDINGS of the run
    total: int  # rows that they are of

    def outcomes(self, planted: pl.DataFrame) -> list[Outcome]:
        """Of each spoilt row of PLANTED: whether the policy objects to it, or treats what was planted in it.

        By a code that the row did not have before it was spoilt, or of personal data and facts by more of them; habits
        of the set do not count.
        """
        rows = planted.select("number", "kind", "language").unique().sort("number")
        now, before = (self._judged(planted.filter(before=side)) for side in (False, True))
        habits = list(too_common(self.findings, self.policy, self.total))
        objected = now.filter((pl.col("severity") != "info") & ~pl.col("code").is_in(habits))
        known = before.filter((pl.col("severity") != "info") & ~pl.col("code").is_in(habits))
        new = objected.join(known, on=["number", "code"], how="anti")["number"]

        treats = [code for code in self.policy.limits if self.policy.treatment(code) not in (None, "report")]
        kinds = pl.DataFrame(list(TREATED.items()), {"kind": pl.String, "treated": pl.String}, orient="row")
        treated = now.join(kinds, on="kind").filter(
            pl.col("code").str.starts_with(pl.col("treated")) & pl.col("code").is_in(treats)
        )
        counts = (table.group_by("number", "code").agg(pl.col("value").sum()) for table in (treated, before))
        both = next(counts).join(next(counts), on=["number", "code"], how="left", suffix="_before")
        more = both.filter(pl.col("value") > pl.col("value_before").fill_null(0))["number"]
        found = {*new, *more}
        return [(kind, language, number in found) for number, kind, language in rows.iter_rows()]

    def _judged(self, seen: pl.DataFrame) -> pl.DataFrame:
        """What was seen in spoilt rows, or in those that they were made of, with the severity that the policy gives."""
        as_findings = seen.with_columns(
            conversation_id=pl.col("number").cast(pl.String),
            severity=pl.lit(None, pl.String),
            threshold=pl.lit(None, pl.Float64),
        )
        return judged(as_findings, self.policy, NEVER_COMMON)


def recall(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """RECALL of what was planted."""
    schema = {"kind": pl.String, "language": pl.String, "found": pl.Boolean}
    told = pl.DataFrame(list(outcomes), schema, orient="row")
    counted = told.group_by("kind", "language").agg(planted=pl.len(), found=pl.col("found").sum())
    measured = [
        (kind, language, planted, hits, round(hits / planted, 4), *wilson(hits, planted))
        for kind, language, planted, hits in counted.sort("kind", "language").iter_rows()
    ]
    table = pl.DataFrame(measured, schema=dict(list(RECALL.items())[:-1]), orient="row")
    return table.with_columns(blind=pl.col("high") < BLIND_BELOW)
