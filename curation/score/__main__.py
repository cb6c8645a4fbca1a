"""Run every check over the survivors; observe, decide nothing.  python -m curation.score"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from curation.checks import checks
from curation.checks.check import Context, Score, in_order
from curation.harness.stage import Stage
from curation.ingest.evaluation import read_evaluation_sets
from curation.record.conversation import survivors
from curation.record.playbook import Playbook
from curation.score.notes import notes
from curation.score.rows import ALONE, looked_at
from curation.score.sets import findings_by_set


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

        seen = looked_at(stage, standing, context, alone, {check.reads for check in together if check.reads})
        by_row = seen.pop(ALONE)
        comparing = stage.progress(together, "comparing rows", unit="checks")
        by_set = findings_by_set(stage, standing, replace(context, readings=seen), comparing)
        found = in_order([by_row, by_set])
        noted = notes(standing, context)

        stage.write("scored/findings", found)
        stage.write("scored/notes", noted)
        for evidence in noted["evidence"]:
            stage.say(evidence)
        per_code = dict(found.group_by("code").agg(pl.col("conversation_id").n_unique()).sort("code").iter_rows())
        of_set = dict(noted.select("code", "value").iter_rows())
        stage.write_metrics({"conversations": standing.height, "findings": found.height, **per_code, **of_set})


if __name__ == "__main__":
    main()
