"""datatrove's FineWeb pipeline over texts.jsonl of the working folder; runs in datatrove's own environment.

python datatrove_recipe.py en|ar recipe|copies
"""

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.typeshelper import Languages

LANGUAGES = {"en": Languages.english, "ar": Languages.arabic__arab}


def main() -> None:
    code, what = sys.argv[1:]
    language = LANGUAGES[code]
    quality = GopherQualityFilter(language=language, **({} if code == "en" else {"min_stop_words": None}))
    config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)
    filters = [
        GopherRepetitionFilter(language=language),
        quality,
        C4QualityFilter(filter_no_terminal_punct=False, language=language),
        FineWebQualityFilter(language=language),
    ]
    texts = JsonlReader(".", glob_pattern="texts.jsonl", compression=None)
    filtered = JsonlReader("filtered", compression=None)
    steps = {
        "filter": [texts, *(filters if what == "recipe" else []), JsonlWriter("filtered", compression=None)],
        "signatures": [filtered, MinhashDedupSignature("signatures", config=config, language=language)],
        "buckets": [MinhashDedupBuckets("signatures", "buckets", config=config)],
        "cluster": [MinhashDedupCluster("buckets", "remove", config=config)],
        "dedup": [filtered, MinhashDedupFilter("remove"), PIIFormatter(), JsonlWriter("out", compression=None)],
    }
    for name, pipeline in steps.items():
        tasks = config.num_buckets if name == "buckets" else 1
        logs = str(Path("logs") / name)
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=min(tasks, 2), logging_dir=logs).run()


if __name__ == "__main__":
    main()
