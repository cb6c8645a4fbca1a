"""Verdicts and human decisions make the curated set, free of personal data; the ledger tells every row's story.

python -m curation.curate
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from curation.checks import FINDINGS, Context, Score, checks, findings, in_order
from curation.conversation import SCHEMA, message, survivors
from curation.decision import PATH, Decision, read_decisions
from curation.evaluation_sets import read_evaluation_sets
from curation.ledger import FINDING, assert_law, counts, entries
from curation.personal_data import masked
from curation.personal_data.names import name_finder
from curation.personal_data.tables import without_personal_data
from curation.playbook import Playbook
from curation.policy import Route, judged
from curation.repair import spoken_record
from curation.stage import Params, Stage

CURATED = pl.Schema([*SCHEMA.items(), ("origin", pl.String()), ("parent_id", pl.String())])
FATES = pl.Schema(
    {"conversation_id": pl.String, "outcome": pl.String, "code": pl.String, "evidence": pl.String, "stage": pl.String}
)
OUTCOME_OF_VERDICT = {"accept": "accepted", "reject": "dropped", "review": "held", "held": "held"}


def main() -> None:
    """Apply decisions over verdicts, check edited rows again, mask, close every raw row in the ledger."""
    with Stage("curate", Params) as stage:
        policy = stage.section("route", Route)
        rows, quarantine = stage.read("ingested/conversations"), stage.read("ingested/quarantine")
        clusters, verdicts = stage.read("dedup/clusters"), stage.read("routed/verdicts")
        found = judged(stage.read("scored/findings"), policy, verdicts.height)
        decisions = {d.conversation_id: d for d in read_decisions(stage.input(PATH))}
        score = stage.section("score", Score)
        context = Context(
            score,
            Playbook.load(stage.input("playbook.yaml")),
            None,
            read_evaluation_sets(stage.input("data/evaluation")),
        )
        standing = survivors(rows, clusters)

        edits = edited(standing, decisions)
        refound = judged(checked_again(standing, edits, context), policy, verdicts.height)
        fates = decided(verdicts, decisions, edits, refound)
        curated, masking = without_personal_data(
            curated_set(standing, edits, fates), policy.masked_kinds, score.countries, name_finder(score.names)
        )
        curated, copies = distinct(curated)
        fates = closed_as_copies(fates, copies)
        ledger = pl.concat(
            [
                quarantine_entries(quarantine, score.countries),
                copy_entries(clusters),
                finding_entries(standing, found, "score"),
                finding_entries(edits, refound, "curate"),
                masking_entries(masking),
                fate_entries(standing, fates),
            ]
        ).sort("row_id", "stage", "outcome", "code", "evidence", nulls_last=True)
        assert_law(ledger, pl.concat([rows["row_id"], quarantine["row_id"]]))

        stage.write("curated/conversations", curated)
        stage.write("ledger", ledger)
        stale = set(decisions) - set(verdicts["conversation_id"])
        if stale:
            stage.say(
                f"{len(stale):,} decisions are about words that are no longer in the data, or were copies; unused"
            )
        stage.write_metrics({**counts(ledger), "curated": curated.height, "decisions_unused": len(stale)})


def checked_again(standing: pl.DataFrame, edits: pl.DataFrame, context: Context) -> pl.DataFrame:
    """FINDINGS of edited rows: what shows in a row by itself, and what shows beside all other rows."""
    if edits.is_empty():
        return pl.DataFrame(schema=FINDINGS)
    rows = edits.select(SCHEMA.names()).unique("conversation_id", keep="first", maintain_order=True)
    replaced = pl.concat([edits["parent_id"], edits["conversation_id"]])
    others = standing.filter(~pl.col("conversation_id").is_in(replaced.implode())).select(SCHEMA.names())
    alone = [check for check in checks().values() if not check.whole_set]
    beside = [check for check in checks().values() if check.sees_edits]
    of_all = findings(pl.concat([others, rows]), context, beside)
    return in_order([findings(rows, context, alone), of_all.join(rows, on="conversation_id", how="semi")])


def edited(standing: pl.DataFrame, decisions: dict[str, Decision]) -> pl.DataFrame:
    """CURATED rows with the corrected words and label of each edit; parent_id is the row that was corrected."""
    edits = {key: d for key, d in decisions.items() if d.decision == "edit"}
    corrected = []
    for row in standing.filter(pl.col("conversation_id").is_in(list(edits))).iter_rows(named=True):
        decision = edits[row["conversation_id"]]
        words = spoken_record([message(**m) for m in decision.messages], merge=False) if decision.messages else {}
        label = decision.label if decision.label is not None else row["label"]
        corrected.append({**row, **words, "label": label, "origin": "edited", "parent_id": row["conversation_id"]})
    return pl.DataFrame(corrected, schema=CURATED).sort("parent_id")


def decided(
    verdicts: pl.DataFrame, decisions: dict[str, Decision], edits: pl.DataFrame, refound: pl.DataFrame
) -> pl.DataFrame:
    """FATES of the survivors, by the id they had before any edit. People overrule the policy."""
    fatal = refound.filter(pl.col("severity") == "fatal")
    broken = dict(fatal.group_by("conversation_id", maintain_order=True).agg(pl.col("code").first()).iter_rows())
    corrected = dict(edits.select("parent_id", "conversation_id").iter_rows())
    fates = [
        _by_people(decisions[key]) if key in decisions else _by_policy(key, verdict, codes)
        for key, verdict, codes in verdicts.select("conversation_id", "verdict", "codes").iter_rows()
    ]
    used = {fate["conversation_id"] for fate in fates if fate["outcome"] in ("accepted", "kept")}
    for fate in fates:
        if fate["outcome"] == "edited":
            now = corrected[fate["conversation_id"]]
            if now in broken:
                fate |= {"outcome": "dropped", "code": broken[now], "evidence": "the corrected words fail a check"}
            elif now in used:
                fate |= {"outcome": "duplicate", "code": "edit", "evidence": f"corrected into a copy of {now}"}
            used.add(now)
    return pl.DataFrame(fates, schema=FATES)


def _by_policy(key: str, verdict: str, codes: Sequence[str]) -> dict[str, Any]:
    waiting = {"review": "waits for a person", "held": "over the review budget"}.get(verdict)
    outcome = OUTCOME_OF_VERDICT[verdict]
    code = ", ".join(codes) or None
    return {"conversation_id": key, "outcome": outcome, "code": code, "evidence": waiting, "stage": "route"}


def _by_people(decision: Decision) -> dict[str, Any]:
    outcome = {"keep": "kept", "edit": "edited", "drop": "dropped"}[decision.decision]
    evidence = "decided by " + (", ".join(decision.annotators) or "a person")
    if decision.applied_from:
        evidence += f" on {decision.applied_from}, applied to this row (similarity {decision.similarity:.2f})"
    code = ", ".join(decision.reasons) or f"human_{decision.decision}"
    return {
        "conversation_id": decision.conversation_id,
        "outcome": outcome,
        "code": code,
        "evidence": evidence,
        "stage": "curate",
    }


def curated_set(standing: pl.DataFrame, edits: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """CURATED: what was accepted, kept or edited, by conversation_id."""
    used = fates.filter(pl.col("outcome").is_in(["accepted", "kept"])).select("conversation_id", origin="outcome")
    as_read = (
        standing.join(used, on="conversation_id")
        .with_columns(parent_id=pl.lit(None, pl.String))
        .select(CURATED.names())
    )
    good = fates.filter(pl.col("outcome") == "edited").select(parent_id="conversation_id")
    return pl.concat([as_read, edits.join(good, on="parent_id", how="semi")]).sort("conversation_id")


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
        evidence=pl.format("without personal data a copy of {}", "copy_of"),
        stage=pl.lit("curate"),
    )
    return pl.concat([fates.join(closed, on=ids, how="anti", maintain_order="left"), closed])


# -- the ledger's parts ------------------------------------------------------------------------------------------------


def quarantine_entries(quarantine: pl.DataFrame, countries: Sequence[str]) -> pl.DataFrame:
    """Rows that could not be read, and rows that somebody asked to forget. A reason may quote the row."""
    outcome = pl.when(pl.col("code") == "forgotten").then(pl.lit("dropped")).otherwise(pl.lit("quarantined"))
    reason = pl.col("reason").map_elements(lambda text: masked(text, countries), return_dtype=pl.String)
    return entries(quarantine, "ingest", outcome=outcome, evidence=reason)


def copy_entries(clusters: pl.DataFrame) -> pl.DataFrame:
    """Rows for which a survivor stands."""
    gone = clusters.filter(~pl.col("survivor"))
    return entries(
        gone,
        "dedup",
        outcome="duplicate",
        code=pl.col("kind"),
        value=pl.col("similarity"),
        evidence=pl.format("copy of {}", "duplicate_of"),
    )


def finding_entries(rows: pl.DataFrame, found: pl.DataFrame, stage: str) -> pl.DataFrame:
    """Findings that the policy takes seriously."""
    serious = found.filter(pl.col("severity") != "info").join(
        rows.select("conversation_id", "row_id"), on="conversation_id"
    )
    turn = pl.when(pl.col("turn").is_null()).then(pl.lit("")).otherwise(pl.format("turn {}: ", pl.col("turn") + 1))
    return entries(serious, stage, outcome=FINDING, evidence=turn + pl.col("evidence").fill_null(""))


def masking_entries(masking: pl.DataFrame) -> pl.DataFrame:
    """How many values of which kinds were replaced."""
    return entries(masking, "curate", outcome=FINDING, code="masked")


def fate_entries(standing: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """How each survivor was closed."""
    closed = fates.join(standing.select("conversation_id", "row_id"), on="conversation_id")
    return pl.concat(
        [entries(part, part["stage"][0]) for part in closed.partition_by("stage")] or [entries(closed, "route")]
    )


if __name__ == "__main__":
    main()
