"""Whatever people review on, the same answers come to the same decisions, and a push never costs an answer.

Label Studio's turn comes with STUDIO=1 (`make studio`): its environment takes a gigabyte.
"""

import csv
import html
import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pytest

from curation.consensus.consensus import Review
from curation.core.record.conversation import conversations, message
from curation.core.text.markdown import read_back
from curation.decisions.answers import Answer, read_answers
from curation.review.argilla_client import ReviewServer
from curation.review.backend import Annotator, Backend
from curation.review.embedded.process import Address
from curation.review.offline import export, take_in
from curation.review.pull import pull, received
from curation.review.push import push
from curation.review.readers import tell
from curation.review.studio_client import StudioServer
from tests.e2e.review.conftest import ARABIC, ENGLISH
from tests.e2e.review.test_browser import HOSTILE
from tests.review.queue_tables import write_tables
from tests.review.server.studio import Session, signed_in

COUNTRIES = ("SA",)
CALL = json.dumps([{"name": "track", "arguments": {"order": "ZH-1042"}}])
TALKS = {
    "english": ENGLISH,
    "arabic": ARABIC,
    "tool": [
        message("user", "Where is my order ZH-1042?"),
        {**message("assistant", ""), "tool_calls": CALL},
        message("tool", '{"status": "in transit"}'),
        message("assistant", "It is on its way."),
    ],
    "long": [m for n in range(100) for m in (message("user", f"Part {n}?"), message("assistant", f"It costs ${n}."))],
    "hostile": HOSTILE,
    "plain": [message("user", "Can I change my address?"), message("assistant", "Yes: tell me the new one.")],
}
MENDED = "[2]\nنعتذر عن التأخير.\nتصل شحنتك قريباً <b>إن شاء الله</b>."
SKIPPED: dict[str, Any] = {}
SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # by the first person and by the second
    "english": ({"decision": "keep"}, {"decision": "keep", "confidence": "sure"}),
    "arabic": (
        {"decision": "edit", "corrected": MENDED, "reasons": ("wrong_tone", "incomplete")},
        {"decision": "edit", "corrected": MENDED},
    ),
    "tool": ({"decision": "edit", "label": "billing"}, {"decision": "edit", "label": "billing"}),
    "long": (SKIPPED, {"decision": "keep"}),
    "hostile": ({"decision": "drop", "reasons": ("not_useful",)}, {"decision": "drop"}),
    "plain": ({"decision": "keep"}, {"decision": "drop", "confidence": "unsure"}),
}


