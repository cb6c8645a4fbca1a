"""qirat review push: Argilla holds what the line holds, less what is decided."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from curation.consensus.consensus import Review
from curation.core.record.codes import read_codes
from curation.core.record.playbook import Playbook
from curation.decisions.answers import Countries
from curation.harness.files import finished_table
from curation.harness.params import load_params
from curation.policy.limits import Route, in_force
from curation.review.asked_again import by_conversation
from curation.review.backend import Backend
from curation.review.lineup import Line, line_of_now
from curation.review.present import Present
from curation.review.records import Record, Shown, records
from curation.review.why import Meanings

PLAYBOOK = Path("playbook.yaml")
LAST = 1_000_000_000  # rank of what nobody needs
ASIDE_FOR = timedelta(days=1)  # longer than anybody has a page open


@dataclass(frozen=True)
class PushPlan:
    """What a push changes. Answered records, drafts included, are never touched."""

    new: list[Record]
    changed: list[Record]  # same conversation, other doubts or another rank
    cleared: list[Present]  # of the changed: had something to be edited, and have no more
    aside: list[Present]  # that nobody answered and the line has no more: marked and put last
    gone: list[str]  # Argilla's ids of those to delete: long aside, or of a conversation that the data has no more
    unchanged: int
    by_hand: int = 0  # records that somebody made in Argilla; they stay as they are


def push(server: Backend, params: Review, countries: Countries) -> PushPlan:
    """Carries out the plan and returns what was done; nothing changed means nothing written.

    A push that was killed is ended by the next one: each batch is written whole or not at all, and by ids.
    """
    line = line_of_now(params, countries)
    vectors = finished_table("embedded/vectors")
    wanted = records(line.rows, line.conversations, countries, shown_now(line, params, vectors))

    server.make_dataset()
    if not vectors.is_empty():
        server.make_vectors(len(vectors["reply"][0]))
    known, held = {*line.conversations["conversation_id"]}, server.present()
    server.claim(held, known)
    return carried_out(server, plan(wanted, held, known, datetime.now(UTC)))


def shown_now(line: Line, params: Review, vectors: pl.DataFrame | None = None) -> Shown:
    """What is shown beside the words of the line's conversations, by the files as they lie there."""
    findings = finished_table("scored/findings", ["conversation_id", "code", "turn", "value"])
    codes = read_codes()
    if Path("params.yaml").exists():
        limits = in_force(load_params("route", Route), codes).limits
        codes = {name: code.model_copy(update={"limit": limits[name]}) for name, code in codes.items()}
    playbook = Playbook.load(PLAYBOOK) if PLAYBOOK.exists() else None
    again = by_conversation(line.again)
    return Shown(findings, vectors, Meanings(codes, playbook), again, give_back=params.min_submitted == 1)


def carried_out(server: Backend, found: PushPlan) -> PushPlan:
    """What was done of the plan: what somebody answered since it was made stays."""
    gone = server.delete_unanswered(found.gone)
    server.set_aside(found.aside, LAST)
    server.write([*found.new, *found.changed])
    server.clear_suggestions(found.cleared)
    return replace(found, gone=gone)


def plan(
    wanted: Sequence[Record], present: Collection[Present], conversations: Collection[str], now: datetime
) -> PushPlan:
    """What must change in Argilla for it to show the wanted records.

    Argilla cannot delete a record on condition that nobody answers it. So what is no longer wanted is first set aside,
    and deleted by a later push, when nobody can have it on the screen any more.
    """
    untouched = {p.external_id: p for p in present if p.external_id and not p.responses}
    known = {p.external_id for p in present}
    new = [record for record in wanted if record["external_id"] not in known]
    changed = [
        record
        for record in wanted
        if (p := untouched.get(record["external_id"])) and p.metadata.get("digest") != record["metadata"]["digest"]
    ]
    cleared = [p for r in changed if (p := untouched[r["external_id"]]).corrected and not r["corrected"]]
    left = sorted(untouched.keys() - {record["external_id"] for record in wanted})
    unwanted = [untouched[name] for name in left if untouched[name].is_ours]
    gone = {p.id: p for p in unwanted if p.conversation_id not in conversations or _is_over(p, now)}
    aside = [p for p in unwanted if p.id not in gone and not p.is_aside]
    unchanged = len(wanted) - len(new) - len(changed)
    by_hand = sum(not p.is_ours for p in present)
    return PushPlan(new, changed, cleared, aside, [*gone], unchanged, by_hand)


def _is_over(present: Present, now: datetime) -> bool:
    return present.is_aside and now - datetime.fromisoformat(present.updated_at) > ASIDE_FOR
