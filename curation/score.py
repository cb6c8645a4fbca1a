"""Run every check over the survivors; observe, decide nothing.  python -m curation.score"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from curation.checks import FINDINGS, Check, Context, Score, checks, findings, in_order
from curation.conversation import survivors
from curation.evaluation_sets import read_evaluation_sets
from curation.notes import notes
from curation.playbook import Playbook
from curation.stage import Stage, version_of
from curation.workers import packed, spread, unpacked

CHUNK = 1_000  # conversations that a process looks at in one go
LARGE = 8_000  # conversations from which starting processes pays


def main() -> None:
    """Findings of all checks over all surviving conversations, and notes on the set as a whole."""
    with Stage("score", Score) as stage:
        standing = survivors(stage.read("ingested/conversations"), stage.read("dedup/clusters"))
        vectors = stage.read("embedded/vectors")
        context = Context(
            stage.params,
            Playbook.load(stage.input("playbook.yaml")),
            vectors if vectors.height else None,
            read_evaluation_sets(stage.input(Path("data/evaluation"))),
        )
        alone = [check for check in checks().values() if not check.whole_set]
        together = [check for check in checks().values() if check.whole_set]

        by_row = findings_by_row(stage, standing, context, alone)
        by_set = findings(standing, context, stage.progress(together, "comparing rows", unit="checks"))
        found = in_order([by_row, by_set])
        noted = notes(standing, context)

        stage.write("scored/findings", found)
        stage.write("scored/notes", noted)
        for evidence in noted["evidence"]:
            stage.say(evidence)
        per_code = dict(found.group_by("code").agg(pl.col("conversation_id").n_unique()).sort("code").iter_rows())
        of_set = dict(noted.select("code", "value").iter_rows())
        stage.write_metrics({"conversations": standing.height, "findings": found.height, **per_code, **of_set})


def findings_by_row(
    stage: Stage[Score], standing: pl.DataFrame, context: Context, which: Sequence[Check]
) -> pl.DataFrame:
    """FINDINGS of checks that judge a row by itself; rows that an earlier run looked at are not looked at again.

    What is remembered: a row for each finding, and one without a check for each conversation that has none.
    """
    options = context.params.model_dump(mode="json", exclude={"workers"})
    evaluation = context.evaluation.hash_rows().to_list()
    version = version_of({check.name: check.version for check in which}, options, context.playbook, evaluation)
    here = standing.select("conversation_id", row=pl.struct(pl.all()).hash())  # label, language, ... count as the words

    remembered = stage.remembered("rows", version)
    known = pl.DataFrame(schema={**here.schema, **FINDINGS}) if remembered is None else remembered
    known = known.join(here, on=["conversation_id", "row"], how="semi")
    unseen = standing.join(known, on="conversation_id", how="anti")
    starts = range(0, unseen.height, CHUNK)
    parts = spread(
        partial(_look, which, replace(context, vectors=None)),
        (packed(unseen, start, CHUNK) for start in starts),
        context.params.workers,
        unseen.height >= LARGE,
    )
    fresh = in_order(stage.progress(parts, "looking at rows", len(starts), "thousand rows"))
    found = in_order([known.filter(pl.col("check").is_not_null()).select(FINDINGS.names()), fresh])
    stage.remember("rows", version, here.join(found, on="conversation_id", how="left"))
    stage.forget_but(["rows"])
    return found


def costs(conversations: pl.DataFrame, context: Context) -> dict[str, float]:
    """CPU milliseconds that each check takes for 1,000 conversations, without what it loads once."""
    for check in checks().values():
        check(conversations.head(20), context)
    found = {}
    for name, check in checks().items():
        started = time.process_time()
        check(conversations, context)
        found[name] = 1e6 * (time.process_time() - started) / max(conversations.height, 1)
    return found


def _look(which: Sequence[Check], context: Context) -> Callable[[bytes], pl.DataFrame]:
    """What a worker does with a chunk."""
    return lambda chunk: findings(unpacked(chunk), context, which)


if __name__ == "__main__":
    main()
