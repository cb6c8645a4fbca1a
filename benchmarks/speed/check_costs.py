"""What each check costs on the conversations of the working folder, as JSON on standard output.

python -m benchmarks.speed.check_costs
"""

import json
import sys
import time
from pathlib import Path

import polars as pl

from curation.checks import checks
from curation.checks.check import Context, Score
from curation.core.record.conversation import survivors
from curation.core.record.playbook import Playbook
from curation.harness.params import load_params
from curation.privacy.params import Privacy
from curation.similarity.vectors import Vectors


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


def main() -> None:
    """Milliseconds of CPU per 1,000 conversations, by check."""
    tables = {name: pl.read_parquet(f"data/{name}.parquet") for name in ("ingested/conversations", "dedup/clusters")}
    context = Context(
        load_params("score", Score),
        load_params("privacy", Privacy),
        Playbook.load(Path("playbook.yaml")),
        Vectors.of(pl.read_parquet("data/embedded/vectors.parquet")),
        pl.read_parquet("data/ingested/evaluation.parquet"),
    )
    found = costs(survivors(*tables.values()), context)
    json.dump({name: round(milliseconds, 1) for name, milliseconds in sorted(found.items())}, sys.stdout)


if __name__ == "__main__":
    main()
