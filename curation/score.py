"""Run every check over the survivors; observe, decide nothing.  python -m curation.score"""

from pathlib import Path

import polars as pl

from curation.checks import Context, Score, checks, findings
from curation.conversation import survivors
from curation.evaluation_sets import read_evaluation_sets
from curation.playbook import Playbook
from curation.stage import Stage


def main() -> None:
    """Findings of all checks over all surviving conversations."""
    with Stage("score", Score) as stage:
        standing = survivors(stage.read("ingested/conversations"), stage.read("dedup/clusters"))
        context = Context(
            stage.params,
            Playbook.load(stage.input("playbook.yaml")),
            stage.read("embedded/vectors"),
            read_evaluation_sets(stage.input(Path("data/evaluation"))),
        )
        found = findings(standing, context, stage.progress(checks().values(), "checks", unit="checks"))

        stage.write("scored/findings", found)
        per_code = dict(found.group_by("code").agg(pl.col("conversation_id").n_unique()).sort("code").iter_rows())
        stage.write_metrics({"conversations": standing.height, "findings": found.height, **per_code})


if __name__ == "__main__":
    main()
