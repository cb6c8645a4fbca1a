"""How each survivor is closed: by a person where one decided, else by the policy."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from curation.core.record.conversation import SCHEMA
from curation.decisions.decisions import Decision
from curation.policy.queue import BELOW_LIMIT

CURATED = pl.Schema([*SCHEMA.items(), ("origin", pl.String()), ("parent_id", pl.String())])
NO_COPIES = pl.DataFrame(schema={"copy_of": pl.String, "conversation_id": pl.String})
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_id": pl.String,
    "outcome": pl.String,
    "code": pl.String,
    "contributing": pl.List(pl.String),
    "value": pl.Float64,
    "threshold": pl.Float64,
    "evidence": pl.String,
    "stage": pl.String,
}
FATES = pl.Schema(_COLUMNS)
CAUSE = ("code", "value", "threshold")
WAITING = {
    "review": "waits for a person",
    "held": "over the review budget",
    BELOW_LIMIT: "below every limit, but the next likeliest: used, and in the queue since the budget leaves a place",
}
OUTCOME_OF_VERDICT = {"accept": "accepted", "reject": "dropped", "review": "held", "held": "held"}


def decided(
    verdicts: pl.DataFrame, decisions: dict[str, Decision], edits: pl.DataFrame, refound: pl.DataFrame
) -> pl.DataFrame:
    """FATES of the survivors, by the id they had before any edit. People overrule the policy.

    `verdicts` may have a `reason` why an accepted row stands in the queue; `refound` are the `causes` of what the
    checks say of corrected words. What the policy closes comes first.
    """
    broken = {cause["conversation_id"]: cause for cause in refound.iter_rows(named=True) if cause["fatal"]}
    corrected = dict(edits.select("parent_id", "conversation_id").iter_rows())
    by_people = pl.col("conversation_id").is_in(list(decisions))
    by_policy = _by_policy(verdicts.filter(~by_people))
    fates = [_by_people(decisions[key]) for key in verdicts.filter(by_people)["conversation_id"]]
    met = by_policy.filter(pl.col("conversation_id").is_in(list(corrected.values())), outcome="accepted")
    used = {*met["conversation_id"], *(fate["conversation_id"] for fate in fates if fate["outcome"] == "kept")}
    for fate in fates:
        if fate["outcome"] == "edited":
            now = corrected[fate["conversation_id"]]
            if now in broken:
                fate |= {"outcome": "dropped", "evidence": "the corrected words fail a check", **_cause(broken[now])}
            elif now in used:
                fate |= {"outcome": "duplicate", "code": "edit", "contributing": []}
                fate["evidence"] = f"corrected into a copy of {now}"
            used.add(now)
    return pl.concat([by_policy, pl.DataFrame(fates, schema=FATES)])


def _by_policy(verdicts: pl.DataFrame) -> pl.DataFrame:
    """FATES of what nobody decided."""
    several = verdicts.filter(pl.col("codes").list.len() > 0).select("conversation_id", "code", other="codes")
    others = several.explode("other", empty_as_null=False).filter(pl.col("other").ne_missing(pl.col("code")))
    beside = others.group_by("conversation_id", maintain_order=True).agg(contributing="other")
    waits = pl.coalesce("reason", "verdict") if "reason" in verdicts.columns else pl.col("verdict")
    return (
        verdicts.join(beside, on="conversation_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("contributing").fill_null([]),
            outcome=pl.col("verdict").replace_strict(OUTCOME_OF_VERDICT, return_dtype=pl.String),
            evidence=waits.replace_strict(WAITING, default=None, return_dtype=pl.String),
            stage=pl.lit("route"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in FATES.items())
    )


def _cause(found: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a fate that say what decided it, and what else spoke against the row."""
    others = [code for code in found["codes"] if code != found["code"]]
    return {**{name: found[name] for name in CAUSE}, "contributing": others}


def _by_people(decision: Decision) -> dict[str, Any]:
    outcome = {"keep": "kept", "edit": "edited", "drop": "dropped"}[decision.decision]
    evidence = "decided by " + (", ".join(decision.annotators) or "a person")
    if decision.applied_from:
        evidence += f" on {decision.applied_from}, applied to this row (similarity {decision.similarity:.2f})"
    code, *others = decision.reasons or (f"human_{decision.decision}",)
    return {
        "conversation_id": decision.conversation_id,
        "outcome": outcome,
        "code": code,
        "contributing": others,
        "evidence": evidence,
        "stage": "curate",
    }


def accepted(rows: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """CURATED of those of the survivors that were accepted or kept."""
    here = fates.select("conversation_id", origin="outcome").join(rows, on="conversation_id", how="semi")
    used = here.filter(pl.col("origin").is_in(["accepted", "kept"]))
    marked = rows.join(used, on="conversation_id", maintain_order="left")
    return marked.with_columns(parent_id=pl.lit(None, pl.String)).select(CURATED.names())


def corrected(edits: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """CURATED of those of the edits that are used."""
    good = fates.filter(pl.col("outcome") == "edited").select(parent_id="conversation_id")
    return edits.join(good, on="parent_id", how="semi")


def distinct(curated: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each conversation once, and (copy_of, conversation_id as read) of the rows that masking made the same.

    What a person decided on stands before what the policy accepted.
    """
    by_policy = pl.col("origin") == "accepted"
    ordered = curated.sort("conversation_id", by_policy, pl.coalesce("parent_id", "conversation_id"))
    first = ordered.unique("conversation_id", keep="first", maintain_order=True)
    copies = ordered.join(first.select("row_id"), on="row_id", how="anti", maintain_order="left")
    named = copies.join(first.select("conversation_id", copy_of="row_id"), on="conversation_id", maintain_order="left")
    return first, named.select("copy_of", conversation_id=pl.coalesce("parent_id", "conversation_id"))


def closed_as_copies(fates: pl.DataFrame, copies: pl.DataFrame) -> pl.DataFrame:
    """FATES in which rows that became copies by masking are duplicates of the row that stands for them."""
    ids = ["conversation_id"]
    closed = copies.select(
        "conversation_id",
        outcome=pl.lit("duplicate"),
        code=pl.lit("masked"),
        contributing=pl.lit([], pl.List(pl.String)),
        value=pl.lit(None, pl.Float64),
        threshold=pl.lit(None, pl.Float64),
        evidence=pl.format("without personal data a copy of {}", "copy_of"),
        stage=pl.lit("curate"),
    )
    return pl.concat([fates.join(closed, on=ids, how="anti", maintain_order="left"), closed])