class Place(Protocol):
    """A way out to people and back."""

    def out(self) -> None: ...
    def seen(self, name: str, languages: tuple[str, ...] = ()) -> list[str]:
        """The ids that come to somebody who reads these languages, in their order, those without an answer yet."""

    def told(self, key: str) -> str:
        """Why a conversation is shown, as it stands before people."""

    def say(self, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        """Somebody answers, by conversation; an empty answer leaves the conversation to others."""

    def back(self) -> None: ...


class Sheets:
    """A file for each person."""

    def __init__(self, params: Review) -> None:
        self.params = params

    def out(self) -> None:
        export(Path("out.csv"), self.params, COUNTRIES, None)

    def say(self, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        filled = [row for row in cells(Path("out.csv")) if row["id"] in given]
        columns = [*filled[0]]
        for row in filled:
            said = dict(given[row["id"]])
            reasons, label = ", ".join(said.pop("reasons", ())), said.pop("label", "")
            row.update(said | {"reasons": reasons, "label_corrected": label})
        with Path(f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *([row[column] for column in columns] for row in filled)])
        take_in(Path(f"{name}.csv"), name, self.params, COUNTRIES)

    def seen(self, name: str, languages: tuple[str, ...] = ()) -> list[str]:
        path = Path(f"{uuid.uuid4().hex}.csv")
        export(path, self.params, COUNTRIES, None, languages)
        return [row["id"] for row in cells(path)]

    def told(self, key: str) -> str:
        path = Path(f"{uuid.uuid4().hex}.csv")
        export(path, self.params, COUNTRIES, None)
        return next(row["why"] for row in cells(path) if row["id"] == key)

    def back(self) -> None: ...


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    columns = [column.partition("·")[0].strip() for column in header]
    return [dict(zip(columns, row, strict=True)) for row in rows]


class Served:
    """A server, how somebody answers there, what comes to somebody, and what stands on a record."""

    def __init__(
        self,
        server: Backend,
        params: Review,
        say: Callable[..., None],
        seen: Callable[..., list[str]],
        told: Callable[..., str],
    ) -> None:
        self.server, self.params, self._say, self.seen, self.told = server, params, say, seen, told

    def out(self) -> None:
        push(self.server, self.params, COUNTRIES)

    def say(self, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        self._say(self.server, name, given)

    def back(self) -> None:
        pull(self.server, self.params, COUNTRIES)


@pytest.fixture
def params(request: pytest.FixtureRequest) -> Review:
    """Two people a conversation; one where answers come back, so that who gave them is the only one asked."""
    name = getattr(request.node, "originalname", "")
    return Review(workspace=f"w{uuid.uuid4().hex[:8]}", min_submitted=1 if "says_nothing" in name else 2)


@pytest.fixture
def argilla(request: pytest.FixtureRequest, params: Review) -> Served:
    owner = request.getfixturevalue("owner")

    people: dict[str, Any] = {}

    def person_of(name: str) -> Any:
        if name not in people:
            [workspace] = [w["id"] for w in owner.get("me/workspaces")["items"] if w["name"] == params.workspace]
            people[name] = owner.annotator(workspace, name)
        return people[name]

    def seen(name: str, languages: tuple[str, ...] = ()) -> list[str]:
        person = person_of(name)
        tell(request.getfixturevalue("home"), [Annotator(person.id, name, "annotator", True)], {name: languages})
        pending = {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": ["pending"]}
        asked = {"filters": {"type": "and", "and": [pending]}}
        return [item["record"]["external_id"] for item in person.post(f"me/{place()}/search", asked)["items"]]

    def told(key: str) -> str:
        items = owner.get(place())["items"]
        return read_back(next(item["fields"]["why"] for item in items if item["external_id"] == key))

    def place() -> str:
        return f"datasets/{server._id()}/records"

    def say(server: Backend, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        person = person_of(name)
        for record in [one for one in server.present() if one.external_id in given]:
            said = given[record.external_id]
            values = {name: {"value": list(v) if isinstance(v, tuple) else v} for name, v in said.items()}
            content = {"values": values, "status": "submitted" if said else "discarded"}
            assert person.ask("POST", f"records/{record.id}/responses", json=content).is_success

    server = ReviewServer(Address(owner.url, owner.key), params)
    return Served(server, params, say, seen, told)


@pytest.fixture
def label_studio(request: pytest.FixtureRequest, params: Review) -> Served:
    address = request.getfixturevalue("studio")
    server = StudioServer(address, params)

    people: dict[str, Session] = {}

    def person_of(name: str) -> Session:
        assert server._project
        if name not in people:
            people[name] = signed_in(address.url, name, server.add_annotator(name), server._project["id"])
        return people[name]

    def seen(name: str, languages: tuple[str, ...] = ()) -> list[str]:
        """By skipping one after the other, which leaves them to others."""
        person, found = person_of(name), list[str]()
        home = request.getfixturevalue("studio_home")
        tell(home, [Annotator(f"{name}@localhost", name, "annotator", True)], {name: languages})
        while (task := person.next()) is not None and task["data"]["id"] not in found:
            found.append(task["data"]["id"])
            assert person.answer(task["id"], skip=True).status_code == 201
        return found

    def told(key: str) -> str:
        assert server._project
        tasks = server._http.ask("GET", "api/tasks/", params={"project": server._project["id"], "fields": "all"})
        return html.unescape(next(one["data"]["why"] for one in tasks["tasks"] if one["data"]["id"] == key))

    def say(_: Backend, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        person = person_of(name)
        for conversation, said in given.items():  # as the line has them
            task = person.next()
            assert task and task["data"]["id"] == conversation
            assert person.answer(task["id"], skip=not said, **said).status_code == 201

    return Served(server, params, say, seen, told)


@pytest.fixture
def spreadsheet(params: Review) -> Sheets:
    return Sheets(params)


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A project whose queue holds the conversations; their ids by name."""
    monkeypatch.chdir(tmp_path)
    return queue(tmp_path)


def queue(folder: Path, *left: str) -> dict[str, str]:
    """The queue of these conversations, else of all, whose second turn is doubted."""
    rows = [
        {"row_id": f"f:{name}", "messages": talk, "language": "ar" if name == "arabic" else "en", "source": "t"}
        | {"label": "billing" if name == "plain" else "refund"}
        for name, talk in TALKS.items()
    ]
    table = conversations(rows)
    write_tables(folder, table, 1)
    named = dict(zip(TALKS, table["conversation_id"], strict=True))
    if left:
        path = folder / "data/routed/queue.parquet"
        pl.read_parquet(path).filter(pl.col("conversation_id").is_in([named[name] for name in left])).write_parquet(
            path
        )
    return named


needs_studio = pytest.mark.skipif("STUDIO" not in os.environ, reason="STUDIO=1 runs it (make studio)")
SERVERS = ["argilla", pytest.param("label_studio", marks=needs_studio)]


@pytest.mark.parametrize("kind", ["spreadsheet", *SERVERS])
def test_the_same_answers_come_to_the_same_decisions(
    kind: str, ids: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place: Place = request.getfixturevalue(kind)
    people = [f"{name}{uuid.uuid4().hex[:6]}" for name in ("sara", "omar")]
    place.out()
    for number, person in enumerate(people):
        place.say(person, {ids[name]: SAID[name][number] for name in TALKS})
    place.back()
    found = decided(tmp_path)
    assert {line.get("conversation_id") for line in found} == {None, *ids.values()} - {ids["long"]}
    assert found == decided_at_once(tmp_path / "again", ids, people, request)


NOTHING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # what says nothing, and what mends it
    "english": ({"decision": "edit", "corrected": " \n "}, {"decision": "keep"}),
    "arabic": ({"decision": "edit"}, {"decision": "edit", "corrected": MENDED}),
    "plain": ({"decision": "keep", "corrected": "[2]\nNo."}, {"decision": "edit", "corrected": "[2]\nNo."}),
}


@pytest.mark.parametrize("kind", ["spreadsheet", *SERVERS])
def test_an_answer_that_says_nothing_decides_nothing_is_kept_and_comes_back_with_the_reason(
    kind: str, ids: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place: Place = request.getfixturevalue(kind)
    queue(tmp_path, *NOTHING)
    sara = f"sara{uuid.uuid4().hex[:6]}"
    place.out()
    place.say(sara, {ids[name]: said for name, (said, _) in NOTHING.items()})
    place.back()
    assert len(decided(tmp_path)) == 1 and len(read_answers()) == len(NOTHING), "kept, and no decision but the header"
    assert sara in place.told(ids["english"]) and "corrects nothing" in place.told(ids["english"])
    assert "لم يتغيّر شيء" in place.told(ids["arabic"]) and "it says keep" in place.told(ids["plain"])
    if isinstance(place, Served):
        assert push(place.server, place.params, COUNTRIES).unchanged == len(NOTHING), "the note stays"
        assert not any(one.responses for one in place.server.present())
    place.say(sara, {ids[name]: said for name, (_, said) in NOTHING.items()})
    place.back()
    assert [line["decision"] for line in decided(tmp_path)[1:]] == [
        NOTHING[name][1]["decision"] for name in sorted(NOTHING, key=lambda name: ids[name])
    ]


@pytest.mark.parametrize("kind", ["spreadsheet", *SERVERS])
def test_each_person_reads_the_languages_chosen_the_first_one_first(
    kind: str, ids: dict[str, str], request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(kind)
    place.out()
    english = [ids[name] for name in TALKS if name != "arabic"]
    people = {name: f"{name}{uuid.uuid4().hex[:6]}" for name in ("sara", "omar", "nour")}
    assert place.seen(people["sara"], ("ar",)) == [ids["arabic"]]
    first, *others = place.seen(people["omar"], ("ar", "en"))
    assert first == ids["arabic"] and sorted(others) == sorted(english)
    assert sorted(place.seen(people["nour"])) == sorted(ids.values()), "who chose none gets all"


def decided_at_once(
    folder: Path, ids: Mapping[str, str], people: list[str], request: pytest.FixtureRequest
) -> list[dict[str, Any]]:
    """What the answers come to that went by no server and no file."""
    folder.mkdir()
    request.getfixturevalue("monkeypatch").chdir(folder)
    queue(folder)
    given = [
        Answer(ids[name], person, at="2026-01-05T10:00:00+00:00", codes=("ungrounded_price",), **SAID[name][number])
        for number, person in enumerate(people)
        for name in TALKS
        if SAID[name][number]
    ]
    received(given, request.getfixturevalue("params"), COUNTRIES)
    return decided(folder)


def decided(folder: Path) -> list[dict[str, Any]]:
    """The lines of decisions.jsonl, header and all, without their times."""
    lines = map(json.loads, (folder / "data/review/decisions.jsonl").read_text("utf-8").splitlines())
    return [{key: value for key, value in line.items() if key != "decided_at"} for line in lines]


@pytest.mark.parametrize("kind", SERVERS)
def test_a_push_writes_what_changed_and_costs_no_answer(
    kind: str, ids: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place: Served = request.getfixturevalue(kind)
    first = push(place.server, place.params, COUNTRIES)
    assert len(first.new) == 6 and push(place.server, place.params, COUNTRIES).unchanged == 6
    place.say("sara" + uuid.uuid4().hex[:6], {ids[name]: SAID[name][0] for name in TALKS})
    queue(tmp_path, "english")
    narrowed = push(place.server, place.params, COUNTRIES)
    assert (len(narrowed.aside), narrowed.gone) == (0, []), "everybody's rows were answered, a skip included"
    held = {one.external_id: one for one in place.server.present()}
    assert {*held} == {*ids.values()} and all(one.responses for one in held.values())
    assert place.server.delete_unanswered([one.id for one in held.values()]) == []
    statuses = [response["status"] for one in held.values() for response in one.responses]
    assert sorted(statuses) == ["discarded", *["submitted"] * 5]


@pytest.mark.parametrize("kind", SERVERS)
def test_what_nobody_needs_is_set_aside_then_deleted_and_comes_back(
    kind: str, ids: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place: Served = request.getfixturevalue(kind)
    place.out()
    queue(tmp_path, "english", "arabic")
    assert len(push(place.server, place.params, COUNTRIES).aside) == 4
    aside = [one for one in place.server.present() if one.is_aside]
    assert {one.external_id for one in aside} == {ids[name] for name in ("tool", "long", "hostile", "plain")}
    assert sorted(place.server.delete_unanswered([aside[0].id])) == [aside[0].id]
    queue(tmp_path)
    again = push(place.server, place.params, COUNTRIES)
    assert (len(again.new), len(again.changed), again.unchanged) == (1, 3, 2)
    assert not [one for one in place.server.present() if one.is_aside]
