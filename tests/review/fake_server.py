"""A review server in memory: what ReviewServer promises, without Argilla."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curation.review.argilla_client import Present
from curation.review.records import Record


class FakeServer:
    """Records and responses by id. `before_look(id)` runs just before a record is looked at again."""

    def __init__(self, *present: Present, before_look: Callable[[str], None] = lambda key: None) -> None:
        self.held = {p.id: p for p in present}
        self.before_look = before_look

    def make_dataset(self) -> None: ...

    def present(self) -> list[Present]:
        return list(self.held.values())

    def write(self, records: Sequence[Record]) -> None:
        for record in records:
            key = f"argilla-{record['external_id']}"
            before = self.held.get(key)
            self.held[key] = Present(key, record, "pending", before.responses if before else ())

    def answered(self, key: str) -> bool:
        self.before_look(key)
        return bool(self.held[key].responses)

    def delete(self, key: str) -> None:
        del self.held[key]

    def usernames(self) -> Mapping[str, str]:
        return {"u1": "sara", "u2": "omar"}

    def answer(self, key: str, status: str, **values: Any) -> None:
        """Somebody answers."""
        p = self.held[key]
        self.held[key] = Present(p.id, p.record, p.status, (*p.responses, response(status, **values)))


def response(status: str, user: str = "u1", **values: Any) -> dict[str, Any]:
    """A response as Argilla gives it."""
    given = {name: {"value": value} for name, value in values.items()}
    return {"status": status, "user_id": user, "values": given or None, "updated_at": "2026-01-05T10:00:00"}
