"""The one place that talks to Argilla. Settings and users go through its client; records go over its HTTP interface,
because the client does not know when an answer was given.
"""

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from curation.review.answers import Answer
from curation.review.form import GUIDELINES, Review, settings
from curation.review.records import Record
from curation.review.server.process import Address
from curation.stage import QiratError, progress

Item = TypeVar("Item")

_READ, _WRITE = 500, 200  # records a request; Argilla takes 1,000 and 500


@dataclass(frozen=True)
class Present:
    """A record as Argilla holds it. A draft and a discarded response are responses too: somebody has looked."""

    id: str
    record: Record
    status: str  # pending or completed
    responses: tuple[dict[str, Any], ...]


class ReviewServer:
    """An Argilla server, looked at as the place of one review data set."""

    def __init__(self, address: Address, params: Review) -> None:
        import argilla

        self._params = params
        with _plainly(address.url):
            self._client: Any = argilla.Argilla(address.url, address.api_key, retries=1)

    # -- the data set --------------------------------------------------------------------------------------------

    def make_dataset(self) -> None:
        """The workspace and the data set exist, as params and guidelines have them; a half made one is made anew."""
        import argilla

        with _plainly(self._client.api_url):
            if self._workspace_id() is None:
                argilla.Workspace(self._params.workspace, client=self._client).create()
            found = self._dataset()
            if found is not None and found["status"] == "draft":
                self._request("DELETE", f"datasets/{found['id']}")
                found = None
            if found is None:
                argilla.Dataset(
                    self._params.dataset, self._params.workspace, settings(self._params), client=self._client
                ).create()
                return
            wanted = {
                "guidelines": GUIDELINES.read_text("utf-8"),
                "distribution": {"strategy": "overlap", "min_submitted": self._params.min_submitted},
            }
            if found | wanted != found:
                self._request("PATCH", f"datasets/{found['id']}", json=wanted)

    def present(self) -> list[Present]:
        """Every record of the data set with its answers; empty when there is no data set yet."""
        dataset = self._dataset()
        if dataset is None:
            return []
        place, total = f"datasets/{dataset['id']}/records", 1
        found: dict[str, Present] = {}
        offset = 0
        while offset < total:
            page = self._request("GET", place, params={"offset": offset, "limit": _READ, "include": "responses"})
            total, offset = page["total"], offset + _READ
            found.update((item["id"], _present(item)) for item in page["items"])
        if len(found) != total:
            raise QiratError("records came or went while Argilla was read; run this again")
        return list(found.values())

    def write(self, records: Sequence[Record]) -> None:
        """Creates records, or replaces what is shown of those that exist."""
        place = self._place()
        for batch in progress(_batches(records, _WRITE), "review: writing records", unit="batches"):
            self._request("PUT", f"{place}/bulk", json={"items": batch})

    def answered(self, key: str) -> bool:
        """Whether the record of this id has a response at this moment, drafts and discarded ones included."""
        return bool(self._request("GET", f"records/{key}")["responses"])

    def delete(self, key: str) -> None:
        """Removes the record of this id, and all responses to it."""
        self._request("DELETE", f"records/{key}")

    # -- people --------------------------------------------------------------------------------------------------

    def usernames(self) -> dict[str, str]:
        """User id -> name."""
        with _plainly(self._client.api_url):
            return {str(user.id): user.username for user in self._client.users}

    def add_annotator(self, name: str) -> str:
        """Makes the annotator and returns the password, which is nowhere else to be had."""
        import argilla

        self.make_dataset()
        if name in self.usernames().values():
            raise QiratError(f"there is a user {name!r} already; choose another name")
        password = secrets.token_urlsafe(12)
        with _plainly(self._client.api_url):
            user = argilla.User(name, role="annotator", password=password, client=self._client).create()
            self._request("POST", f"workspaces/{self._workspace_id()}/users", json={"user_id": str(user.id)})
        return password

    # -- below ---------------------------------------------------------------------------------------------------

    def _place(self) -> str:
        dataset = self._dataset()
        assert dataset, "make_dataset() comes first"
        return f"datasets/{dataset['id']}/records"

    def _dataset(self) -> dict[str, Any] | None:
        workspace = self._workspace_id()
        for item in self._request("GET", "me/datasets")["items"]:
            if item["name"] == self._params.dataset and item["workspace_id"] == workspace:
                found: dict[str, Any] = item
                return found
        return None

    def _workspace_id(self) -> str | None:
        names = {item["name"]: item["id"] for item in self._request("GET", "me/workspaces")["items"]}
        return names.get(self._params.workspace)

    def _request(self, method: str, place: str, **details: Any) -> Any:
        with _plainly(self._client.api_url):
            answer = self._client.http_client.request(method, f"/api/v1/{place}", **details)
            if answer.is_error:
                raise QiratError(f"Argilla at {self._client.api_url} refused {method} {place}: {answer.text[:500]}")
            return answer.json() if answer.content else None


def answers(present: Iterable[Present], usernames: dict[str, str]) -> list[Answer]:
    """The submitted answers; drafts and discarded ones say nothing."""
    return [
        Answer(
            conversation_id=record.record["external_id"],
            annotator=usernames.get(response["user_id"], response["user_id"]),
            decision=_value(response, "decision"),
            reasons=tuple(_value(response, "reasons") or ()),
            corrected=_value(response, "corrected") or "",
            label=_value(response, "label") or "",
            at=_utc(response["updated_at"]),
        )
        for record in present
        for response in record.responses
        if response["status"] == "submitted"
    ]


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _present(item: dict[str, Any]) -> Present:
    record = {name: item[name] for name in ("external_id", "fields", "metadata")}
    return Present(item["id"], record, item["status"], tuple(item["responses"]))


def _value(response: dict[str, Any], question: str) -> Any:
    return (response["values"] or {}).get(question, {}).get("value")


def _utc(moment: str) -> str:
    """Argilla's times are UTC, with or without saying so."""
    time = datetime.fromisoformat(moment)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


@contextlib.contextmanager
def _plainly(url: str) -> Iterator[None]:
    """What can go wrong between here and there, in a sentence."""
    import argilla
    import httpx

    try:
        yield
    except httpx.TransportError as error:
        raise QiratError(
            f"no Argilla answers at {url} ({error}); start it, or set QIRAT_ARGILLA_URL to where it is"
        ) from None
    except argilla._exceptions.ArgillaError as error:
        raise QiratError(f"Argilla at {url}: {error}") from None
