"""Verdicts and human decisions make the curated set, free of personal data; the ledger tells every row's story.

What its replies state is handed over beside it: data/facts, the seed of an index for retrieval.

python -m curation.curate
"""

from collections.abc import Collection, Iterable, Iterator
from functools import partial

import polars as pl

from curation.checks.check import Context, Score
from curation.checks.grounding import house_least
from curation.core.record.codes import CODES, read_codes
from curation.core.record.conversation import SCHEMA, survivors
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
from curation.curate.facts import FINISHED, Written, reader
from curation.curate.fates import accepted, closed_as_copies, corrected, decided
from curation.curate.knowledge import as_csv, counted, knowledge
from curation.curate.masking import CHUNK, LARGE, Masked, MaskedSet, masker
from curation.decisions.decisions import PATH, read_decisions
from curation.harness.engine import map_parts
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.policy.limits import Policy, Route, in_force
from curation.policy.queue import BELOW_LIMIT
from curation.policy.verdicts import causes, judged
from curation.privacy.params import Privacy
from curation.privacy.tables import MASKED

CONVERSATIONS = "ingested/conversations"
A_ROW = 1_000  # bytes of memory that a raw row takes to the end: ids, fates, its lines in the ledger, what it states


def main() -> None:
    """Apply decisions over verdicts, check edited rows again, mask, close every raw row in the ledger, list facts."""
    with Stage("curate", Params) as stage:
        policy = in_force(stage.section("route", Route), read_codes(stage.input(CODES)))
        privacy = stage.section("privacy", Privacy)
        stage.refuse_too_little(CONVERSATIONS, A_ROW)
        ids, quarantine = stage.read(CONVERSATIONS, ["row_id", "conversation_id"]), stage.read("ingested/quarantine")
        parts = stage.read("ingested/parts")
        clusters, verdicts = stage.read("dedup/clusters"), stage.read("routed/verdicts")
        decisions = {d.conversation_id: d for d in read_decisions(stage.input(PATH))}
        surviving = survivors(ids, clusters)

        edits = edited(
            with_messages(stage, surviving.filter(pl.col("conversation_id").is_in(list(decisions)))), decisions
        )
        found = judged(stage.read("scored/findings"), policy, verdicts.height)
        refound = judged(refindings(stage, surviving, edits, privacy), policy, verdicts.height)
        serious = refound.filter(pl.col("severity") != "info")
        below = stage.read("routed/queue", ["conversation_id", "reason"]).filter(reason=BELOW_LIMIT)
        asked = verdicts.join(below, on="conversation_id", how="left", maintain_order="left")
        fates = decided(asked, decisions, edits, causes(serious, policy))
        with stage.scratch() as folder:
            masked = MaskedSet(folder, surviving.height)
            masked.take(masked_parts(stage, used_parts(stage, surviving, edits, fates), policy.masked_kinds, privacy))
            written = Written()
            rows = written.passing(treated_parts(stage, masked.distinct_parts(), policy))
            stage.write_parts("curated/conversations", rows, FINISHED)
        ledger = closed(
            pl.concat([ids["row_id"], quarantine["row_id"], parts["row_id"]]),
            part_entries(parts),
            quarantine_entries(quarantine, privacy.countries),
            copy_entries(clusters),
            finding_entries(surviving, found, "score"),
            finding_entries(edits, refound, "curate"),
            masking_entries(masked.done()),
            fate_entries(surviving, closed_as_copies(fates, masked.copies())),
        )

        stage.write("ledger", ledger)
        facts = known(stage, written.stated(), house_least(verdicts.height), privacy)
        unused = len(set(decisions) - set(verdicts["conversation_id"]))
        if unused:
            stage.say(f"{unused:,} decisions are about words that are no longer in the data, or were copies; unused")
        told = {"curated": written.rows, "decisions_unused": unused}
        stage.write_metrics({**counts(ledger), **told, **written.treated(), **counted(facts)})


def with_messages(stage: Stage[Params], wanted: pl.DataFrame) -> pl.DataFrame:
    """The whole records of some of the rows, in the order of their ids."""
    if wanted.is_empty():
        return SCHEMA.to_frame()
    return pl.concat(wanted_parts(stage, wanted)).sort("conversation_id")


def wanted_parts(stage: Stage[Params], wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The whole records of some of the rows, part by part."""
    for part in stage.parts(CONVERSATIONS):
        yield part.join(wanted, on="row_id", how="semi")


def refindings(stage: Stage[Params], surviving: pl.DataFrame, edits: pl.DataFrame, privacy: Privacy) -> pl.DataFrame:
    """FINDINGS of edited rows, which need all others only where there are any."""
    others = partial(wanted_parts, stage, surviving)
    playbook = Playbook.load(stage.input("playbook.yaml"))
    evaluation = stage.read("ingested/evaluation")
    return checked_again(others, edits, Context(stage.section("score", Score), privacy, playbook, None, evaluation))


def used_parts(
    stage: Stage[Params], surviving: pl.DataFrame, edits: pl.DataFrame, fates: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """CURATED as read, part by part: what was accepted, kept or edited."""
    standing = surviving.select("row_id")
    for part in stage.progress(stage.parts(CONVERSATIONS), "masking personal data", unit="parts"):
        yield accepted(part.join(standing, on="row_id", how="semi"), fates)
    yield corrected(edits, fates)


def masked_parts(
    stage: Stage[Params], rows: Iterable[pl.DataFrame], kinds: Collection[str], privacy: Privacy
) -> Iterator[Masked]:
    """The rows with tags for these kinds, and MASKED: what was replaced in which."""
    if not kinds:
        return ((part, MASKED.to_frame()) for part in rows)
    return map_parts(partial(masker, kinds, privacy), rows, CHUNK, stage.machine, stage.height(CONVERSATIONS) >= LARGE)


def treated_parts(
    stage: Stage[Params], rows: Iterable[pl.DataFrame], policy: Policy
) -> Iterable[tuple[pl.DataFrame, pl.DataFrame]]:
    """The rows with `facts`, found in the words that are trained on, and what their replies state: STATED.

    Edits and tags move what stands behind them, so facts are looked for last.
    """
    prepare = partial(reader, policy.facts, policy.confirmed_facts)
    large = stage.height(CONVERSATIONS) >= LARGE
    read = map_parts(prepare, rows, CHUNK, stage.machine, large)
    return stage.progress(read, "looking for facts", unit="thousand rows")


def known(stage: Stage[Params], stated: pl.DataFrame, least: float, privacy: Privacy) -> pl.DataFrame:
    """What the replies state, written as a table and as a spreadsheet: FACTS."""
    facts = knowledge(stated, least, privacy.countries)
    stage.write("facts/facts", facts)
    with stage.output("data/facts/facts.csv") as file:
        file.write_text(as_csv(facts), "utf-8", newline="")
    return facts


if __name__ == "__main__":
    main()
