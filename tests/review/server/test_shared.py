"""A server that others use too: other projects, administrators, people who come, go and are renamed."""

import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from curation.consensus.consensus import Review
from curation.core.record.conversation import conversations
from curation.decisions.answers import read_answers
from curation.decisions.decisions import read_decisions
from curation.harness.errors import QiratError
from curation.review import project as project_file
from curation.review.argilla_client import ReviewServer
from curation.review.embedded.process import Address
from curation.review.present import Present
from curation.review.pull import Pulled, pull
from curation.review.push import PushPlan, push
from tests.builders import talk
from tests.review.queue_tables import write_tables
from tests.review.server.argilla import Api, Person

ENGLISH = [(f"where is parcel {n}?", f"it is on its way {n}") for n in range(3)]
ARABIC = [(f"أين طلبي رقم {n}؟", f"هو في الطريق {n}") for n in range(4)]


@dataclass
class Folder:
    """A project of its own folder on the shared server."""

    path: Path
    api: Api
    params: Review
    patch: pytest.MonkeyPatch

    def holds(self, talks: list[tuple[str, str]]) -> "Folder":
        self.path.mkdir(exist_ok=True)
        rows = [
            {"row_id": f"f:{n}", "source": "t", "language": "en", "messages": talk(*turns)}
            for n, turns in enumerate(talks)
        ]
        table = conversations(rows)
        write_tables(self.path, table)
        self.ids = table["conversation_id"].to_list()
        return self

    @property
    def server(self) -> ReviewServer:
        self.patch.chdir(self.path)
        return ReviewServer(Address(self.api.url, self.api.key), self.params)

    def push(self) -> PushPlan:
        return push(self.server, self.params, None)

    def pull(self) -> Pulled:
        return pull(self.server, self.params, None)

    @property
    def place(self) -> str:
        items = self.api.get("me/datasets")["items"]
        workspaces = {item["id"]: item["name"] for item in self.api.get("me/workspaces")["items"]}
        return next(
            f"datasets/{item['id']}"
            for item in items
            if (item["name"], workspaces[item["workspace_id"]]) == (self.params.dataset, self.params.workspace)
        )

    def held(self) -> dict[str | None, str]:
        """External id -> id, of every record in Argilla, whoever made it."""
        items = self.api.get(f"{self.place}/records", params={"limit": 1000})["items"]
        return {item["external_id"]: item["id"] for item in items}

    def annotator(self, name: str | None = None) -> Person:
        workspaces = {item["name"]: item["id"] for item in self.api.get("me/workspaces")["items"]}
        return self.api.annotator(workspaces[self.params.workspace], name)

    def by_hand(self, external_id: str | None, **more: Any) -> str:
        """The id of a record that an administrator made."""
        fields = {"why": "by hand", "conversation": [{"role": "user", "content": "by hand"}]}
        made = {"fields": fields, "external_id": external_id, **more}
        [written] = self.api.post(f"{self.place}/records/bulk", {"items": [made]})["items"]
        return str(written["id"])


