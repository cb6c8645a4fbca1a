"""The one place that talks to Argilla. Settings and users go through its client; records go over its HTTP interface,
because the client does not know when an answer was given.
"""

import contextlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from curation.consensus.consensus import Review
from curation.harness.errors import QiratError
from curation.harness.files import progress
from curation.review.argilla_http import connected
from curation.review.argilla_http import content as content_of
from curation.review.embedded.process import ARGILLA, Address, is_elsewhere
from curation.review.form import HIDDEN, VECTORS, Form, review_form
from curation.review.present import Present, present_of
from curation.review.project import PATH as PROJECT
from curation.review.project import make_project, marked, read_project
from curation.review.records import Record

Item = TypeVar("Item")

_READ, _WRITE, _DELETE = 500, 200, 100  # records a request; Argilla takes 1,000, 500 and 100
_BYTES = 4_000_000  # of a request that writes more than one record
_OVERLAP = 50  # records that a page shares with the one before: so many may be deleted while a page is read
_READINGS = 5


class ReviewServer:
    """An Argilla server, looked at as the place of one data set: that of the review, or of another form."""

    def __init__(self, address: Address, params: Review, form: Form | None = None) -> None:
        import argilla

        self._params, self._form = params, form or review_form(params)
        self._url, self._http = address.url, connected(address)
        with _plainly(address.url):
            self._client: Any = argilla.Argilla(address.url, address.api_key, retries=1)

    # -- the data set --------------------------------------------------------------------------------------------

    def make_dataset(self) -> None:
        """The workspace and the data set exist, as params and guidelines have them; a half made one is made anew.

        Raises QiratError where the data set is another project's, or asks or shows something else.
        """
        import argilla

        if self._workspace_id() is None:
            with _plainly(self._url):
                argilla.Workspace(self._params.workspace, client=self._client).create()
        found = self._dataset()
        if found is not None and found["status"] == "draft":
            self._check_form(found, half_made=True)
            self._request("DELETE", f"datasets/{found['id']}")
            found = None
        if found is None:
            settings = self._form.settings(self._params)
            with _plainly(self._url):
                argilla.Dataset(self._form.dataset, self._params.workspace, settings, client=self._client).create()
            self._mark()
            return
        self._check_project(found)
        self._check_form(found)
        self._restore(found)

    def claim(self, held: Iterable[Present], conversations: Collection[str]) -> None:
        """From here on the data set is this project's. `held`: what it holds; `conversations`: of the project's data.

        Raises QiratError where it rather holds another project's records. One that bears this project's name holds none
        of its conversations where the whole folder was copied for other data.
        """
        dataset = self._dataset()
        assert dataset, "make_dataset() comes first"
        records = [record for record in held if record.is_ours]
        known = sum(record.conversation_id in conversations for record in records)
        is_marked = marked(dataset) is not None
        if records and (not known if is_marked else 2 * known < len(records)):
            raise QiratError(
                f"Argilla's data set {self._form.dataset!r} in the workspace {self._params.workspace!r} holds "
                f"{len(records):,} records, {len(records) - known:,} of them on conversations that this project does "
                f"not have, so it is another project's and nothing was written; {self._cure()}"
            )
        if not is_marked:
            self._mark()

    def make_vectors(self, dimensions: int) -> None:
        """Records can be found by similarity of vectors of this size; those of another size are dropped."""
        place = f"datasets/{self._id()}/vectors-settings"
        there = {item["name"]: item for item in self._request("GET", place)["items"]}
        for name, title in VECTORS.items():
            before = there.get(name)
            if before and before["dimensions"] != dimensions:
                self._request("DELETE", f"vectors-settings/{before['id']}")
                before = None
            if before is None:
                self._request("POST", place, json={"name": name, "title": title, "dimensions": dimensions})

    # -- records -------------------------------------------------------------------------------------------------

    def present(self) -> list[Present]:
        """Every record of the data set with its answers; empty when there is no data set yet.

        Records may come and go meanwhile: new ones come last, and a page begins with records of the page before, so
        that one which deletions have moved on is seen.
        """
        dataset = self._dataset()
        if dataset is None:
            return []
        self._check_project(dataset)
        for _ in range(_READINGS):
            if (found := self._all_pages(f"datasets/{dataset['id']}/records")) is not None:
                return found
        raise QiratError("many records were deleted while Argilla was read, again and again; run this again later")

    def _all_pages(self, place: str) -> list[Present] | None:
        found: dict[str, Present] = {}
        for page in progress(self._pages(place), "review: reading records", unit="pages"):
            if page is None:
                return None
            found |= page
        return list(found.values())

    def _pages(self, place: str) -> Iterator[dict[str, Present] | None]:
        """Id -> record, page by page; None and an end where records may have been missed."""
        last, offset, total = "", 0, 1
        while offset < total:
            start = max(offset - _OVERLAP, 0)
            asked = {"offset": start, "limit": _READ, "include": "responses,suggestions"}
            page = self._request("GET", place, params=asked)
            items = {item["id"]: present_of(item) for item in page["items"]}
            if last and last not in items:
                yield None
                return
            yield items
            last, offset, total = next(reversed(items), ""), start + max(len(items), 1), page["total"]

    def write(self, records: Sequence[Record]) -> None:
        """Creates records, or replaces what is shown of those that exist."""
        place, question = f"datasets/{self._id()}/records/bulk", self._questions(self._id()).get("corrected", "")
        sent = (_as_sent(record, question) for record in progress(records, "review: writing records", len(records)))
        for content in _bodies(sent):
            self._request("PUT", place, content=content)

    def clear_suggestions(self, present: Sequence[Present]) -> None:
        """What was there to be edited goes; it stays when a record is written again without."""
        for record in progress(present, "review: clearing replies to edit", len(present)):
            self._request("DELETE", f"records/{record.id}/suggestions", params={"ids": ",".join(record.suggestions)})

    def set_aside(self, present: Sequence[Present], rank: int) -> None:
        """Marks records that nobody needs; people who open one may still answer. `rank` puts them last in line."""
        place, mark = f"datasets/{self._id()}/records/bulk", {"aside": True, "digest": "", "rank": rank}
        for batch in progress(_batches(present, _WRITE), "review: setting records aside", unit="batches"):
            marked = [{"external_id": one.external_id, "metadata": {**one.metadata, **mark}} for one in batch]
            self._request("PUT", place, json={"items": marked})

    def delete_unanswered(self, ids: Sequence[str]) -> list[str]:
        """Deletes records by Argilla's id, and returns which: those without a response, drafts and discards included.

        Each hundred is looked at just before: Argilla deletes a record with its answers.
        """
        place, deleted = f"datasets/{self._id()}/records", []
        for batch in progress(_batches(ids, _DELETE), "review: deleting records", unit="batches"):
            scope = {"entity": "record", "property": "id"}
            asked = {"filters": {"type": "and", "and": [{"type": "terms", "scope": scope, "values": list(batch)}]}}
            limits = {"include": "responses", "limit": _DELETE}
            items = self._request("POST", f"{place}/search", params=limits, json=asked)["items"]
            unanswered = [item["record"]["id"] for item in items if not item["record"]["responses"]]
            if unanswered:
                self._request("DELETE", place, params={"ids": ",".join(unanswered)})
            deleted += unanswered
        return deleted

    def take_back(self, record: Present, response: Mapping[str, Any]) -> bool:
        """Looked at just before, as in `delete_unanswered`: Argilla deletes whatever the answer has become."""
        scope = {"entity": "record", "property": "id"}
        asked = {"filters": {"type": "and", "and": [{"type": "terms", "scope": scope, "values": [record.id]}]}}
        place = f"datasets/{self._id()}/records/search"
        items = self._request("POST", place, params={"include": "responses"}, json=asked)["items"]
        if response not in [one for item in items for one in item["record"]["responses"]]:
            return False
        self._request("DELETE", f"responses/{response['id']}")
        return True

    # -- people --------------------------------------------------------------------------------------------------

    def usernames(self) -> dict[str, str]:
        """User id -> name."""
        return {user["id"]: user["username"] for user in self._request("GET", "users")["items"]}

    def add_annotator(self, name: str) -> str:
        """Makes the annotator and returns the password, which is nowhere else to be had."""
        import argilla

        self.make_dataset()
        if name in self.usernames().values():
            raise QiratError(f"there is a user {name!r} already; choose another name")
        password = secrets.token_urlsafe(12)
        with _plainly(self._url):
            user = argilla.User(name, role="annotator", password=password, client=self._client).create()
        self._request("POST", f"workspaces/{self._workspace_id()}/users", json={"user_id": str(user.id)})
        return password

    def way_in(self) -> str:
        if is_elsewhere(ARGILLA):
            place = f"{self._url}/dataset/{self._id()}/annotation-mode"
            return f"sign in with these at {place} and open Guidelines at the foot of the page first"
        return f"sign in with these at {self._url}/welcome/{self._id()} where the guidelines open the first time"

    # -- below ---------------------------------------------------------------------------------------------------

    def _id(self) -> str:
        dataset = self._dataset()
        assert dataset, "make_dataset() comes first"
        found: str = dataset["id"]
        return found

    def _questions(self, dataset: str) -> dict[str, str]:
        """Name -> id."""
        return {item["name"]: item["id"] for item in self._request("GET", f"datasets/{dataset}/questions")["items"]}

    def _dataset(self) -> dict[str, Any] | None:
        wanted = (self._form.dataset, self._workspace_id())
        items: list[dict[str, Any]] = self._request("GET", "me/datasets")["items"]
        return next((item for item in items if (item["name"], item["workspace_id"]) == wanted), None)

    def _workspace_id(self) -> str | None:
        names = {item["name"]: item["id"] for item in self._request("GET", "me/workspaces")["items"]}
        return names.get(self._params.workspace)

    def _request(self, method: str, place: str, **details: Any) -> Any:
        if "content" in details:
            details["headers"] = {"Content-Type": "application/json"}
        return content_of(self._http, self._url, method, place, **details)

    # -- whose it is, and whether it is as this version made it --------------------------------------------------

    def _mark(self) -> None:
        dataset = self._dataset()
        assert dataset
        place, metadata = f"datasets/{dataset['id']}", dataset["metadata"] or {}
        if metadata:  # Argilla 2.8 acknowledges what is added to metadata and does not save it
            self._request("PATCH", place, json={"metadata": None})
        self._request("PATCH", place, json={"metadata": {**metadata, "qirat": make_project()}})

    def _check_project(self, dataset: Mapping[str, Any]) -> None:
        theirs = marked(dataset)
        if theirs is not None and theirs != read_project():
            raise QiratError(
                f"Argilla's data set {self._form.dataset!r} in the workspace {self._params.workspace!r} is another "
                f"project's; {self._cure()}, or, if it is the same project in another folder, bring {PROJECT} from "
                "there"
            )

    def _cure(self) -> str:
        return f"give this project a workspace or a data set of its own in params.yaml: {self._form.named_by}"

    def _check_form(self, dataset: Mapping[str, Any], half_made: bool = False) -> None:
        """Questions and fields cannot be changed once the data set is published, but another may bear its name."""
        place, form = f"datasets/{dataset['id']}", self._form
        fields = {item["name"] for item in self._request("GET", f"{place}/fields")["items"]}
        questions = {*self._questions(dataset["id"])}
        same = questions == form.questions and fields == form.fields
        if not (same or (half_made and questions <= form.questions and fields <= form.fields)):
            raise QiratError(
                f"Argilla's data set {form.dataset!r} has other questions or fields than this version asks; `qirat "
                f"review pull` with the version that made it, then name a new one in params.yaml: {form.named_by}"
            )

    def _restore(self, dataset: Mapping[str, Any]) -> None:
        """What an administrator may have changed is as this version made it: push and people rely on it."""
        place, settings = f"datasets/{dataset['id']}", self._form.settings(self._params)
        self._restore_metadata(place, settings)
        for field in self._request("GET", f"{place}/fields")["items"]:
            if not field["settings"].get("use_markdown"):  # without it, a browser would run what rows say
                changed = {"settings": {**field["settings"], "use_markdown": True}}
                self._request("PATCH", f"fields/{field['id']}", json=changed)
        wanted = {
            "guidelines": self._form.guidelines.read_text("utf-8"),
            "distribution": {"strategy": "overlap", "min_submitted": self._params.min_submitted},
            "allow_extra_metadata": True,
        }
        if any(dataset[name] != value for name, value in wanted.items()):
            self._request("PATCH", place, json=wanted)

    def _restore_metadata(self, place: str, settings: Any) -> None:
        there = {item["name"]: item for item in self._request("GET", f"me/{place}/metadata-properties")["items"]}
        if shown := sorted(there.keys() & HIDDEN):
            raise QiratError(
                f"Argilla's data set {self._form.dataset!r} has the metadata properties {', '.join(shown)}, which tell "
                "annotators what they must not know; delete them in Argilla, in the settings of the data set"
            )
        for property_ in settings.metadata:
            made = property_.api_model().model_dump(mode="json")
            before = there.get(property_.name)
            if before is None:
                kept = {name: made[name] for name in ("name", "title", "settings", "visible_for_annotators")}
                self._request("POST", f"{place}/metadata-properties", json=kept)
            elif before["settings"]["type"] != made["settings"]["type"]:
                raise QiratError(
                    f"Argilla's data set {self._form.dataset!r} has the metadata property {property_.name!r} as "
                    f"{before['settings']['type']!r}, not as {made['settings']['type']!r}; delete it in Argilla, in "
                    "the settings of the data set, and the next push makes it anew"
                )


