"""datatrove over texts.jsonl of the working folder with the operators of benchmarks.speed; in datatrove's environment.

python datatrove_speed.py
"""

from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig

TASKS = 2


def main() -> None:
    config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)
    texts = JsonlReader("texts", compression=None)
    filters = [GopherRepetitionFilter(), GopherQualityFilter(), PIIFormatter()]
    steps = {
        "signatures": (TASKS, [texts, MinhashDedupSignature("signatures", config=config)]),
        "buckets": (config.num_buckets, [MinhashDedupBuckets("signatures", "buckets", config=config)]),
        "cluster": (1, [MinhashDedupCluster("buckets", "remove", config=config)]),
        "rest": (TASKS, [texts, MinhashDedupFilter("remove"), *filters, JsonlWriter("out", compression=None)]),
    }
    for name, (tasks, pipeline) in steps.items():
        logs = str(Path("logs") / name)
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=TASKS, logging_dir=logs).run()


if __name__ == "__main__":
    main()
