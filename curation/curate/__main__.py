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
from curation.curate.facts import FINISHED
from curation.curate.fates import accepted, closed_as_copies, corrected, decided
from curation.curate.knowledge import as_csv, counted, knowledge
from curation.curate.rows import KEY, REMEMBERED, Used, keyed, known_parts, maker
from curation.curate.used import UsedSet, Written
from curation.decisions.decisions import PATH, read_decisions
from curation.harness.engine import OfTable, map_parts
from curation.harness.memory import contents, version_of
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.policy.limits import Policy, Route, in_force
from curation.policy.queue import BELOW_LIMIT
from curation.policy.verdicts import causes, judged
from curation.privacy.params import Privacy

CONVERSATIONS = "ingested/conversations"
ROWS = "rows"  # the name under which is remembered what rows become by themselves
CHUNK = 1_000  # conversations that a process reads in one go
LARGE = 8_000  # conversations from which starting processes pays
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
            used, written = UsedSet(folder, surviving.height), Written()
            put_away(stage, partial(used_parts, stage, surviving, edits, fates), used, policy, privacy)
            stage.write_parts("curated/conversations", written.passing(used.distinct_parts()), FINISHED)
        ledger = closed(
            pl.concat([ids["row_id"], quarantine["row_id"], parts["row_id"]]),
            part_entries(parts),
            quarantine_entries(quarantine, privacy.countries),
            copy_entries(clusters),
            finding_entries(surviving, found, "score"),
            finding_entries(edits, refound, "curate"),
            masking_entries(used.done()),
            fate_entries(surviving, closed_as_copies(fates, used.copies())),
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
        unseen = (keyed(part).join(new, on=KEY, how="semi") for part in read())
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
