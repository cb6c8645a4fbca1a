"""Codes that doubt more rows than people can look at, and the setting under which most of them need nobody."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from curation.core.record.codes import FACT, PII
from curation.policy.limits import Policy
from curation.policy.verdicts import judged, places, verdicts, worst_value

FLOODS = pl.Schema(
    {
        "code": pl.String(),
        "rows": pl.Int64(),  # that it doubts
        "setting": pl.String(),  # as `qirat whatif` takes it
        "freed": pl.Int64(),  # rows in review or held that would be accepted under it
    }
)
WAITING = ("review", "held")


def floods(rows: pl.DataFrame, scored: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """FLOODS, the largest first, of rows (conversation_id, language) with findings as score left them."""
    budget = places(policy, rows.height)
    found = judged(scored, policy, rows.height)
    waiting = verdicts(rows, found, policy).filter(pl.col("verdict").is_in(WAITING)).select("conversation_id")
    doubts = found.filter(pl.col("severity") == "doubt").join(waiting, on="conversation_id", how="semi")
    counts = doubts.group_by("code").agg(rows=pl.col("conversation_id").n_unique().cast(pl.Int64))
    told = []
    for code, doubted in counts.filter(pl.col("rows") > budget).sort("rows", "code", descending=[True, False]).rows():
        setting, other = _treatment(code, doubts.filter(code=code), budget, policy)
        told.append((code, doubted, setting, _freed(rows, scored, waiting, other)))
    return pl.DataFrame(told, FLOODS, orient="row")


def sentence(flood: Mapping[str, Any], budget: int) -> str:
    """A row of FLOODS as people read it on the terminal."""
    return (
        f"{flood['code']} doubts {flood['rows']:,} rows, more than the {budget:,} that people can look at; "
        f"{flood['setting']} would free {flood['freed']:,} of them (`qirat whatif {flood['setting']}`)"
    )


def _freed(rows: pl.DataFrame, scored: pl.DataFrame, waiting: pl.DataFrame, policy: Policy) -> int:
    then = verdicts(rows, judged(scored, policy, rows.height), policy)
    return then.filter(pl.col("verdict") == "accept").join(waiting, on="conversation_id", how="semi").height


def _treatment(code: str, doubts: pl.DataFrame, budget: int, policy: Policy) -> tuple[str, Policy]:
    """The setting that frees most rows and keeps what people should see, and the policy as it would be.

    Personal data is masked, and facts are not learnt. Where values differ, the limit moves to where the worst rows fill
    half of the places; where they do not, nothing tells one row from another, and the code becomes a report.
    """
    if code.startswith(PII):
        kind = code.removeprefix(PII)
        return f"route.pii.{kind}=mask", policy.model_copy(update={"pii": {**policy.pii, kind: "mask"}})
    if code.startswith(FACT):
        kind = code.removeprefix(FACT)
        return f"route.facts.{kind}=unlearn", policy.model_copy(update={"facts": {**policy.facts, kind: "unlearn"}})
    limit = policy.limits[code]
    worst = doubts.group_by("conversation_id").agg(worst=worst_value(policy))["worst"]
    passed = worst.sort(descending=not limit.below)[budget // 2]  # the first that should pass
    stay = worst.filter(worst < passed if limit.below else worst > passed)
    doubt: float | None = None if stay.is_empty() else passed if limit.below else stay.sort()[0]
    limits = {**policy.limits, code: limit.over({"doubt": doubt})}
    return f"route.{code}.doubt={'null' if doubt is None else doubt}", policy.model_copy(update={"limits": limits})
