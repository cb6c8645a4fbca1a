"""qirat review pull: what people answered is kept, and what they agree on becomes decisions, both in data/review."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curation.decision import PATH, read_decisions, write_decisions
from curation.review import answers_file, insight
from curation.review.answers import Answer, Countries, Known
from curation.review.argilla_client import ReviewServer, answers
from curation.review.consensus import Consensus, consensus, latest, merged
from curation.review.form import Review
from curation.review.similar import standing
from curation.stage import atomic, finished_table

METRICS = Path("metrics/review.json")


@dataclass(frozen=True)
class Pulled:
    """`answers`: that are new or changed; `written`: decisions that are; `total`: decisions in the file."""

    answers: int
    written: int
    total: int
    consensus: Consensus


def pull(server: ReviewServer, params: Review, countries: Countries) -> Pulled:
    """Everything that the server's annotators submitted."""
    return received(answers(server.present(), server.usernames()), params, countries)


def received(given: Sequence[Answer], params: Review, countries: Countries) -> Pulled:
    """Answers from anywhere, put beside those known, weighed, and written with what follows from them.

    Answers come first, then the decisions, then the metrics: each follows from the files before it, so whatever a run
    that was stopped left unwritten, the next one writes.
    """
    known = answers_file.read_answers()
    all_ = answers_file.collected(known, given)
    if all_ != known or not answers_file.PATH.exists():
        answers_file.write_answers(all_)

    found = weighed(insight.reviewed(), params, countries)
    before = read_decisions() if PATH.exists() else []
    after = standing(merged(before, found.decisions))
    if after != before or not PATH.exists():
        write_decisions(after)

    write_metrics()
    new, fresh = set(all_) - set(known), [decision for decision in after if decision not in before]
    return Pulled(len(new), len(fresh), len(after), found)


def weighed(review: insight.Reviewed, params: Review, countries: Countries) -> Consensus:
    """What the answers come to, by the conversations and findings of the last run of the pipeline."""
    said = latest(review.answers)
    asked = pl.col("conversation_id").is_in(sorted({answer.conversation_id for answer in said}))
    conversations = finished_table("ingested/conversations", "ingest", ["conversation_id", "messages", "label"])
    originals = dict(conversations.filter(asked).select("conversation_id", "messages").iter_rows())
    known = Known(frozenset(conversations["label"].drop_nulls()), countries)
    return consensus(said, originals, params, review.chances(), review.gold, known)


def write_metrics() -> None:
    """metrics/review.json, by the files that lie there now."""
    numbers = insight.metrics(insight.insight(insight.reviewed()))
    text = json.dumps(numbers, indent=1, ensure_ascii=False) + "\n"
    if not METRICS.exists() or METRICS.read_text("utf-8") != text:
        with atomic(METRICS) as temporary:
            temporary.write_text(text, "utf-8")
