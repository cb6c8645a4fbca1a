"""Decide from the findings: accept, review or reject; line up what people should see.  python -m curation.route"""

import polars as pl

from curation.harness.files import table_path
from curation.harness.stage import Stage
from curation.policy.limits import Route, in_force
from curation.policy.queue import grouped, in_turn, language_shares, queue, ties, with_blind_samples
from curation.policy.verdicts import judged, too_common, verdicts
from curation.record.codes import CODES, read_codes
from curation.record.conversation import survivors


def main() -> None:
    """Policy over findings, and the review queue in the order of expected effect."""
    with Stage("route", Route) as stage:
        policy = in_force(stage.params, read_codes(stage.input(CODES)))
        read = stage.read("ingested/conversations", ["row_id", "conversation_id", "language"])
        rows, scored = survivors(read, stage.read("dedup/clusters")), stage.read("scored/findings")
        findings = judged(scored, policy, rows.height)
        for code, share in too_common(scored, policy, rows.height).items():
            stage.say(f"{code} is seen in {share:.0%} of the rows: a note on the set, it decides nothing")
        decided = verdicts(rows, findings, policy)
        line = queue(decided, findings)
        conversations = pl.scan_parquet(stage.input(table_path("ingested/conversations")))
        spoken = conversations.join(line.lazy(), on="conversation_id", how="semi")
        doubtful = spoken.select("conversation_id", "messages").collect().unique("conversation_id")
        line = grouped(line, ties(stage.read("dedup/pairs"), findings, read, doubtful))
        line = in_turn(line, rows, language_shares(rows))

        stage.write("routed/verdicts", decided)
        stage.write("routed/queue", with_blind_samples(line, decided, policy.blind))
        counts = dict(decided["verdict"].value_counts().iter_rows())
        stage.write_metrics({name: counts.get(name, 0) for name in ("accept", "review", "held", "reject")})


if __name__ == "__main__":
    main()
