"""The one place where observations become verdicts: limits over the findings of the checks."""

import polars as pl

from curation.core.record.codes import CODES
from curation.harness.errors import QiratError
from curation.policy.limits import RARE_LANGUAGE, Policy

VERDICTS = pl.Schema(
    {
        "conversation_id": pl.String(),
        "verdict": pl.String(),  # accept, review, held or reject
        "code": pl.String(),  # the cause: the one of its codes that decides; null where none objects
        "value": pl.Float64(),  # of the cause, at its worst
        "threshold": pl.Float64(),  # the policy's limit that this value crossed
        "codes": pl.List(pl.String),  # all that the policy takes seriously in the row, the cause among them
        "priority": pl.Float64(),  # chance that a person would change something
    }
)


# -- from findings to verdicts -----------------------------------------------------------------------------------------


def judged(findings: pl.DataFrame, policy: Policy, total: int) -> pl.DataFrame:
    """The findings of `total` rows with the severity that the policy gives them and its limit, crossed or not."""
    severe = _severity(findings, policy)
    common = _too_common(severe, policy, total)
    excused = (pl.col("severity") == "doubt") & pl.col("code").is_in(list(common))
    return severe.with_columns(severity=pl.when(excused).then(pl.lit("info")).otherwise("severity"))


def can_decide(policy: Policy) -> pl.Expr:
    """Whether a finding may ever be more than a report: by its code, for which the policy has a limit or a treatment.

    Codes that the policy does not know count, for `judged` to tell of them.
    """
    idle = [
        code
        for code, limit in policy.limits.items()
        if limit.doubt is None and limit.fatal is None and policy.treatment(code) not in ("reject", "review")
    ]
    return ~pl.col("code").is_in(idle)


def too_common(findings: pl.DataFrame, policy: Policy, total: int) -> dict[str, float]:
    """Codes with `note_if_common` that would doubt more than `policy.too_common` of all rows, with that share."""
    return _too_common(_severity(findings, policy), policy, total)


def _too_common(severe: pl.DataFrame, policy: Policy, total: int) -> dict[str, float]:
    noted = [code for code, limit in policy.limits.items() if limit.note_if_common]
    doubts = severe.filter((pl.col("severity") == "doubt") & pl.col("code").is_in(noted)).group_by("code")
    shares = doubts.agg(share=pl.col("conversation_id").n_unique() / max(total, 1)).sort("code")
    return {code: share for code, share in shares.iter_rows() if share > policy.too_common}


