"""How right each doubt was, by what people decided, and the limits that would follow: `qirat calibrate`.

Beside it stands what share of planted defects the checks found in this set, as `audit` counted it.

It only tells. A drop or an edit confirms the doubt that brought the row before a person, a keep says false alarm.
Rows come from the review queue, so the figures hold for rows like those, not for the whole set.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
import yaml

from curation.core.record.codes import Code, Limit, read_codes
from curation.core.statistics.intervals import wilson
from curation.decisions.decisions import Decision, read_decisions
from curation.harness.errors import QiratError
from curation.harness.files import finished_table, table_path
from curation.harness.params import load_params
from curation.policy.limits import Policy, Route, in_force
from curation.policy.verdicts import judged, worst_value

RECALL = "audited/recall"  # kind, language, planted, found, share, low, high, blind
FEWEST = 20  # decisions below which nothing is suggested

OBSERVED = pl.Schema(
    {
        "conversation_id": pl.String,
        "code": pl.String,
        "value": pl.Float64,  # the worst of the row
        "doubt": pl.Boolean,  # whether the policy of now doubts it
        "confirmed": pl.Boolean,
        "shared": pl.Boolean,  # confirmed along with other doubts, because nobody said which of them
    }
)


def calibrate(target: float) -> dict[str, Any]:
    """Each code's precision with its interval, and the limit from which on people confirm at least `target`."""
    codes, route = read_codes(), load_params("route", Route)
    policy = in_force(route, codes)
    decisions = [d for d in read_decisions() if d.applied_from is None]
    survivors = finished_table("dedup/clusters").filter("survivor").height
    findings = finished_table("scored/findings")
    if not decisions:
        raise QiratError("nobody has decided anything yet; `qirat review push`, let people decide, `qirat review pull`")
    found = judged(findings, policy, survivors)
    observed = observations(decisions, found, policy, codes)
    by_code = observed.group_by("code", maintain_order=True)
    measures = [_measured(code, rows, policy.limits[code], target) for (code,), rows in by_code]
    for measured in measures:
        measured["suggested"] |= _usual_share(measured, found, policy, survivors)
    return {
        "decisions": len(decisions),
        "decisions_used": observed["conversation_id"].n_unique(),
        "target": target,
        "codes": measures,
        "params": snippet(measures, route.limits),
        "recall": finished_table(RECALL).to_dicts() if table_path(RECALL).exists() else [],
    }


# -- which decision speaks of which doubt ------------------------------------------------------------------------------


def observations(
    decisions: Iterable[Decision], findings: pl.DataFrame, policy: Policy, codes: Mapping[str, Code]
) -> pl.DataFrame:
    """OBSERVED: what people said of each code of the judged findings in each row they decided on.

    A keep counts against every code found in the row. A drop or an edit counts for the codes that its reasons confirm
    (a corrected label is the reason wrong_label); where they confirm none, for all the doubts of the row.
    """
    rows = (
        findings.filter(pl.col("conversation_id").is_in([d.conversation_id for d in decisions]))
        .group_by("conversation_id", "code")
        .agg(value=worst_value(policy), doubt=(pl.col("severity") != "info").any())
        .sort("conversation_id", "code")
    )
    by_row = rows.partition_by("conversation_id", as_dict=True, maintain_order=True)
    said = [
        {**row, **verdict}
        for decision in decisions
        if (found := by_row.get((decision.conversation_id,))) is not None
        for row, verdict in _said(decision, found.to_dicts(), codes)
    ]
    return pl.DataFrame(said, schema=OBSERVED).sort("code", "conversation_id")


def _said(
    decision: Decision, rows: Sequence[Mapping[str, Any]], codes: Mapping[str, Code]
) -> Iterable[tuple[Mapping[str, Any], dict[str, bool]]]:
    if decision.decision == "keep":
        return [(row, {"confirmed": False, "shared": False}) for row in rows]
    reasons = {*decision.reasons, *(["wrong_label"] if decision.label is not None else [])}
    meant = [row for row in rows if reasons.intersection(codes[row["code"]].confirmed_by)]
    doubts = [row for row in rows if row["doubt"]]
    if meant:
        return [(row, {"confirmed": True, "shared": False}) for row in meant]
    return [(row, {"confirmed": True, "shared": len(doubts) > 1}) for row in doubts]


# -- what follows ------------------------------------------------------------------------------------------------------


def _measured(code: str, rows: pl.DataFrame, limit: Limit, target: float) -> dict[str, Any]:
    """One code: its figures as a doubt of now, and the limit and precision that the decisions speak for."""
    doubted = rows.filter("doubt")
    confirmed, decided = int(doubted["confirmed"].sum()), doubted.height
    low, high = wilson(confirmed, decided)
    suggested, note = suggestion(rows, limit, target)
    return {
        "code": code,
        "decisions": decided,
        "confirmed": confirmed,
        "shared": int(doubted["shared"].sum()),
        "share": round(confirmed / decided, 4) if decided else None,
        "low": low,
        "high": high,
        "precision_now": limit.precision,
        "doubt_now": limit.doubt,
        "suggested": suggested,
        "note": note,
    }


