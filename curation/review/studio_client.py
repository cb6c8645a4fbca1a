"""The one place that talks to Label Studio, to the embedded one alone: only there annotators do nothing else.

Projects go over its HTTP interface, records and people over the addresses that `embedded/loopback_studio` adds to it.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from curation.consensus.consensus import Review
from curation.harness.errors import QiratError
from curation.harness.files import progress
from curation.review.backend import Annotator, annotator
from curation.review.embedded.process import Address
from curation.review.form import Form, review_form
from curation.review.present import Present, utc
from curation.review.project import PATH as PROJECT
from curation.review.project import make_project, read_project
from curation.review.records import Record
from curation.review.studio_form import guidelines, interface, shown

_BATCH = 100  # records a request, and
_BYTES = 20_000_000  # so much of them


class StudioServer:
    """Label Studio, looked at as the place of one data set: a project of it, named workspace/data set."""

    def __init__(self, address: Address, params: Review, form: Form | None = None) -> None:
        self._params, self._form, self._http = params, form or review_form(params), _Http(address)
        self._title = f"{params.workspace}/{self._form.dataset}"
        self._project: Mapping[str, Any] | None = None

    # -- records out -------------------------------------------------------------------------------------------------

    def make_dataset(self) -> None:
        """The project exists, as params and guidelines have it.

        Raises QiratError where it is another project's, or asks something else.
        """
        wanted = {
            "title": self._title,
            "description": _mark(make_project()),
            "label_config": interface(self._form),
            "expert_instruction": guidelines(self._form),
            "show_instruction": True,
            "show_skip_button": True,
            "enable_empty_annotation": False,
            "maximum_annotations": self._params.min_submitted,
            "sampling": "Sequential sampling",
            "skip_queue": "REQUEUE_FOR_OTHERS",
            "show_collab_predictions": False,
            "reveal_preannotations_interactively": False,
        }
        found = self._found()
        if found is None:
            self._project = self._http.ask("POST", "api/projects/", json=wanted)
            view = {"title": "Review", "ordering": [], "type": "list", "target": "tasks"}  # its pages want one
            self._http.ask("POST", "api/dm/views/", json={"project": self._project["id"], "data": view})
            return
        if found["label_config"] != wanted["label_config"] and any(one.responses for one in self.present()):
            raise QiratError(
                f"Label Studio's project {self._title!r} asks or shows something else than this version; `qirat review "
                f"pull` with the version that made it, then name a new one in params.yaml: {self._form.named_by}"
            )
        self._project = self._http.ask("PATCH", f"api/projects/{found['id']}/", json=wanted)

    def claim(self, held: Iterable[Present], conversations: Collection[str]) -> None:
        records = [record for record in held if record.is_ours]
        if records and not any(record.conversation_id in conversations for record in records):
            raise QiratError(
                f"Label Studio's project {self._title!r} holds {len(records):,} records, none of them on conversations "
                f"that this project has, so it is another's and nothing was written; {self._cure()}"
            )

    def make_vectors(self, dimensions: int) -> None:
        """Label Studio finds nothing by similarity."""

    def write(self, records: Sequence[Record]) -> None:
        sent = ({"data": shown(record), "meta": _meta(record)} for record in records)
        self._put(progress(sent, "review: writing records", len(records)))

    def clear_suggestions(self, present: Sequence[Present]) -> None:
        """Nothing is left to do: `write` replaces what is there to be edited."""

    def set_aside(self, present: Sequence[Present], rank: int) -> None:
        mark = {"aside": True, "digest": "", "rank": rank}
        self._put(
            {
                "data": {"rank": rank},
                "meta": {"external_id": one.external_id, "metadata": {**one.metadata, **mark}},
            }
            for one in present
        )

    def delete_unanswered(self, ids: Sequence[str]) -> list[str]:
        deleted: list[str] = []
        for start in range(0, len(ids), _BATCH):
            asked = {"ids": [int(key) for key in ids[start : start + _BATCH]]}
            deleted += map(str, self._http.ask("DELETE", self._place(), json=asked)["ids"])
        return deleted

    # -- answers in --------------------------------------------------------------------------------------------------

    def present(self) -> list[Present]:
        if self._found() is None:
            return []
        return [_present(item) for item in self._http.ask("GET", self._place())]

    def take_back(self, record: Present, response: Mapping[str, Any]) -> bool:
        asked = {"answer": response["id"], "updated_at": response["updated_at"]}
        return bool(self._http.ask("DELETE", self._place(), json=asked)["ids"])

    # -- people ------------------------------------------------------------------------------------------------------

    def usernames(self) -> dict[str, str]:
        """By their address: numbers begin anew with each server, and would give one person's answers to another."""
        return {item["email"]: item["name"] for item in self._http.ask("GET", "qirat/people/")}

    def add_annotator(self, name: str) -> str:
        self.make_dataset()
        if name.lower() in {known.lower() for known in self.usernames().values()}:
            raise QiratError(f"there is a user {name!r} already; choose another name")
        return _new_password(self._http, name)

    def way_in(self) -> str:
        assert self._project, "make_dataset() comes first"
        return (
            f"sign in with these at {self._http.url}/projects/{self._project['id']}/data/; the guidelines open before "
            "the first conversation"
        )

    # -- below -------------------------------------------------------------------------------------------------------

    def _place(self) -> str:
        assert self._project, "make_dataset() or present() comes first"
        return f"qirat/records/{self._project['id']}/"

    def _found(self) -> Mapping[str, Any] | None:
        """The project; None where there is none yet. Raises QiratError where it is another's."""
        if self._project is None:
            items = self._http.ask("GET", "api/projects/", params={"title": self._title, "page_size": 100})["results"]
            self._project = next((item for item in items if item["title"] == self._title), None)
        if self._project and self._project["description"] != _mark(read_project() or ""):
            raise QiratError(
                f"Label Studio's project {self._title!r} is another project's; {self._cure()}, or, if it is the same "
                f"project in another folder, bring {PROJECT} from there"
            )
        return self._project

    def _cure(self) -> str:
        return f"give this project a workspace or a data set of its own in params.yaml: {self._form.named_by}"

    def _put(self, items: Iterable[Mapping[str, Any]]) -> None:
        batch: list[Mapping[str, Any]] = []
        size = 0
        for item in items:
            length = len(orjson.dumps(item))
            if batch and (len(batch) == _BATCH or size + length > _BYTES):
                self._http.ask("PUT", self._place(), json={"items": batch})
                batch, size = [], 0
            batch.append(item)
            size += length
        if batch:
            self._http.ask("PUT", self._place(), json={"items": batch})


