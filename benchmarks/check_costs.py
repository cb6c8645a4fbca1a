"""What each check costs on the conversations of the working folder, as JSON on standard output.

python -m benchmarks.check_costs
"""

import json
import sys
from pathlib import Path

import polars as pl

from curation.checks import Context, Score
from curation.conversation import survivors
from curation.evaluation_sets import read_evaluation_sets
from curation.playbook import Playbook
from curation.score import costs
from curation.stage import load_params


def main() -> None:
    """Milliseconds of CPU per 1,000 conversations, by check."""
    tables = {name: pl.read_parquet(f"data/{name}.parquet") for name in ("ingested/conversations", "dedup/clusters")}
    context = Context(
        load_params("score", Score),
        Playbook.load(Path("playbook.yaml")),
        pl.read_parquet("data/embedded/vectors.parquet"),
        read_evaluation_sets(Path("data/evaluation")),
    )
    found = costs(survivors(*tables.values()), context)
    json.dump({name: round(milliseconds, 1) for name, milliseconds in sorted(found.items())}, sys.stdout)


if __name__ == "__main__":
    main()
