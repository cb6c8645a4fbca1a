"""Verdicts and human decisions make the curated set, free of personal data; the ledger tells every row's story.

python -m curation.curate
"""

import polars as pl

from curation.checks.check import Context, Score
from curation.curate.edits import checked_again, edited
from curation.curate.entries import copy_entries, fate_entries, finding_entries, masking_entries, quarantine_entries
from curation.curate.fates import closed_as_copies, curated_set, decided, distinct
from curation.decisions.decisions import PATH, read_decisions
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.ingest.evaluation import read_evaluation_sets
from curation.policy.limits import Route, in_force
from curation.policy.verdicts import judged
from curation.privacy.names import name_finder
from curation.privacy.params import Privacy
from curation.privacy.tables import without_personal_data
from curation.record.codes import CODES, read_codes
from curation.record.conversation import survivors
from curation.record.ledger import assert_law, counts
from curation.record.playbook import Playbook


def main() -> None:
    """Apply decisions over verdicts, check edited rows again, mask, close every raw row in the ledger."""
    with Stage("curate", Params) as stage:
        policy = in_force(stage.section("route", Route), read_codes(stage.input(CODES)))
        rows, quarantine = stage.read("ingested/conversations"), stage.read("ingested/quarantine")
        clusters, verdicts = stage.read("dedup/clusters"), stage.read("routed/verdicts")
        found = judged(stage.read("scored/findings"), policy, verdicts.height)
        decisions = {d.conversation_id: d for d in read_decisions(stage.input(PATH))}
        privacy = stage.section("privacy", Privacy)
        context = Context(
            stage.section("score", Score),
            privacy,
            Playbook.load(stage.input("playbook.yaml")),
            None,
            read_evaluation_sets(stage.input("data/evaluation")),
        )
        standing = survivors(rows, clusters)

        edits = edited(standing, decisions)
        refound = judged(checked_again(standing, edits, context), policy, verdicts.height)
        fates = decided(verdicts, decisions, edits, refound)
        curated, masking = without_personal_data(
            curated_set(standing, edits, fates), policy.masked_kinds, privacy.countries, name_finder(privacy.names)
        )
        curated, copies = distinct(curated)
        fates = closed_as_copies(fates, copies)
        ledger = pl.concat(
            [
                quarantine_entries(quarantine, privacy.countries),
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


if __name__ == "__main__":
    main()
