"""qirat review push: Argilla holds what the queue holds, less what is decided."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from curation.decision import PATH, read_decisions
from curation.review.argilla_client import Present, ReviewServer
from curation.review.records import Countries, Record, records
from curation.stage import finished_table, progress


@dataclass(frozen=True)
class Plan:
    """What a push changes. Answered records, drafts included, are never touched."""

    new: list[Record]
    changed: list[Record]  # same conversation, other doubts or another rank
    retired: list[str]  # Argilla's ids of records that nobody answered and the queue has no more
    unchanged: int


def push(server: ReviewServer, countries: Countries) -> Plan:
    """Carries out the plan and returns what was done; nothing changed means nothing written."""
    decided = [decision.conversation_id for decision in read_decisions()] if PATH.exists() else []
    queue = affordable(finished_table("routed/queue", "route"), decided)
    wanted = records(queue, finished_table("ingested/conversations", "ingest"), countries)
    server.make_dataset()
    found = plan(wanted, server.present())
    retired = retire(server, found.retired)
    server.write([*found.new, *found.changed])
    return replace(found, retired=retired)


def retire(server: ReviewServer, ids: Iterable[str]) -> list[str]:
    """Deletes records, and returns which. Each is looked at just before: Argilla deletes a record with its answers."""
    retired = []
    for key in progress(ids, "review: retiring records", unit="records"):
        if not server.answered(key):
            server.delete(key)
            retired.append(key)
    return retired


def affordable(queue: pl.DataFrame, decided: Sequence[str]) -> pl.DataFrame:
    """The undecided rows that the budget pays for: held ones move up as decisions come in."""
    budget = queue.filter(verdict="review").height
    return queue.filter(~pl.col("conversation_id").is_in(decided)).sort("rank").head(budget)


def plan(wanted: Sequence[Record], present: Collection[Present]) -> Plan:
    """What must change in Argilla for it to show the wanted records."""
    untouched = {p.record["external_id"]: p for p in present if not p.responses}
    known = {p.record["external_id"] for p in present}
    new = [record for record in wanted if record["external_id"] not in known]
    changed = [
        record for record in wanted if (p := untouched.get(record["external_id"])) is not None and p.record != record
    ]
    retired = [untouched[gone].id for gone in sorted(untouched.keys() - {record["external_id"] for record in wanted})]
    return Plan(new, changed, retired, unchanged=len(wanted) - len(new) - len(changed))
