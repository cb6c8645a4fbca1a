"""Places that the budget pays for and no doubt takes: they go to what is next likeliest to be wrong."""

import polars as pl

from curation.policy.limits import Policy
from curation.policy.queue import BELOW_LIMIT, blind_samples
from curation.policy.verdicts import in_line, places, priorities

TOLD = ("conversation_id", "code", "value", "nearness")  # of a finding, by which its chance is told


def spare(rows: pl.DataFrame, findings: pl.DataFrame, decided: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The queue's rows, without ranks, for the places that doubts leave: accepted rows with findings below the limits.

    `findings` are judged, `decided` the verdicts. The rows stay accepted, and train unless a person says otherwise: no
    limit speaks against them. They stand by the chance that a doubt of that rank would have, times how near the finding
    is to its limit; ties go by id. Rows of the blind sample are left to it, for it speaks for all accepted rows.
    """
    left = places(policy, rows.height) - decided.filter(verdict="review").height
    if left <= 0:
        findings, decided = findings.clear(), decided.clear()
    below = below_limits(findings, policy)
    doubts = findings.filter(pl.col("severity") == "doubt").with_columns(nearness=pl.lit(1.0))
    chances = priorities(pl.concat([doubts.select(TOLD), below.select(TOLD)]), policy, rows)
    drawn = blind_samples(decided, policy.blind)["conversation_id"]
    open_ = decided.filter(pl.col("verdict") == "accept", ~pl.col("conversation_id").is_in(drawn.implode()))
    open_ = open_.select("conversation_id").join(
        below.select("conversation_id").unique(), on="conversation_id", how="semi"
    )
    chosen = in_line(open_.join(chances, on="conversation_id")).head(max(left, 0))
    said = pl.format("{}: {}", "code", pl.col("evidence").fill_null(""))
    seen = below.join(chosen, on="conversation_id", how="semi")
    seen = seen.group_by("conversation_id", maintain_order=True).agg(
        codes=pl.col("code").unique().sort(), evidence=said.unique(maintain_order=True)
    )
    return chosen.join(seen, on="conversation_id", how="left", maintain_order="left").select(
        "conversation_id",
        pl.lit(0, pl.Int64).alias("rank"),
        "priority",
        pl.lit(BELOW_LIMIT).alias("reason"),
        "codes",
        "evidence",
        pl.lit("accept").alias("verdict"),
        pl.col("conversation_id").alias("group"),
    )


def below_limits(findings: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Judged findings that their limit lets pass, with their `nearness` to it: 1 at the limit, 0 far from it."""
    limits = [(code, limit.doubt, limit.below) for code, limit in policy.limits.items() if limit.doubt is not None]
    schema = {"code": pl.String, "limit": pl.Float64, "low_is_bad": pl.Boolean}
    table = pl.DataFrame(limits, schema, orient="row")
    limited = (pl.col("severity") == "info") & pl.col("code").is_in(table["code"].implode())
    known = findings.filter(limited).join(table, on="code", maintain_order="left")
    value, limit = pl.col("value"), pl.col("limit")
    crossed = pl.when("low_is_bad").then(value < limit).otherwise(value >= limit)
    ratio = pl.when("low_is_bad").then(limit / value).otherwise(value / limit)
    passed = known.filter(~crossed).with_columns(nearness=ratio.fill_nan(0.0).clip(0.0, 1.0))
    return passed.filter(pl.col("nearness") > 0).drop("limit", "low_is_bad")
