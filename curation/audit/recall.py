"""Which spoilt rows were found, and what that tells of the checks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from curation.audit.rows import Row
from curation.audit.shadow import shadow_id
from curation.policy.limits import Policy
from curation.policy.verdicts import judged, too_common
from curation.record.codes import FACT, PII
from curation.statistics.intervals import wilson

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
AS_WAS = (pl.col("conversation_id").alias("original"), pl.col("code"))
NEVER_COMMON = 10**9  # rows: of a few hundred planted ones, none makes a habit of the set


@dataclass(frozen=True)
class Judge:
    """What makes a spoilt row a found one: the policy in force, and what the run saw in the rows as they were."""

    policy: Policy
    findings: pl.DataFrame  # FINDINGS of the run
    total: int  # rows that they are of

    def serious(self) -> pl.DataFrame:
        """conversation_id and code of what the policy objects to in the run itself."""
        objected = judged(self.findings, self.policy, self.total).filter(pl.col("severity") != "info")
        return objected.select("conversation_id", "code").unique()

    def found(self, rows: Sequence[Row], findings: pl.DataFrame) -> set[str]:
        """Ids of the spoilt rows that the policy objects to, or that it treats as what was planted there wants it.

        By a code that the row did not have before it was spoilt, or of personal data and facts by more of them; habits
        of the set do not count.
        """
        made_of = pl.DataFrame(
            [(shadow_id(row), row.id, TREATED.get(str(row.defect))) for row in rows],
            schema={"conversation_id": pl.String, "original": pl.String, "treated": pl.String},
            orient="row",
        )
        here = judged(findings, self.policy, NEVER_COMMON).join(made_of, on="conversation_id")
        habits = list(too_common(self.findings, self.policy, self.total))
        objected = here.filter((pl.col("severity") != "info") & ~pl.col("code").is_in(habits))
        treats = [code for code in self.policy.limits if self.policy.treatment(code) not in (None, "report")]
        treated = here.filter(pl.col("code").str.starts_with(pl.col("treated")) & pl.col("code").is_in(treats))
        new = objected.join(self.serious().select(*AS_WAS), on=["original", "code"], how="anti")
        before = self.findings.group_by(*AS_WAS).agg(before=pl.col("value").sum())
        counted = treated.group_by("conversation_id", "original", "code").agg(pl.col("value").sum())
        more = counted.join(before, on=["original", "code"], how="left").filter(
            pl.col("value") > pl.col("before").fill_null(0)
        )
        return {*new["conversation_id"], *more["conversation_id"]}


def recall(rows: Sequence[Row], found: Collection[str]) -> pl.DataFrame:
    """RECALL of the spoilt rows."""
    told = pl.DataFrame(
        [(str(row.defect), row.language, shadow_id(row) in found) for row in rows],
        schema={"kind": pl.String, "language": pl.String, "found": pl.Boolean},
        orient="row",
    )
    counted = told.group_by("kind", "language").agg(planted=pl.len(), found=pl.col("found").sum())
    measured = [
        (kind, language, planted, hits, round(hits / planted, 4), *wilson(hits, planted))
        for kind, language, planted, hits in counted.sort("kind", "language").iter_rows()
    ]
    table = pl.DataFrame(measured, schema=dict(list(RECALL.items())[:-1]), orient="row")
    return table.with_columns(blind=pl.col("high") < BLIND_BELOW)
