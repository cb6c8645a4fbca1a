"""Verdicts and human decisions make the curated set, free of personal data; the ledger tells every row's story.

What its replies state is handed over beside it: data/facts, the seed of an index for retrieval.

python -m curation.curate
"""

from collections.abc import Collection, Iterable
from functools import partial

import polars as pl

from curation.checks.check import Context, Score
from curation.checks.grounding import house_least
from curation.core.record.codes import CODES, read_codes
from curation.core.record.conversation import survivors
from curation.core.record.ledger import counts
from curation.core.record.playbook import Playbook
from curation.curate.edits import checked_again, edited
from curation.curate.entries import (
    closed,
    copy_entries,
    fate_entries,
    finding_entries,
    masking_entries,
    part_entries,
    quarantine_entries,
)
from curation.curate.facts import fact_finder
from curation.curate.fates import closed_as_copies, curated_set, decided, distinct
from curation.curate.knowledge import as_csv, counted, knowledge, statements_of
from curation.curate.masking import CHUNK, LARGE, Masked, as_one_set, joined, masker
from curation.decisions.decisions import PATH, read_decisions
from curation.harness.engine import Answer, OfTable, map_rows, reduce
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.policy.limits import Policy, Route, in_force
from curation.policy.queue import BELOW_LIMIT
from curation.policy.verdicts import causes, judged
from curation.privacy.params import Privacy
from curation.privacy.tables import MASKED


def main() -> None:
    """Apply decisions over verdicts, check edited rows again, mask, close every raw row in the ledger, list facts."""
    with Stage("curate", Params) as stage:
        policy = in_force(stage.section("route", Route), read_codes(stage.input(CODES)))
        privacy = stage.section("privacy", Privacy)
        rows, quarantine = stage.read("ingested/conversations"), stage.read("ingested/quarantine")
        parts = stage.read("ingested/parts")
        clusters, verdicts = stage.read("dedup/clusters"), stage.read("routed/verdicts")
        decisions = {d.conversation_id: d for d in read_decisions(stage.input(PATH))}
        surviving = survivors(rows, clusters)

        edits = edited(surviving, decisions)
        found = judged(stage.read("scored/findings"), policy, verdicts.height)
        refound = judged(checked_again(surviving, edits, context_of(stage, privacy)), policy, verdicts.height)
        serious = refound.filter(pl.col("severity") != "info")
        below = stage.read("routed/queue", ["conversation_id", "reason"]).filter(reason=BELOW_LIMIT)
        asked = verdicts.join(below, on="conversation_id", how="left", maintain_order="left")
        fates = decided(asked, decisions, edits, causes(serious, policy))
        curated, masking = masked(stage, curated_set(surviving, edits, fates), policy.masked_kinds, privacy)
        curated, copies = distinct(curated)
        curated = stating(stage, curated, policy)
        ledger = closed(
            pl.concat([rows["row_id"], quarantine["row_id"], parts["row_id"]]),
            part_entries(parts),
            quarantine_entries(quarantine, privacy.countries),
            copy_entries(clusters),
            finding_entries(surviving, found, "score"),
            finding_entries(edits, refound, "curate"),
            masking_entries(masking),
            fate_entries(surviving, closed_as_copies(fates, copies)),
        )

        stage.write("curated/conversations", curated)
        stage.write("ledger", ledger)
        facts = known(stage, curated, house_least(verdicts.height), privacy)
        unused = len(set(decisions) - set(verdicts["conversation_id"]))
        if unused:
            stage.say(f"{unused:,} decisions are about words that are no longer in the data, or were copies; unused")
        told = {"curated": curated.height, "decisions_unused": unused}
        stage.write_metrics({**counts(ledger), **told, **treated(curated), **counted(facts)})


def context_of(stage: Stage[Params], privacy: Privacy) -> Context:
    """What the checks may look at, without what only the whole set tells."""
    playbook = Playbook.load(stage.input("playbook.yaml"))
    return Context(stage.section("score", Score), privacy, playbook, None, stage.read("ingested/evaluation"))


def masked(stage: Stage[Params], rows: pl.DataFrame, kinds: Collection[str], privacy: Privacy) -> Masked:
    """The rows with tags for these kinds, and MASKED: what was replaced in which."""
    if not kinds:
        return rows, MASKED.to_frame()
    return as_one_set(reduce(joined, by_chunk(stage, partial(masker, kinds, privacy), rows, "masking personal data")))


def known(stage: Stage[Params], rows: pl.DataFrame, least: float, privacy: Privacy) -> pl.DataFrame:
    """What the replies state, written as a table and as a spreadsheet: FACTS."""
    stated = reduce(pl.concat, by_chunk(stage, statements_of, rows, "reading facts"))
    facts = knowledge(stated, least, privacy.countries)
    stage.write("facts/facts", facts)
    with stage.output("data/facts/facts.csv") as file:
        file.write_text(as_csv(facts), "utf-8", newline="")
    return facts


def stating(stage: Stage[Params], rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The rows with `facts`, found in the words that are trained on: edits and tags move what stands behind them."""
    finder = partial(fact_finder, policy.facts, policy.confirmed_facts)
    return reduce(pl.concat, by_chunk(stage, finder, rows, "looking for facts"))


def by_chunk(stage: Stage[Params], kernel: OfTable[Answer], rows: pl.DataFrame, doing: str) -> Iterable[Answer]:
    """What the kernel makes of the rows, a thousand at a time and in order."""
    parts = map_rows(kernel, rows, CHUNK, stage.machine, LARGE)
    return stage.progress(parts, doing, -(-rows.height // CHUNK), "thousand rows")


def treated(curated: pl.DataFrame) -> dict[str, int]:
    """Facts by what becomes of them: facts_unlearn and so on."""
    told = curated["facts"].explode(empty_as_null=False).struct.field("treatment").value_counts(sort=True)
    return {f"facts_{treatment}": count for treatment, count in sorted(told.iter_rows())}


if __name__ == "__main__":
    main()
