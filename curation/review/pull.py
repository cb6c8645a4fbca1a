"""qirat review pull: what people agreed on becomes decisions in data/review/decisions.jsonl."""

from dataclasses import dataclass

from curation.decision import PATH, read_decisions, write_decisions
from curation.review.answers import Consensus, consensus, merged
from curation.review.argilla_client import ReviewServer, answers
from curation.stage import finished_table


@dataclass(frozen=True)
class Pulled:
    """`written`: decisions that are new or newer than before; `total`: all in the file."""

    written: int
    total: int
    consensus: Consensus


def pull(server: ReviewServer, min_submitted: int) -> Pulled:
    """Reads all answers, weighs them, and writes the file if that decides anything new."""
    given = answers(server.present(), server.usernames())
    conversations = finished_table("ingested/conversations", "ingest").select("conversation_id", "messages")
    originals = dict(
        conversations.filter(conversations["conversation_id"].is_in([a.conversation_id for a in given])).iter_rows()
    )
    found = consensus(given, originals, min_submitted)
    before = read_decisions() if PATH.exists() else []
    after = merged(before, found.decisions)
    if after != before or not PATH.exists():
        write_decisions(after)
    return Pulled(sum(decision not in before for decision in after), len(after), found)
