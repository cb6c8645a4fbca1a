"""Decide from the findings: accept, review or reject; line up what people should see.  python -m curation.route"""

import polars as pl

from curation.core.record.codes import CODES, read_codes
from curation.core.record.conversation import SURVIVING, survivors
from curation.harness.stage import Stage
from curation.policy.floods import floods, sentence
from curation.policy.limits import Route, expecting, in_force
from curation.policy.queue import (
    BELOW_LIMIT,
    copied,
    doubted_turns,
    grouped,
    in_turn,
    language_shares,
    queue,
    ties,
    with_blind_samples,
)
from curation.policy.spare import spare
from curation.policy.verdicts import can_decide, judged, places, too_common, verdicts

CONVERSATIONS = "ingested/conversations"
FINDING = ("conversation_id", "code", "value", "threshold", "turn", "evidence")  # what is decided by
A_ROW = 1_000  # bytes of memory that a row takes: its id, its findings, its verdict, its place in the queue
OF_ROWS = ("accept", "review", "held", "reject")


def main() -> None:
    """Policy over findings, and the review queue in the order of expected effect."""
    with Stage("route", Route) as stage:
        policy = in_force(stage.params, read_codes(stage.input(CODES)))
        policy = expecting(policy, stage.read("scored/notes"))
        stage.refuse_too_little(CONVERSATIONS, A_ROW)
        scored = stage.read("scored/findings", FINDING, can_decide(policy))
        rows = surviving(stage)
        too_many = floods(rows, scored.drop("turn", "evidence"), policy)  # while nothing else is held
        findings = judged(scored, policy, rows.height)
        for code, share in too_common(scored, policy, rows.height).items():
            stage.say(f"{code} is seen in {share:.0%} of the rows: a note on the set, it decides nothing")
        decided = verdicts(rows, findings, policy)
        line = queue(decided, findings)
        seen = findings.select("conversation_id", "turn", "severity").join(line, on="conversation_id", how="semi")
        said = doubted_turns(stage.parts(CONVERSATIONS, ["conversation_id", "messages"]), seen)
        line = grouped(line, ties(stage.read("dedup/pairs"), findings, earlier(stage, findings), said))
        line = in_turn(line, rows, language_shares(rows))
        next_ones = spare(rows, findings, decided, policy)

        stage.write("routed/verdicts", decided)
        stage.write("routed/queue", with_blind_samples(pl.concat([line, next_ones]), decided, policy.blind))
        stage.write("routed/floods", too_many)
        counts = dict(decided["verdict"].value_counts().iter_rows()) | {BELOW_LIMIT: next_ones.height}
        stage.write_metrics({name: counts.get(name, 0) for name in (*OF_ROWS, BELOW_LIMIT)})
        for flood in too_many.iter_rows(named=True):
            stage.say(sentence(flood, places(policy, rows.height)))


def surviving(stage: Stage[Route]) -> pl.DataFrame:
    """conversation_id and language of the survivors, in the order of the ids."""
    read = stage.read(CONVERSATIONS, ["row_id", "conversation_id", "language"])
    return survivors(read, stage.read("dedup/clusters", SURVIVING)).drop("row_id")


def earlier(stage: Stage[Route], findings: pl.DataFrame) -> pl.DataFrame:
    """row_id and conversation_id of the rows that semantic copies name."""
    named = copied(findings)["evidence"].drop_nulls().unique()
    return stage.read(CONVERSATIONS, ["row_id", "conversation_id"], pl.col("row_id").is_in(named.implode()))


if __name__ == "__main__":
    main()