def _as_sent(record: Record, question: str) -> bytes:
    sent = {name: record[name] for name in ("external_id", "metadata", "vectors")}
    sent["fields"] = {name: _as_field(value) for name, value in record["fields"].items()}
    if record["corrected"]:
        sent["suggestions"] = [{"question_id": question, "value": record["corrected"], "agent": "qirat"}]
    return orjson.dumps(sent, option=orjson.OPT_SERIALIZE_NUMPY)


def _as_field(value: str | Sequence[Mapping[str, str]]) -> Any:
    """A chat is roles and contents, and nothing beside them."""
    return value if isinstance(value, str) else [{name: one[name] for name in ("role", "content")} for one in value]


def _bodies(items: Iterable[bytes]) -> Iterator[bytes]:
    """The bodies of requests that write the items, some in each."""
    batch: list[bytes] = []
    for item in items:
        if batch and (len(batch) == _WRITE or sum(map(len, batch)) + len(item) > _BYTES):
            yield _body(batch)
            batch = []
        batch.append(item)
    if batch:
        yield _body(batch)


def _body(batch: Iterable[bytes]) -> bytes:
    return b'{"items":[' + b",".join(batch) + b"]}"


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


@contextlib.contextmanager
def _plainly(url: str) -> Iterator[None]:
    """What Argilla's client can meet between here and there, in a sentence."""
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
