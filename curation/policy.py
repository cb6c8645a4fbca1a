"""The one place where observations become verdicts: limits of params.yaml over the findings of the checks."""

from collections.abc import Collection, Mapping

import polars as pl
from pydantic import Field

from curation.stage import Params, QiratError

VERDICTS = pl.Schema(
    {"conversation_id": pl.String(), "verdict": pl.String(), "codes": pl.List(pl.String), "priority": pl.Float64()}
)


class Limit(Params):
    """When a code matters. A code without limits is reported and decides nothing."""

    doubt: float | None = None  # from this value a person should look
    fatal: float | None = None  # from this value the row is rejected
    below: bool = False  # low values are the bad ones
    note_if_common: bool = False  # where most rows have it, it is about the set (a playbook not yours), not about rows
    precision: float = Field(default=0.5, gt=0, le=1)  # share of such doubts that people are expected to confirm


class Route(Params):
    """params.yaml: route"""

    budget: float = Field(ge=0, le=1)  # share of the survivors that people can look at
    too_common: float = Field(gt=0, le=1)  # share of the rows from which a doubt with note_if_common is such a note
    limits: Mapping[str, Limit]


def judged(findings: pl.DataFrame, policy: Route, total: int) -> pl.DataFrame:
    """The findings of `total` rows with the severity and the threshold that the policy gives them."""
    severe = _severity(findings, policy)
    common = too_common(findings, policy, total)
    excused = (pl.col("severity") == "doubt") & pl.col("code").is_in(list(common))
    return severe.with_columns(severity=pl.when(excused).then(pl.lit("info")).otherwise("severity"))


def too_common(findings: pl.DataFrame, policy: Route, total: int) -> dict[str, float]:
    """Codes with `note_if_common` that would doubt more than `policy.too_common` of all rows, with that share."""
    doubts = _severity(findings, policy).filter(pl.col("severity") == "doubt")
    rows = doubts.group_by("code").agg(share=pl.col("conversation_id").n_unique() / max(total, 1)).sort("code")
    notes = [code for code, limit in policy.limits.items() if limit.note_if_common]
    return dict(rows.filter((pl.col("share") > policy.too_common) & pl.col("code").is_in(notes)).iter_rows())


def _severity(findings: pl.DataFrame, policy: Route) -> pl.DataFrame:
    limits = policy.limits
    if unknown := sorted(set(findings["code"].unique()) - set(limits)):
        raise QiratError(f"params.yaml: route.limits lacks {', '.join(unknown)}; add each, with limits or as {{}}")
    table = pl.DataFrame(
        [{"code": code, "doubt": x.doubt, "fatal": x.fatal, "below": x.below} for code, x in limits.items()],
        schema={"code": pl.String, "doubt": pl.Float64, "fatal": pl.Float64, "below": pl.Boolean},
    )

    def crossed(limit: str) -> pl.Expr:
        over = pl.when("below").then(pl.col("value") < pl.col(limit)).otherwise(pl.col("value") >= pl.col(limit))
        return over.fill_null(False)

    severity = pl.when(crossed("fatal")).then(pl.lit("fatal")).when(crossed("doubt")).then(pl.lit("doubt"))
    threshold = pl.when(crossed("fatal")).then("fatal").when(crossed("doubt")).then("doubt").otherwise("threshold")
    return (
        findings.join(table, on="code", how="left", maintain_order="left")
        .with_columns(severity=severity.otherwise(pl.lit("info")), threshold=threshold)
        .select(findings.columns)
    )


def verdicts(ids: Collection[str], findings: pl.DataFrame, policy: Route) -> pl.DataFrame:
    """VERDICTS for every id out of judged findings: fatal rejects, doubt asks for review, within the budget.

    `priority` is the chance that a person would change something, 1 - product of (1 - precision) over the doubts; what
    the budget cannot pay for is held. Ties go by id.
    """
    precision = {code: limit.precision for code, limit in policy.limits.items()}
    serious = findings.filter(pl.col("severity") != "info").select("conversation_id", "code", "severity")
    # Sorted and rounded: a product of floats must not depend on the order in which threads find them.
    distinct = serious.unique().sort("conversation_id", "code", "severity")
    missed = 1 - pl.col("code").filter(pl.col("severity") == "doubt").replace_strict(precision, return_dtype=pl.Float64)
    each = distinct.group_by("conversation_id", maintain_order=True).agg(
        fatal=(pl.col("severity") == "fatal").any(),
        codes=pl.col("code").unique(maintain_order=True),
        priority=(1 - missed.product()).round(9),
    )
    all_ids = pl.DataFrame({"conversation_id": sorted(ids)}, schema={"conversation_id": pl.String})
    table = all_ids.join(each, on="conversation_id", how="left", maintain_order="left")
    doubtful = pl.col("codes").is_not_null() & ~pl.col("fatal")
    line = table.filter(doubtful).sort("priority", "conversation_id", descending=[True, False])
    affordable = line.head(int(policy.budget * len(ids)))["conversation_id"].implode()
    verdict = (
        pl.when(pl.col("codes").is_null())
        .then(pl.lit("accept"))
        .when(pl.col("fatal"))
        .then(pl.lit("reject"))
        .when(pl.col("conversation_id").is_in(affordable))
        .then(pl.lit("review"))
        .otherwise(pl.lit("held"))
    )
    return table.with_columns(
        verdict=verdict, codes=pl.col("codes").fill_null([]), priority=pl.col("priority").fill_null(0.0)
    ).select(pl.col(name).cast(dtype) for name, dtype in VERDICTS.items())
