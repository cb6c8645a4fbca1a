"""A review server in memory: what ReviewServer promises, without Argilla."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from curation.review.present import Present
from curation.review.records import Record


class FakeServer:
    """Records and responses by id. `before_look(id)` runs just before a record is looked at again."""

    def __init__(self, *present: Present, before_look: Callable[[str], None] = lambda key: None) -> None:
        self.held = {p.id: p for p in present}
        self.before_look = before_look

    def make_dataset(self) -> None: ...

    def claim(self, held: Iterable[Present], conversations: Collection[str]) -> None: ...

    def make_vectors(self, dimensions: int) -> None: ...

    def present(self) -> list[Present]:
        return list(self.held.values())

    def write(self, records: Sequence[Record]) -> None:
        for record in records:
            key = f"argilla-{record['external_id']}"
            before = self.held.get(key)
            kept = record["corrected"] or (before and before.corrected)
            written = present(record["external_id"], record["metadata"], kept)
            self.held[key] = replace(written, responses=before.responses if before else ())

    def clear_suggestions(self, records: Iterable[Present]) -> None:
        for p in records:
            self.held[p.id] = replace(self.held[p.id], corrected=None)

    def set_aside(self, records: Sequence[Present], rank: int) -> None:
        for p in records:
            metadata = {**p.metadata, "aside": True, "digest": "", "rank": rank}
            self.held[p.id] = replace(self.held[p.id], metadata=metadata, updated_at=datetime.now(UTC).isoformat())

    def delete_unanswered(self, ids: Sequence[str]) -> list[str]:
        deleted = []
        for key in ids:
            self.before_look(key)
            if not self.held[key].responses:
                del self.held[key]
                deleted.append(key)
        return deleted

    def take_back(self, record: Present, response: Mapping[str, Any]) -> bool:
        before = self.held[record.id]
        left = tuple(one for one in before.responses if one != response)
        self.held[record.id] = replace(before, responses=left)
        return len(left) < len(before.responses)

    def usernames(self) -> Mapping[str, str]:
        return {"u1": "sara", "u2": "omar"}

    def answer(self, key: str, status: str, **values: Any) -> None:
        """Somebody answers."""
        p = self.held[key]
        self.held[key] = replace(p, responses=(*p.responses, response(status, **values)))


def present(
    external_id: str, metadata: Mapping[str, Any], corrected: str | None = None, responses: Sequence[Any] = ()
) -> Present:
    """A record as Argilla holds it."""
    moment = "2026-01-05T10:00:00+00:00"
    suggested = ("s",) if corrected else ()
    key = f"argilla-{external_id}"
    return Present(key, external_id, metadata, corrected, suggested, "pending", moment, tuple(responses))


def response(status: str, user: str = "u1", **values: Any) -> dict[str, Any]:
    """A response as Argilla gives it."""
    given = {name: {"value": value} for name, value in values.items()}
    moments = {"inserted_at": "2026-01-05T09:58:00", "updated_at": "2026-01-05T10:00:00"}
    return {"status": status, "user_id": user, "values": given or None, **moments}
