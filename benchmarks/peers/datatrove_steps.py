"""datatrove over the texts of the working folder, in its own environment and with its default MinHash.

copies     deduplication of texts/*.jsonl that says which rows are copies of one another
operators  those of benchmarks.speed over texts/*.jsonl
recipe     FineWeb's pipeline over texts.jsonl; near-copies: what of it comes after the filters

python datatrove_steps.py copies|operators|recipe|near-copies [en|ar]
"""

import sys

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
from datatrove.utils.typeshelper import Languages

LANGUAGES = {"en": Languages.english, "ar": Languages.arabic__arab}
CONFIG = MinhashConfig()  # shingles of 5 words, 14 buckets of 8 hashes
PROCESSES = 2


def main() -> None:
    what, code = sys.argv[1], (sys.argv[2:] or ["en"])[0]
    language, whole = LANGUAGES[code], what in ("copies", "operators")
    before, texts = [], JsonlReader("texts", compression=None)
    if not whole:
        filters = fineweb(code) if what == "recipe" else []
        given = JsonlReader(".", glob_pattern="texts.jsonl", compression=None)
        before = [(1, [given, *filters, JsonlWriter("filtered", compression=None)])]
        texts = JsonlReader("filtered", compression=None)
    tasks = PROCESSES if whole else 1
    steps = [
        *before,
        (tasks, [texts, MinhashDedupSignature("signatures", config=CONFIG, language=language)]),
        (CONFIG.num_buckets, [MinhashDedupBuckets("signatures", "buckets", config=CONFIG)]),
        (1, [MinhashDedupCluster("buckets", "remove", config=CONFIG, save_cluster_id=what == "copies")]),
        (tasks, [texts, *behind(what)]),
    ]
    for number, (tasks, pipeline) in enumerate(steps):
        workers = min(tasks, PROCESSES)
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=workers, logging_dir=f"logs/{number}").run()


def fineweb(code: str) -> list:
    language = LANGUAGES[code]
    return [
        GopherRepetitionFilter(language=language),
        GopherQualityFilter(language=language, **({} if code == "en" else {"min_stop_words": None})),
        C4QualityFilter(filter_no_terminal_punct=False, language=language),
        FineWebQualityFilter(language=language),
    ]


def behind(what: str) -> list:
    """What follows once the copies are known."""
    if what == "copies":
        went = JsonlWriter("went", compression=None)
        known = MinhashDedupFilter("remove", exclusion_writer=went, load_cluster_ids=True)
        return [known, JsonlWriter("stayed", compression=None)]
    filters = [GopherRepetitionFilter(), GopherQualityFilter()] if what == "operators" else []
    return [MinhashDedupFilter("remove"), *filters, PIIFormatter(), JsonlWriter("out", compression=None)]


if __name__ == "__main__":
    main()