def suggestion(rows: pl.DataFrame, limit: Limit, target: float) -> tuple[dict[str, float], str]:
    """The loosest limit whose rows people confirm at least at `target`, with 95% confidence, and their precision.

    `rows` are OBSERVED of one code. The rows that a looser limit adds must be confirmed as often by themselves: those
    above would carry any number of others. Looking at many limits and taking the best flatters a little.
    """
    if limit.doubt is None:
        return _precision(rows.filter("doubt"), limit), ""
    flagged = {candidate: rows.filter(_crosses(candidate, limit.below)) for candidate in _candidates(rows, limit)}
    enough = {candidate: part for candidate, part in flagged.items() if part.height >= FEWEST}
    if not enough:
        return {}, f"fewer than {FEWEST} decisions"
    good = [c for c, part in enough.items() if _surely(part, target) and _surely(part.filter(~pl.col("doubt")), target)]
    if not good:
        return _precision(rows.filter("doubt"), limit), f"no limit surely reaches {target:.0%}"
    loosest = max(good) if limit.below else min(good)
    same = limit.doubt in flagged and flagged[limit.doubt].height == flagged[loosest].height
    doubt = {} if same else {"doubt": loosest}
    return doubt | _precision(flagged[loosest], limit), ""


def _surely(rows: pl.DataFrame, target: float) -> bool:
    """Whether people confirm at least `target` of such rows with 95% confidence, or there are none."""
    if rows.is_empty():
        return True
    return rows.height >= FEWEST and wilson(int(rows["confirmed"].sum()), rows.height)[0] >= target


def _candidates(rows: pl.DataFrame, limit: Limit) -> list[float]:
    """Values from which on rows may be doubted: none at which they are rejected anyway."""
    open_to_doubt = (
        rows if limit.fatal is None or limit.fatal_with else rows.filter(~_crosses(limit.fatal, limit.below))
    )
    values = {float(value) for value in open_to_doubt["value"].unique()}
    return sorted(values | ({limit.doubt} if limit.doubt is not None else set()))


def _crosses(candidate: float, below: bool) -> pl.Expr:
    return pl.col("value") < candidate if below else pl.col("value") >= candidate


def _precision(rows: pl.DataFrame, limit: Limit) -> dict[str, float]:
    """The share of the rows that people confirmed, never 0 or 1; nothing where that is what the limit says already."""
    if rows.height < FEWEST:
        return {}
    share = min(0.99, max(0.01, round(int(rows["confirmed"].sum()) / rows.height, 2)))
    return {} if share == limit.precision else {"precision": share}


def _usual_share(
    measured: Mapping[str, Any], findings: pl.DataFrame, policy: Policy, survivors: int
) -> dict[str, float]:
    """The share of rows for which a suggested precision was measured, where it is more than usual."""
    if "precision" not in measured["suggested"]:
        return {}
    limit = policy.limits[measured["code"]]
    seen = findings.filter(pl.col("code") == measured["code"])
    doubt = measured["suggested"].get("doubt")
    flagged = seen.filter(pl.col("severity") == "doubt" if doubt is None else _crosses(doubt, limit.below))
    share = math.ceil(flagged["conversation_id"].n_unique() / survivors * 10_000) / 10_000
    usual = policy.usual_share if limit.usual_share is None else limit.usual_share
    return {"usual_share": share} if share > usual else {}


def snippet(codes: Iterable[Mapping[str, Any]], written: Mapping[str, Mapping[str, Any]]) -> str:
    """The suggestions as lines of params.yaml, with what is written there already; "" when there is none."""
    lines = [_line(measured, written.get(measured["code"], {})) for measured in codes if measured["suggested"]]
    return "\n".join(["route:", "  limits:", *lines]) if lines else ""


def _line(measured: Mapping[str, Any], written: Mapping[str, Any]) -> str:
    flow = yaml.safe_dump(
        {**written, **measured["suggested"]}, default_flow_style=True, sort_keys=False, width=1000
    ).strip()
    return f"    {measured['code']}: {flow} # {measured['confirmed']} of {measured['decisions']} confirmed"


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(answer: Mapping[str, Any]) -> str:
    """The answer as a person reads it."""
    lines = [f"{answer['decisions_used']:,} of {answer['decisions']:,} decisions are about rows with a finding", ""]
    lines += [f"{'code':<30}{'decided':>8}{'confirmed':>10}{'share':>7}   95% interval   precision now"]
    for c in answer["codes"]:
        share = "-" if c["share"] is None else f"{c['share']:.2f}"
        figures = f"{c['decisions']:>8,}{c['confirmed']:>10,}{share:>7}   {c['low']:.2f} to {c['high']:.2f}"
        lines.append(f"{c['code']:<30}{figures}   {c['precision_now']:.2f}  {c['note']}".rstrip())
    if shared := sum(c["shared"] for c in answer["codes"]):
        lines += ["", f"{shared:,} confirmations count for every doubt of their row, as no reason said for which."]
    lines += _recall_lines(answer["recall"])
    if not answer["params"]:
        return "\n".join([*lines, "", "Nothing to suggest."])
    wanted = f"To review rows that people confirm in at least {answer['target']:.0%} of the cases (95% confidence):"
    return "\n".join([*lines, "", wanted, "", answer["params"], "", "Nothing was changed; try it with `qirat whatif`."])


def _recall_lines(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    if not cells:
        return []
    lines = ["", "Of defects planted in rows of this set the checks found:", ""]
    lines += [f"{'defect':<21}{'language':<10}{'planted':>8}{'found':>7}{'share':>7}   95% interval"]
    for c in cells:
        figures = f"{c['planted']:>8,}{c['found']:>7,}{c['share']:>7.2f}   {c['low']:.2f} to {c['high']:.2f}"
        lines.append(f"{c['kind']:<21}{c['language']:<10}{figures}{'   blind here' if c['blind'] else ''}")
    return lines