@pytest.fixture(scope="module", autouse=True)
def _client() -> Iterator[None]:
    """Argilla's client warns of itself, which tests would take for an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import argilla  # noqa: F401

        yield


@pytest.fixture
def ours(tmp_path: Path, any_argilla: Api, monkeypatch: pytest.MonkeyPatch) -> Folder:
    params = Review(workspace=f"w{uuid.uuid4().hex[:8]}")
    return Folder(tmp_path / "ours", any_argilla, params, monkeypatch).holds(ENGLISH)


@pytest.fixture
def theirs(tmp_path: Path, ours: Folder) -> Folder:
    return Folder(tmp_path / "theirs", ours.api, ours.params, ours.patch).holds(ARABIC)


def bring(file: Path, source: Folder, target: Folder) -> None:
    (target.path / file).parent.mkdir(parents=True, exist_ok=True)
    (target.path / file).write_bytes((source.path / file).read_bytes())


# -- two projects on one server ----------------------------------------------------------------------------------


def test_a_push_refuses_another_projects_data_set_and_deletes_nothing(ours: Folder, theirs: Folder) -> None:
    assert len(theirs.push().new) == 4
    before = theirs.held()
    for refused in (ours.push, ours.pull, lambda: ours.server.present(), lambda: ours.server.add_annotator("nour")):
        with pytest.raises(QiratError, match=r"another project's; .* review.dataset"):
            refused()
    assert theirs.held() == before
    ours.params = ours.params.model_copy(update={"dataset": "ours"})
    assert (len(ours.push().new), theirs.push().unchanged) == (3, 4)


def test_a_push_refuses_what_an_older_version_left_without_a_mark_unless_it_is_ours(
    ours: Folder, theirs: Folder
) -> None:
    theirs.push()
    for metadata in (None, {"note": "ours too"}):
        theirs.api.ask("PATCH", theirs.place, json={"metadata": metadata}).raise_for_status()
    with pytest.raises(QiratError, match="4 of them on conversations that this project does not"):
        ours.push()
    assert len(theirs.held()) == 4
    assert theirs.push().unchanged == 4
    assert theirs.api.get(theirs.place)["metadata"] == {"note": "ours too", "qirat": project_file.read_project()}


def test_a_folder_copied_for_other_data_is_another_project(ours: Folder, theirs: Folder) -> None:
    theirs.push()
    bring(project_file.PATH, theirs, ours)
    with pytest.raises(QiratError, match="4 of them on conversations"):
        ours.push()
    assert len(theirs.held()) == 4


def test_a_clone_with_the_file_from_git_is_the_same_project(ours: Folder, theirs: Folder) -> None:
    ours.push()
    clone = theirs.holds(ENGLISH)
    with pytest.raises(QiratError, match=r"same project in another folder, bring data/review/project.jsonl"):
        clone.push()
    bring(project_file.PATH, ours, clone)
    assert clone.push().unchanged == 3


@pytest.mark.parametrize("published", [True, False])
def test_a_data_set_of_the_same_name_that_somebody_else_made_stays(ours: Folder, published: bool) -> None:
    api = ours.api
    workspace = api.post("workspaces", {"name": ours.params.workspace})["id"]
    made = api.post("datasets", {"name": ours.params.dataset, "workspace_id": workspace})
    place = f"datasets/{made['id']}"
    settings = {"type": "text", "use_markdown": False}
    api.post(f"{place}/fields", {"name": "text", "title": "text", "required": True, "settings": settings})
    question = {"name": "stars", "title": "stars", "required": True}
    options = [{"value": 1}, {"value": 2}]
    api.post(f"{place}/questions", question | {"settings": {"type": "rating", "options": options}})
    if published:
        api.put(f"{place}/publish")
    with pytest.raises(QiratError, match="other questions or fields"):
        ours.push()
    assert [item["name"] for item in api.get(f"{place}/questions")["items"]] == ["stars"]


# -- what somebody made or changed by hand -----------------------------------------------------------------------


def test_records_made_by_hand_stay_and_their_answers_decide_nothing(ours: Folder) -> None:
    ours.push()
    [known, *_] = ours.ids
    names = [None, None, "تذكرة 7", f"{known}.٢", f"{known}.0", "0" * 32]
    made = {ours.by_hand(name, metadata={"team": "x"} if name else None) for name in names}
    sara = ours.annotator()
    assert all(sara.answer(key, "drop").is_success for key in (*made, ours.held()[ours.ids[1]]))
    assert ours.push().by_hand == len(names)
    done = ours.pull()
    assert [a.conversation_id for a in read_answers()] == [ours.ids[1]]
    assert len(done.unreadable) == len(names) and all("by hand" in fault for fault in done.unreadable)
    assert made < {item["id"] for item in ours.api.get(f"{ours.place}/records")["items"]}


def test_what_an_administrator_changed_is_as_it_was_after_the_next_push(ours: Folder) -> None:
    ours.push()
    api, place = ours.api, ours.place
    for field in api.get(f"{place}/fields")["items"]:
        settings = {**field["settings"], "use_markdown": False}
        assert api.ask("PATCH", f"fields/{field['id']}", json={"settings": settings}).is_success
    properties = {item["name"]: item["id"] for item in api.get(f"me/{place}/metadata-properties")["items"]}
    for name in ("rank", "codes"):
        api.delete(f"metadata-properties/{properties[name]}")
    distribution = {"strategy": "overlap", "min_submitted": 3}
    changed = {"guidelines": "x", "allow_extra_metadata": False, "distribution": distribution}
    assert api.ask("PATCH", place, json=changed).is_success
    ours.holds([*ENGLISH, ("is it here?", "yes")])
    assert len(ours.push().new) == 1
    assert all(field["settings"]["use_markdown"] for field in api.get(f"{place}/fields")["items"])
    assert {*properties} == {item["name"] for item in api.get(f"me/{place}/metadata-properties")["items"]}
    now = api.get(place)
    assert now["allow_extra_metadata"] and now["distribution"]["min_submitted"] == 1 and len(now["guidelines"]) > 100


@pytest.mark.parametrize(
    ("name", "kind", "said"), [("purpose", "terms", "must not know"), ("rank", "terms", "'rank' as 'terms'")]
)
def test_metadata_that_shows_too_much_or_is_of_another_type_is_refused(
    ours: Folder, name: str, kind: str, said: str
) -> None:
    ours.push()
    for item in ours.api.get(f"me/{ours.place}/metadata-properties")["items"]:
        if item["name"] == name:
            ours.api.delete(f"metadata-properties/{item['id']}")
    ours.api.post(f"{ours.place}/metadata-properties", {"name": name, "title": name, "settings": {"type": kind}})
    with pytest.raises(QiratError, match=said):
        ours.push()


# -- people ------------------------------------------------------------------------------------------------------


def renamed(folder: Folder, person: Person, name: str) -> None:
    folder.api.ask("PATCH", f"users/{person.id}", json={"username": name}).raise_for_status()


@pytest.mark.parametrize(("noted", "answers_again"), [(True, True), (False, False)])
def test_who_is_renamed_is_one_person_and_decides_nothing_alone(ours: Folder, noted: bool, answers_again: bool) -> None:
    ours.params = ours.params.model_copy(update={"min_submitted": 2})
    ours.push()
    sara = ours.annotator()
    first, second = (ours.held()[key] for key in ours.ids[:2])
    assert sara.answer(first, "keep").is_success and sara.answer(second, "keep").is_success
    ours.pull()
    if not noted:  # taken before accounts were noted
        Path("data/review/annotators.jsonl").unlink()
    renamed(ours, sara, f"r{sara.name}")
    if answers_again:
        [given] = [r for r in ours.api.get(f"records/{first}")["responses"] if r["user_id"] == sara.id]
        said = {"values": {"decision": {"value": "drop"}}, "status": "submitted"}
        assert sara.ask("PUT", f"responses/{given['id']}", json=said).is_success
    ours.pull()
    assert {a.annotator for a in read_answers()} == {sara.name} and len(read_answers()) == 2
    assert read_decisions() == []


def test_who_is_deleted_and_comes_back_under_the_name_is_the_same_person(ours: Folder) -> None:
    ours.push()
    sara = ours.annotator()
    first, second = (ours.held()[key] for key in ours.ids[:2])
    assert sara.answer(first, "keep").is_success
    ours.pull()
    ours.api.delete(f"users/{sara.id}")
    assert ours.pull().total == 1, "what was pulled stays"
    assert ours.annotator(sara.name).answer(second, "drop").is_success
    ours.pull()
    assert [a.annotator for a in read_answers()] == [sara.name] * 2


def test_who_is_deleted_while_a_pull_reads_keeps_the_name(ours: Folder) -> None:
    ours.push()
    sara = ours.annotator()
    assert sara.answer(ours.held()[ours.ids[0]], "keep").is_success
    ours.pull()
    server = ours.server
    read = server.present

    def read_and_deleted() -> list[Present]:
        found = read()
        ours.api.delete(f"users/{sara.id}")
        return found

    ours.patch.setattr(server, "present", read_and_deleted)
    pull(server, ours.params, None)
    assert [a.annotator for a in read_answers()] == [sara.name]
