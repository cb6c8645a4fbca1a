"""The field of a file that says when each conversation began, and what is wrong with it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.core.record.times import TIMES_UNREAD
from curation.ingest.formats import Outcome
from curation.ingest.moments import moment, read_moments
from curation.ingest.provenance import ALIASES, METADATA, object_in, spelled, with_metadata
from curation.ingest.rows import Contents


@dataclass(frozen=True)
class TimeField:
    """A field of times, as the first rows show it."""

    name: str  # as the file spells it
    order: str  # of day, month and year, or SERIAL, where a value leaves it open and the first rows tell it; else ""
    open: str  # what is wrong where the order stays open

    def of(self, outcome: Outcome) -> Outcome:
        """The outcome with the time that its row says; metadata tells of one that cannot be read."""
        said = json.loads(outcome.provenance.get("metadata") or "{}")
        if said.get(self.name) is None or TIMES_UNREAD in said:
            return outcome
        time = moment(said[self.name], self.order)
        if time is None:
            wrong = read_moments([said[self.name]]).problem() or self.open
            return replace(
                outcome, provenance=with_metadata(outcome.provenance, **{TIMES_UNREAD: f"{self.name}: {wrong}"})
            )
        del said[self.name]
        found = {**outcome.provenance, "created_at": time, "metadata": canonical_json(said) if said else None}
        return replace(outcome, provenance=found)


def time_field(contents: Contents) -> TimeField | None:
    """The field, in the rows or their metadata, of the first name that counts; None where there is none."""
    rows = [dict(_fields(row.value)) for row in contents.sample if isinstance(row.value, dict)]
    present = {spelled(key): key for row in rows for key in row}
    name = next((present[alias] for alias in ALIASES["created_at"] if alias in present), None)
    if name is None:
        return None
    column = read_moments([row.get(name) for row in rows])
    is_open = column.else_times is not None
    return TimeField(name, "" if is_open else column.order, column.problem() if is_open else "")


def with_times(outcomes: Sequence[Outcome], field: TimeField | None) -> list[Outcome]:
    """The outcomes with the times that are still to be read."""
    if field is None:
        return list(outcomes)
    return [
        field.of(outcome) if outcome.messages and outcome.provenance.get("created_at") is None else outcome
        for outcome in outcomes
    ]


def _fields(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in METADATA:
        yield from object_in(row.get(key)).items()
    yield from row.items()
