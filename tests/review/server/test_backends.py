"""Whatever people review on, the same answers come to the same decisions, and a push never costs an answer.

Label Studio's turn comes with STUDIO=1 (`make studio`): its environment takes a gigabyte.
"""

import csv
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
from curation.decisions.answers import Answer
from curation.review.argilla_client import ReviewServer
from curation.review.backend import Backend
from curation.review.embedded.process import Address
from curation.review.offline import export, take_in
from curation.review.pull import pull, received
from curation.review.push import push
from curation.review.studio_client import StudioServer
from tests.e2e.test_review_browser import ARABIC, ENGLISH, HOSTILE
from tests.review.queue_tables import write_tables
from tests.review.server.studio import signed_in

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
        with Path("out.csv").open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        columns = [column.partition("·")[0].strip() for column in header]
        filled = [dict(zip(columns, row, strict=True)) for row in rows]
        for row in filled:
            said = dict(given[row["id"]])
            reasons, label = ", ".join(said.pop("reasons", ())), said.pop("label", "")
            row.update(said | {"reasons": reasons, "label_corrected": label})
        with Path(f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *([row[column] for column in columns] for row in filled)])
        take_in(Path(f"{name}.csv"), name, self.params, COUNTRIES)

    def back(self) -> None: ...


class Served:
    """A server, and how somebody answers there."""

    def __init__(self, server: Backend, params: Review, say: Callable[..., None]) -> None:
        self.server, self.params, self._say = server, params, say

    def out(self) -> None:
        push(self.server, self.params, COUNTRIES)

    def say(self, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        self._say(self.server, name, given)

    def back(self) -> None:
        pull(self.server, self.params, COUNTRIES)


@pytest.fixture
def params() -> Review:
    return Review(workspace=f"w{uuid.uuid4().hex[:8]}", min_submitted=2)


@pytest.fixture
def argilla(request: pytest.FixtureRequest, params: Review) -> Served:
    owner = request.getfixturevalue("owner")

    def say(server: Backend, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        [workspace] = [w["id"] for w in owner.get("me/workspaces")["items"] if w["name"] == params.workspace]
        person = owner.annotator(workspace, name)
        for record in server.present():
            said = given[record.external_id]
            values = {name: {"value": list(v) if isinstance(v, tuple) else v} for name, v in said.items()}
            content = {"values": values, "status": "submitted" if said else "discarded"}
            assert person.ask("POST", f"records/{record.id}/responses", json=content).is_success

    return Served(ReviewServer(Address(owner.url, owner.key), params), params, say)


@pytest.fixture
def label_studio(request: pytest.FixtureRequest, params: Review) -> Served:
    address = request.getfixturevalue("studio")
    server = StudioServer(address, params)

    def say(_: Backend, name: str, given: Mapping[str, Mapping[str, Any]]) -> None:
        assert server._project
        person = signed_in(address.url, name, server.add_annotator(name), server._project["id"])
        for conversation, said in given.items():  # as the line has them
            task = person.next()
            assert task and task["data"]["id"] == conversation
            assert person.answer(task["id"], skip=not said, **said).status_code == 201

    return Served(server, params, say)


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
