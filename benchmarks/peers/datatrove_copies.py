"""datatrove's MinHash deduplication in its four steps over texts/*.jsonl; runs in datatrove's own environment.

python datatrove_copies.py PROCESSES
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter


def main() -> None:
    processes = int(sys.argv[1])
    config = MinhashConfig()  # shingles of 5 words, 14 buckets of 8 hashes
    texts = JsonlReader("texts", compression=None)
    went = JsonlWriter("went", compression=None)
    steps = [
        (processes, [texts, MinhashDedupSignature("signatures", config=config)]),
        (config.num_buckets, [MinhashDedupBuckets("signatures", "buckets", config=config)]),
        (1, [MinhashDedupCluster("buckets", "remove", config=config, save_cluster_id=True)]),
        (
            processes,
            [
                texts,
                MinhashDedupFilter("remove", exclusion_writer=went, load_cluster_ids=True),
                JsonlWriter("stayed", compression=None),
            ],
        ),
    ]
    for number, (tasks, pipeline) in enumerate(steps):
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=min(tasks, processes), logging_dir=f"logs/{number}").run()


if __name__ == "__main__":
    main()
