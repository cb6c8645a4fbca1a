"""An Argilla server as tests see it: over HTTP alone, so that any server can stand there."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from curation.review.embedded import process

LABELS = ("keep", "edit", "drop")


@dataclass(frozen=True)
class Api:
    """Argilla's HTTP interface with one person's key."""

    url: str
    key: str

    def ask(self, method: str, place: str, **details: Any) -> httpx.Response:
        """The answer, whatever it is."""
        headers = {"X-Argilla-Api-Key": self.key} | details.pop("headers", {})
        url = f"{self.url}/api/v1/{place}"
        return httpx.request(method, url, headers=headers, timeout=120, trust_env=False, **details)

    def get(self, place: str, **details: Any) -> Any:
        return _content(self.ask("GET", place, **details))

    def post(self, place: str, content: Any) -> Any:
        return _content(self.ask("POST", place, json=content))

    def put(self, place: str, content: Any = None) -> Any:
        return _content(self.ask("PUT", place, json=content))

    def delete(self, place: str) -> Any:
        return _content(self.ask("DELETE", place))

    def annotator(self, workspace: str, name: str | None = None) -> "Person":
        """A new annotator who is a member of the workspace."""
        name, password = name or f"a{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
        user = self.post("users", {"first_name": name, "username": name, "role": "annotator", "password": password})
        self.post(f"workspaces/{workspace}/users", {"user_id": user["id"]})
        return Person(self.url, user["api_key"], user["id"], name, password)


@dataclass(frozen=True)
class Person(Api):
    """An annotator."""

    id: str
    name: str
    password: str

    def answer(self, record: str, decision: str, status: str = "submitted") -> httpx.Response:
        values = {"decision": {"value": decision}}
        answer = {"record_id": record, "values": values, "status": status}
        return self.ask("POST", f"records/{record}/responses", json={k: answer[k] for k in ("values", "status")})


@contextlib.contextmanager
def served(home: Path) -> Iterator[Path]:
    """An embedded server on this home, for as long as the block runs."""
    process.serve_in_background(0, home)
    yield home
    process.stop(home)


def api_of(home: Path) -> Api:
    """The embedded server that runs on this home, as its owner."""
    return Api((home / "url").read_text(), process.credentials(home)["api_key"])


@dataclass(frozen=True)
class Dataset:
    """A data set shaped like those of review: a chat, a text, a decision, metadata, vectors of three numbers."""

    api: Api
    workspace: str
    id: str
    question: str

    @property
    def place(self) -> str:
        return f"datasets/{self.id}"

    def write(self, *records: dict[str, Any]) -> list[dict[str, Any]]:
        """Creates or replaces records; as they were returned."""
        written: list[dict[str, Any]] = self.api.put(f"{self.place}/records/bulk", {"items": records})["items"]
        return written

    def search(self, by: Api | None = None, offset: int = 0, limit: int = 50, **asked: Any) -> "Found":
        """Asks as `by`; without one as the owner, who sees everybody's answers."""
        place = f"me/{self.place}" if by else self.place
        page = {"offset": offset, "limit": limit}
        details = {"json": asked, "params": page}
        content = _content((by or self.api).ask("POST", f"{place}/records/search", **details))
        return Found(
            [item["record"]["external_id"] for item in content["items"]],
            [item["query_score"] for item in content["items"]],
            content["total"],
        )

    def text(self, q: str, field: str | None = None, **others: Any) -> set[str]:
        """What the words find."""
        return set(self.search(query={"text": {"q": q, "field": field}}, **others).ids)

    def filtered(self, *filters: dict[str, Any], by: Api | None = None) -> set[str]:
        """What passes all filters."""
        return set(self.search(by, filters={"and": filters}).ids)


@dataclass(frozen=True)
class Found:
    """External ids in order, their scores, and how many there are in all."""

    ids: list[str]
    scores: list[float]
    total: int


def dataset(api: Api, min_submitted: int = 1, dimensions: int = 3) -> Dataset:
    """A new one, in a workspace of its own."""
    name = f"t{uuid.uuid4().hex[:10]}"
    workspace = api.post("workspaces", {"name": name})["id"]
    distribution = {"strategy": "overlap", "min_submitted": min_submitted}
    made = api.post("datasets", {"name": name, "workspace_id": workspace, "distribution": distribution})
    place = f"datasets/{made['id']}"
    for field, kind in (("chat", "chat"), ("why", "text")):
        settings = {"type": kind, "use_markdown": True}
        api.post(f"{place}/fields", {"name": field, "title": field, "required": True, "settings": settings})
    options = [{"value": label, "text": label} for label in LABELS]
    question = {"name": "decision", "title": "decision", "required": True}
    question["settings"] = {"type": "label_selection", "options": options}
    question_id = api.post(f"{place}/questions", question)["id"]
    for metadata, kind in (("language", "terms"), ("rank", "integer"), ("priority", "float"), ("purpose", "terms")):
        seen = {"visible_for_annotators": metadata != "purpose", "settings": {"type": kind}}
        api.post(f"{place}/metadata-properties", {"name": metadata, "title": metadata, **seen})
    api.post(f"{place}/vectors-settings", {"name": "words", "title": "words", "dimensions": dimensions})
    api.put(f"{place}/publish")
    return Dataset(api, workspace, made["id"], question_id)


def record(key: str, chat: str, why: str = "doubt", **details: Any) -> dict[str, Any]:
    """A record to write: the customer says `chat`."""
    messages = [{"role": "user", "content": chat}, {"role": "assistant", "content": "ok"}]
    return {"external_id": key, "fields": {"chat": messages, "why": why}, **details}


def terms(scope: dict[str, Any], *values: str) -> dict[str, Any]:
    return {"type": "terms", "scope": scope, "values": values}


def between(scope: dict[str, Any], ge: Any = None, le: Any = None) -> dict[str, Any]:
    return {"type": "range", "scope": scope, "ge": ge, "le": le}


def metadata(name: str) -> dict[str, Any]:
    return {"entity": "metadata", "metadata_property": name}


def _content(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.status_code} {answer.request.url.path}: {answer.text[:500]}"
    return answer.json() if answer.content else None
