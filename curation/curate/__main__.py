"""Verdicts and human decisions make the curated set, free of personal data; the ledger tells every row's story.

What its replies state is handed over beside it: data/facts, the seed of an index for retrieval.

python -m curation.curate
"""

from collections.abc import Iterable, Iterator
from functools import partial

import polars as pl

from curation.checks.check import Context, Score
from curation.checks.grounding import house_least
from curation.core.record.codes import CODES, read_codes
from curation.core.record.conversation import SCHEMA, SURVIVING, survivors
from curation.core.record.ledger import assert_law, counts
from curation.core.record.playbook import Playbook
from curation.curate.edits import checked_again, edited
from curation.curate.entries import (
    COPY,
    copy_entries,
    fate_entries,
    finding_entries,
    in_order,
    masking_entries,
    part_entries,
    quarantine_entries,
)
from curation.curate.facts import FINISHED
from curation.curate.fates import CAUSE, accepted, closed_as_copies, corrected, decided
from curation.curate.knowledge import as_csv, counted, knowledge
from curation.curate.rows import KEY, REMEMBERED, Used, keyed, known_parts, maker
from curation.curate.used import UsedSet, Written
from curation.decisions.decisions import PATH, read_decisions
from curation.harness.engine import OfTable, map_parts
from curation.harness.memory import contents, version_of
from curation.harness.params import Params
from curation.harness.parts import among
from curation.harness.stage import Stage
from curation.policy.limits import Policy, Route, in_force
from curation.policy.queue import BELOW_LIMIT
from curation.policy.verdicts import can_decide, causes, judged
from curation.privacy.params import Privacy

CONVERSATIONS = "ingested/conversations"
RAW = (CONVERSATIONS, "ingested/quarantine", "ingested/parts")  # what was read, each raw row in one of them
ROWS = "rows"  # the name under which is remembered what rows become by themselves
CHUNK = 1_000  # conversations that a process reads in one go
LARGE = 8_000  # conversations from which starting processes pays
A_ROW = 1_100  # bytes of memory that a raw row takes to the end: ids, fates, its lines in the ledger, what it states


def main() -> None:
    """Apply decisions over verdicts, check edited rows again, mask, close every raw row in the ledger, list facts."""
    with Stage("curate", Params) as stage:
        policy = in_force(stage.section("route", Route), read_codes(stage.input(CODES)))
        privacy = stage.section("privacy", Privacy)
        stage.refuse_too_little(CONVERSATIONS, A_ROW)
        total = stage.height("routed/verdicts")
        decisions = {d.conversation_id: d for d in read_decisions(stage.input(PATH))}
        surviving = survivors(
            stage.read(CONVERSATIONS, ["row_id", "conversation_id"]), stage.read("dedup/clusters", SURVIVING)
        )

        edits = edited(
            with_messages(stage, surviving.filter(pl.col("conversation_id").is_in(list(decisions)))), decisions
        )
        refound = judged(refindings(stage, surviving, edits, privacy), policy, total)
        serious = refound.filter(pl.col("severity") != "info")
        fates = decided(asked(stage), decisions, edits, causes(serious, policy))
        with stage.scratch() as folder:
            used, written = UsedSet(folder, surviving.height), Written()
            put_away(stage, partial(used_parts, stage, surviving, edits, fates), used, policy, privacy)
            stage.write_parts("curated/conversations", written.passing(used.distinct_parts()), FINISHED)
        unused = len(decisions) - fates.filter(pl.col("conversation_id").is_in(list(decisions))).height
        closings = close(stage, policy, privacy, surviving, happened_here(surviving, edits, refound, fates, used))
        facts = known(stage, written.stated(), house_least(total), privacy)
        if unused:
            stage.say(f"{unused:,} decisions are about words that are no longer in the data, or were copies; unused")
        told = {"curated": written.rows, "decisions_unused": unused}
        stage.write_metrics({**closings, **told, **written.treated(), **counted(facts)})


def asked(stage: Stage[Params]) -> pl.DataFrame:
    """The verdicts, with the `reason` why an accepted row stands in the queue."""
    below = stage.read("routed/queue", ["conversation_id", "reason"], pl.col("reason") == BELOW_LIMIT)
    verdicts = stage.read("routed/verdicts", ["conversation_id", "verdict", *CAUSE, "codes"])
    return verdicts.join(below, on="conversation_id", how="left", maintain_order="left")