class StudioPeople:
    """Who may annotate. Nobody is deleted: Label Studio deletes people's answers with them."""

    def __init__(self, address: Address) -> None:
        self._http = _Http(address)

    def all(self) -> list[Annotator]:
        return [
            Annotator(item["email"], item["name"], "owner" if item["owner"] else "annotator", item["active"])
            for item in self._http.ask("GET", "qirat/people/")
        ]

    def remove(self, name: str) -> None:
        self._http.ask("DELETE", "qirat/people/", json={"name": annotator(self.all(), name).name})

    def readmit(self, name: str) -> str | None:
        removed = any(person.name == name and not person.member for person in self.all())
        return _new_password(self._http, name) if removed else None

    def reset_password(self, name: str) -> str:
        if not annotator(self.all(), name).member:
            raise QiratError(f"{name!r} was removed; `qirat review users add {name}` lets the person in again")
        return _new_password(self._http, name)


class _Http:
    """Requests of the owner, and in a sentence whatever can go wrong."""

    def __init__(self, address: Address) -> None:
        import httpx

        self.url = address.url
        self._client = httpx.Client(
            base_url=f"{address.url}/",
            headers={"Authorization": f"Token {address.api_key}"},
            timeout=300,
            transport=httpx.HTTPTransport(retries=1),  # given one, httpx asks no proxy of the environment
        )

    def ask(self, method: str, place: str, **details: Any) -> Any:
        """What Label Studio says, None where it says nothing."""
        import httpx

        if "json" in details:
            details["content"] = orjson.dumps(details.pop("json"))
            details["headers"] = {"Content-Type": "application/json"}
        try:
            answer = self._client.request(method, place, **details)
        except httpx.TransportError as error:
            raise QiratError(
                f"no Label Studio answers at {self.url} ({error}); start it with `qirat review serve --background`"
            ) from None
        if not answer.is_success:
            raise QiratError(f"Label Studio at {self.url} refused {method} {place}: {answer.text[:500]}")
        return orjson.loads(answer.content) if answer.content else None


def _mark(project: str) -> str:
    """Tells whose a project of Label Studio is."""
    return f"Qirat {hashlib.sha256(project.encode()).hexdigest()[:32]}"


def _new_password(http: _Http, name: str) -> str:
    password = secrets.token_urlsafe(12)
    http.ask("POST", "qirat/people/", json={"name": name, "password": password})
    return password


def _meta(record: Record) -> dict[str, Any]:
    """What annotators are not given: a gold row must look like any other."""
    return {"external_id": record["external_id"], "metadata": record["metadata"]}


def _present(item: Mapping[str, Any]) -> Present:
    meta = item["meta"] or {}
    return Present(
        id=str(item["id"]),
        external_id=meta.get("external_id", ""),
        metadata=meta.get("metadata", {}),
        corrected=item["data__corrected"] or None,
        suggestions=(),
        status="completed" if item["is_labeled"] else "pending",
        updated_at=utc(item["updated_at"]),
        responses=tuple(_response(one) for one in item["responses"]),
    )


def _response(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "status": item["status"],
        "user_id": item["user"] or "",
        "updated_at": item["updated_at"],
        "values": {one["from_name"]: {"value": _value(one)} for one in item["result"] or () if "from_name" in one},
    }


def _value(one: Mapping[str, Any]) -> Any:
    """Of one question: a list where it takes several, text where it takes one or is written."""
    given = one["value"].get(one["type"]) or []
    if one["type"] == "textarea":
        return "\n".join(one["value"].get("text") or ())
    return given if one["from_name"] == "reasons" else next(iter(given), None)
