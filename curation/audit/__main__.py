"""Spoil some of the run's own rows in a shadow copy and count what the checks find.  python -m curation.audit"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl
from pydantic import Field

from curation.audit.recall import RECALL, Judge, recall
from curation.audit.rows import Row
from curation.audit.shadow import as_record, replacing, shadow_id, spoilt, vectors_beside
from curation.checks import checks, seen
from curation.checks.check import Check, Context, Score
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.policy.limits import Route, in_force
from curation.privacy.params import Privacy
from curation.record.codes import CODES, read_codes
from curation.record.conversation import as_taught, survivors
from curation.record.draw import fair_order
from curation.record.playbook import Playbook
from curation.similarity.sentences import Embed

LEAST = 4_000  # rows among which rows are compared, where there are so many: with fewer, models of the set see less


class Audit(Params):
    """params.yaml: audit"""

    share: float = Field(ge=0, le=1)  # of the rows, and so about of score's time; 0: off
    seed: int


def main() -> None:
    """How many of each planted defect the checks find in this set, by language. The spoilt rows are written nowhere."""
    with Stage("audit", Audit) as stage:
        params = stage.params
        table = pl.DataFrame(schema=RECALL)
        if params.share:
            table = audited(stage)
        else:
            stage.say("audit.share is 0: what the checks miss in this set is not measured")
        stage.write("audited/recall", table)
        for line in told(table):
            stage.say(line)
        cells = {
            f"{kind}_{language}": share for kind, language, share in table["kind", "language", "share"].iter_rows()
        }
        totals = {name: int(table[name].sum()) for name in ("planted", "found", "blind")}
        stage.write_metrics({**totals, **cells})


def audited(stage: Stage[Audit]) -> pl.DataFrame:
    """RECALL of the checks, by their limits in force."""
    surviving = as_taught(survivors(stage.read("ingested/conversations"), stage.read("dedup/clusters")))
    policy = in_force(stage.section("route", Route), read_codes(stage.input(CODES)))
    judge = Judge(policy, stage.read("scored/findings"), surviving.height)
    context = context_of(stage)

    beside = fair_order(surviving, stage.params.seed).head(max(LEAST, int(stage.params.share * surviving.height)))
    rows = spoilt(beside, judge.serious()["conversation_id"], context.params.languages, stage.params.seed)
    if not rows:
        return pl.DataFrame(schema=RECALL)
    running = checks(context.params.skip).values()
    alone = seen(as_record(rows, beside), replace(context, vectors=None), [c for c in running if not c.whole_set])
    found = judge.found(rows, alone)

    left = [row for row in rows if shadow_id(row) not in found]
    together = stage.progress([c for c in running if c.whole_set], "comparing rows", unit="checks")
    compared = seen_among(beside, left, context, together, stage.section("embed", Embed))
    return recall(rows, found | judge.found(left, compared))


def context_of(stage: Stage[Audit]) -> Context:
    """What checks may look at, as score has it, but for language models: nobody is asked about rows that never were."""
    vectors = stage.read("embedded/vectors")
    return Context(
        stage.section("score", Score),
        stage.section("privacy", Privacy),
        Playbook.load(stage.input("playbook.yaml")),
        vectors if vectors.height else None,
        stage.read("ingested/evaluation"),
    )


def seen_among(
    conversations: pl.DataFrame, rows: Sequence[Row], context: Context, which: Iterable[Check], embed: Embed
) -> pl.DataFrame:
    """FINDINGS of checks that compare rows, over the conversations with the spoilt rows in their places.

    Only rows that nothing has found so far come here: a set with few spoilt rows is like the one that was scored.
    """
    spoilt_rows = as_record(rows, conversations)
    if context.vectors is not None:
        vectors = vectors_beside(context.vectors, conversations, spoilt_rows, embed.model, embed.characters)
        context = replace(context, vectors=vectors)
    return seen(replacing(conversations, rows, spoilt_rows), context, which)


def told(table: pl.DataFrame) -> list[str]:
    """What a person should know of it, a sentence each."""
    lines = (
        [f"{table['found'].sum():,} of {table['planted'].sum():,} planted defects were found"] if table.height else []
    )
    return lines + [
        f"blind here: of {row['kind']} in {row['language']}, {row['found']} of {row['planted']} were found, so at most "
        f"{row['high']:.0%} are"
        for row in table.filter("blind").iter_rows(named=True)
    ]


if __name__ == "__main__":
    main()