def _severity(findings: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    limits = policy.limits
    if unknown := sorted(set(findings["code"].unique()) - set(limits)):
        raise QiratError(f"{CODES} lacks {', '.join(unknown)}; run `dvc repro score`, which writes codes with findings")
    rows = [(code, limit.doubt, limit.fatal, limit.below, policy.treatment(code)) for code, limit in limits.items()]
    schema = {"code": pl.String, "doubt": pl.Float64, "fatal": pl.Float64, "below": pl.Boolean, "treatment": pl.String}
    table = pl.DataFrame(rows, schema, orient="row")

    def crossed(limit: str) -> pl.Expr:
        over = pl.when("below").then(pl.col("value") < pl.col(limit)).otherwise(pl.col("value") >= pl.col(limit))
        return over.fill_null(False)

    fatal = (crossed("fatal") & pl.col("agreed")) | pl.col("treatment").eq_missing("reject")
    doubt = crossed("doubt") | pl.col("treatment").eq_missing("review")
    severity = pl.when(fatal).then(pl.lit("fatal")).when(doubt).then(pl.lit("doubt")).otherwise(pl.lit("info"))
    missed = pl.coalesce("doubt", "fatal", "threshold")  # a limit that no policy sets is the check's own
    threshold = pl.when(crossed("fatal") & pl.col("agreed")).then("fatal").otherwise(missed)
    looked_at = findings.select("conversation_id", "code", "value", "threshold")  # the others are not copied
    told = looked_at.join(table, on="code", how="left", maintain_order="left")
    told = told.with_columns(agreed=_agreed(told, doubt, policy)).select(severity=severity, threshold=threshold)
    return findings.with_columns(told["severity"], told["threshold"])


def _agreed(told: pl.DataFrame, doubt: pl.Expr, policy: Policy) -> pl.Series:
    """Of each finding whether its code may be fatal there: by itself, or since a doubt stands beside it that must."""
    pairs = [(code, other) for code, limit in policy.limits.items() for other in limit.fatal_with]
    needed = pl.DataFrame(pairs, {"code": pl.String, "beside": pl.String}, orient="row")
    not_alone = pl.col("code").is_in(needed["code"].unique().implode())
    doubts = told.filter(doubt & pl.col("code").is_in(needed["beside"].unique().implode()))
    both = needed.join(doubts.select("conversation_id", beside="code").unique(), on="beside")
    asked = told.select("conversation_id", "code").with_row_index("place").filter(not_alone)
    agreed = told.select(agreed=~not_alone)["agreed"].to_numpy().copy()
    agreed[asked.join(both, on=["conversation_id", "code"], how="semi")["place"]] = True
    return pl.Series(agreed, dtype=pl.Boolean)


def verdicts(rows: pl.DataFrame, findings: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """VERDICTS of rows (conversation_id, language) by judged findings: fatal rejects, doubt asks for review, in budget.

    `priority` is the chance that a person would change something, 1 - product of (1 - chance) over the doubts, so
    doubts that agree weigh more; what the budget cannot pay for is held.
    """
    serious = findings.filter(pl.col("severity") != "info")
    table = (
        rows.join(causes(serious, policy), on="conversation_id", how="left")
        .join(priorities(serious.filter(pl.col("severity") == "doubt"), policy, rows), on="conversation_id", how="left")
        .with_columns(pl.col("codes").fill_null([]), pl.col("priority").fill_null(0.0))
        .sort("conversation_id")
    )
    verdict = pl.when("fatal").then(pl.lit("reject")).when(~pl.col("fatal")).then(pl.lit("review"))
    table = table.with_columns(verdict=verdict.otherwise(pl.lit("accept")))
    affordable = in_line(table.filter(pl.col("verdict") == "review")).head(places(policy, rows.height))
    over = (pl.col("verdict") == "review") & ~pl.col("conversation_id").is_in(affordable["conversation_id"].implode())
    return table.with_columns(verdict=pl.when(over).then(pl.lit("held")).otherwise("verdict")).select(
        pl.col(name).cast(dtype) for name, dtype in VERDICTS.items()
    )


def places(policy: Policy, total: int) -> int:
    """How many of `total` rows people can look at."""
    return int(policy.budget * total)


def in_line(doubtful: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order in which people should see them: likeliest first; ties go by id."""
    return doubtful.sort("priority", "conversation_id", descending=[True, False])


def causes(serious: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """What decides each row that the policy objects to: conversation_id, code, value, threshold, fatal, and all codes.

    A fault decides before a doubt, and of several the one that people would likeliest confirm (`precision`), then the
    first by name. The value is the code's worst, the threshold the limit that it crossed.
    """
    precision = {code: limit.precision for code, limit in policy.limits.items()}
    ordered = (
        serious.with_columns(
            fatal=pl.col("severity") == "fatal",
            likely=pl.col("code").replace_strict(precision, return_dtype=pl.Float64),
            badness=pl.when(pl.col("code").is_in(_below(policy))).then(-pl.col("value")).otherwise("value"),
        )
        .sort("fatal", "likely", "code", "badness", "threshold", descending=[True, True, False, True, True])
        .group_by("conversation_id", maintain_order=True)
    )
    first = (pl.col(name).first() for name in ("code", "value", "threshold", "fatal"))
    return ordered.agg(*first, codes=pl.col("code").unique().sort()).sort("conversation_id")


def priorities(doubts: pl.DataFrame, policy: Policy, rows: pl.DataFrame) -> pl.DataFrame:
    """conversation_id and priority of the rows with a doubt; findings that are no doubts yet count by their `nearness`.

    `precision` is the chance that a person confirms a doubt of a check that fires as often as usual. Where it fires on
    more rows it has met a habit of this data: real defects do not multiply with it and lie, if the check sees anything,
    at its strong end. So a doubt that is among the usual number of strongest ones of its language has the whole chance,
    and one with k rows at least as strong has precision * usual / k. Else one flood of weak doubts takes the whole
    budget from the rare strong ones, and a habit of one language from the other. Rows of
    a rare language, mixed ones among them, are ranked with all: what is usual among few rows cannot be told.
    """
    near = pl.col("nearness").max() if "nearness" in doubts.columns else pl.lit(1.0).first()
    sized = rows.select("conversation_id", "language", size=pl.len().over("language")).with_row_index("row")
    ids = sized.select("conversation_id", "row")
    badness = pl.when(pl.col("code").is_in(_below(policy))).then(-pl.col("worst")).otherwise("worst")

    def as_strong(*group: str) -> pl.Expr:
        return pl.len().over(*group) + 1 - badness.rank("min").over(*group)

    of_language = pl.col("size") >= RARE_LANGUAGE * rows.height
    ranked = pl.when(of_language).then(as_strong("code", "language")).otherwise(as_strong("code"))
    among = pl.when(of_language).then("size").otherwise(rows.height)
    precision = {code: limit.precision for code, limit in policy.limits.items()}
    share = {code: limit.usual_share or policy.usual_share for code, limit in policy.limits.items()}
    usual = (among * pl.col("code").replace_strict(share, return_dtype=pl.Float64)).clip(1)
    chance = pl.col("code").replace_strict(precision, return_dtype=pl.Float64) * (usual / ranked).clip(None, 1)
    return (
        doubts.join(ids, on="conversation_id")
        .group_by("row", "code")
        .agg(worst=worst_value(policy), nearness=near)
        .join(sized.drop("conversation_id"), on="row")
        # Sorted and rounded: a product of floats must not depend on the order in which threads find them.
        .sort("row", "code")
        .with_columns(missed=1 - chance * pl.col("nearness"))
        .group_by("row", maintain_order=True)
        .agg(priority=(1 - pl.col("missed").product()).round(9))
        .join(ids, on="row")
        .select("conversation_id", "priority")
        .sort("conversation_id")
    )


def worst_value(policy: Policy) -> pl.Expr:
    """The worst value in a group of findings of one code."""
    below = pl.col("code").first().is_in(_below(policy))
    return pl.when(below).then(pl.col("value").min()).otherwise(pl.col("value").max())


def _below(policy: Policy) -> list[str]:
    return [code for code, limit in policy.limits.items() if limit.below]