def happened_here(
    surviving: pl.DataFrame, edits: pl.DataFrame, refound: pl.DataFrame, fates: pl.DataFrame, used: UsedSet
) -> Iterator[pl.DataFrame]:
    """What of the ledger happened here; made when it is asked for, and kept by nobody else."""
    yield finding_entries(edits, refound, "curate")
    yield masking_entries(used.done())
    yield fate_entries(surviving, closed_as_copies(fates, used.copies()))


def found(stage: Stage[Params], policy: Policy, total: int) -> pl.DataFrame:
    """What the policy says of score's findings, where it says anything."""
    return judged(stage.read("scored/findings", where=can_decide(policy)), policy, total)


def close(
    stage: Stage[Params], policy: Policy, privacy: Privacy, surviving: pl.DataFrame, events: Iterable[pl.DataFrame]
) -> dict[str, int]:
    """Writes the ledger, the `events` of this stage and of those before it, and counts its closings."""
    quarantine, parts = stage.read("ingested/quarantine"), stage.read("ingested/parts")
    ledger = in_order(
        [
            part_entries(parts),
            quarantine_entries(quarantine, privacy.countries),
            copy_entries(stage.read("dedup/clusters", where=COPY)),
            finding_entries(surviving, found(stage, policy, surviving.height), "score"),
            *events,
        ]
    )
    raw = (stage.read(table, ["row_id"])["row_id"] for table in RAW)
    assert_law(ledger, pl.concat(raw))
    stage.write("ledger", ledger)
    return counts(ledger)


def with_messages(stage: Stage[Params], wanted: pl.DataFrame) -> pl.DataFrame:
    """The whole records of some of the rows, in the order of their ids."""
    if wanted.is_empty():
        return SCHEMA.to_frame()
    return pl.concat(wanted_parts(stage, wanted)).sort("conversation_id")


def wanted_parts(stage: Stage[Params], wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The whole records of some of the rows, part by part."""
    for part in stage.parts(CONVERSATIONS):
        yield among(part, wanted, "row_id")


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
    for part in wanted_parts(stage, surviving.select("row_id")):
        yield accepted(part, fates)
    yield corrected(edits, fates)


def put_away(stage: Stage[Params], read: Used, used: UsedSet, policy: Policy, privacy: Privacy) -> None:
    """What becomes of all rows that are `read`, put into `used` and remembered for the next run."""
    kinds, model = sorted(policy.masked_kinds), contents(privacy.name_model)
    version = version_of("curate", kinds, privacy, model, policy.facts, policy.confirmed_facts)
    remembered = stage.memory.recall_parts(ROWS, version)
    prepare = partial(maker, kinds, privacy, policy.facts, policy.confirmed_facts)
    with stage.memory.keeping(ROWS, version, REMEMBERED) as keep:
        for part in made_parts(stage, read, remembered, prepare):
            used.put(part)
            keep(part)
    stage.memory.forget_but([ROWS])


def made_parts(
    stage: Stage[Params], read: Used, remembered: Iterable[pl.DataFrame], prepare: OfTable[pl.DataFrame]
) -> Iterator[pl.DataFrame]:
    """REMEMBERED of all rows that are `read`, part by part: first of those that an earlier run saw."""
    here = pl.concat(keyed(part).select(KEY) for part in read())
    known = [here.clear()]
    for part in known_parts(remembered, here):
        known.append(part.select(KEY))
        yield part
    new = here.join(pl.concat(known), on=KEY, how="anti")
    if new.height:
        unseen = (among(keyed(part), new, KEY) for part in read())
        made = map_parts(prepare, unseen, CHUNK, stage.machine, new.height >= LARGE)
        yield from stage.progress(made, "masking, looking for facts", -(-new.height // CHUNK), "thousand rows")


def known(stage: Stage[Params], stated: pl.DataFrame, least: float, privacy: Privacy) -> pl.DataFrame:
    """What the replies state, written as a table and as a spreadsheet: FACTS."""
    facts = knowledge(stated, least, privacy.countries)
    stage.write("facts/facts", facts)
    with stage.output("data/facts/facts.csv") as file:
        file.write_text(as_csv(facts), "utf-8", newline="")
    return facts


if __name__ == "__main__":
    main()
