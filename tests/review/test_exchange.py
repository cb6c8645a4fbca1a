"""Push and pull as a whole, over a server in memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.consensus.consensus import Review
from curation.core.record.conversation import conversations, message
from curation.decisions import answers as answers_file
from curation.decisions.answers import Answer
from curation.decisions.decisions import PATH, Decision, read_decisions, write_decisions
from curation.harness.errors import QiratError
from curation.review import argilla_client
from curation.review.argilla_client import ReviewServer
from curation.review.present import answers
from curation.review.pull import Pulled, pull
from curation.review.push import PushPlan, push
from tests.review.fake_server import FakeServer, present, response
from tests.review.queue_tables import write_tables

PARAMS = Review()

TALKS = {name: [message("user", name), message("assistant", f"reply to {name}")] for name in ("one", "two", "three")}


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A project whose queue holds three conversations; their ids by name."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"row_id": f"f:{n}", "messages": talk, "language": "en", "source": "t"} for n, talk in enumerate(TALKS.values())
    ]
    table = conversations(rows)
    write_tables(tmp_path, table)
    return dict(zip(TALKS, table["conversation_id"], strict=True))


def narrow_queue(keep: str) -> None:
    queue = pl.read_parquet("data/routed/queue.parquet")
    queue.filter(conversation_id=keep).write_parquet("data/routed/queue.parquet")


def pushed(server: FakeServer) -> PushPlan:
    return push(as_server(server), PARAMS, ("SA",))


def pulled(server: FakeServer) -> Pulled:
    return pull(as_server(server), PARAMS, ("SA",))


def as_server(server: FakeServer) -> ReviewServer:
    given: Any = server
    return given  # type: ignore[no-any-return]


def names(server: FakeServer) -> set[str]:
    return {p.external_id for p in server.present() if not p.is_aside}


def test_the_queue_comes_to_the_server_once(ids: dict[str, str]) -> None:
    server = FakeServer()
    assert len(pushed(server).new) == 3
    assert names(server) == set(ids.values())
    assert pushed(server) == PushPlan([], [], [], [], [], unchanged=3)


def test_what_left_the_queue_is_set_aside_unless_somebody_has_answered(ids: dict[str, str]) -> None:
    server = FakeServer()
    pushed(server)
    server.answer(f"argilla-{ids['two']}", "draft")
    narrow_queue(ids["one"])
    assert [p.external_id for p in pushed(server).aside] == [ids["three"]]
    assert names(server) == {ids["one"], ids["two"]}
    assert pushed(server) == PushPlan([], [], [], [], [], unchanged=1)


@pytest.mark.parametrize("status", ["draft", "submitted", "discarded"])
def test_an_answer_given_during_a_push_keeps_its_record(ids: dict[str, str], status: str) -> None:
    server = FakeServer()
    pushed(server)
    narrow_queue(ids["one"])
    conversations_left = pl.read_parquet("data/ingested/conversations.parquet").filter(conversation_id=ids["one"])
    conversations_left.write_parquet("data/ingested/conversations.parquet")
    late = f"argilla-{ids['two']}"
    server.before_look = lambda key: server.answer(key, status) if key == late else None
    assert pushed(server).gone == [f"argilla-{ids['three']}"], "told is what was done, not what was planned"
    assert late in server.held


def test_decided_conversations_are_not_pushed_again(ids: dict[str, str]) -> None:
    write_decisions([Decision(conversation_id=ids["one"], decision="keep")])
    server = FakeServer()
    pushed(server)
    assert names(server) == {ids["two"], ids["three"]}


def test_only_submitted_answers_are_answers(ids: dict[str, str]) -> None:
    responses = (
        response("draft", decision="drop"),
        response("discarded"),
        response(
            "submitted",
            user="u2",
            decision="edit",
            reasons=["wrong_tone"],
            corrected="better",
            label="refund",
            confidence="unsure",
        ),
    )
    metadata = {"purpose": "blind_accepted", "codes": ["outlier"]}
    [found] = answers([present(f"{ids['one']}.2", metadata, "[2]\nworse", responses)], {"u2": "omar"})
    assert found == Answer(
        conversation_id=ids["one"],
        annotator="omar",
        decision="edit",
        reasons=("wrong_tone",),
        corrected="[2]\nbetter",
        label="refund",
        confidence="unsure",
        at="2026-01-05T10:00:00+00:00",
        purpose="blind_accepted",
        codes=("outlier",),
        round=2,
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"decision": "maybe"},
        {"decision": ["keep"]},
        {"decision": 1},
        {"decision": "keep", "confidence": "very"},
        {"decision": "edit", "corrected": {"text": "x"}},
        {"decision": "keep", "reasons": [1]},
        {"decision": "احذف"},
    ],
)
def test_an_answer_that_is_none_of_the_form_is_told_and_the_others_are_taken(
    ids: dict[str, str], values: dict[str, Any]
) -> None:
    server = FakeServer()
    pushed(server)
    server.answer(f"argilla-{ids['one']}", "submitted", **values)
    server.answer(f"argilla-{ids['two']}", "submitted", decision="keep")
    done = pulled(server)
    assert [found.conversation_id for found in answers_file.read_answers()] == [ids["two"]]
    [told] = done.unreadable
    assert f"record argilla-{ids['one']}" in told and "sara" in told and "answer anew" in told


def test_a_purpose_that_nobody_knows_is_a_doubt_and_can_be_read_again(ids: dict[str, str]) -> None:
    given = answers([present(ids["one"], {"purpose": "training"}, None, (response("submitted", decision="keep"),))], {})
    answers_file.write_answers(given)
    assert [found.purpose for found in answers_file.read_answers()] == ["doubt"]


def test_answers_become_decisions_and_pulling_twice_writes_the_same_file(ids: dict[str, str]) -> None:
    server = FakeServer()
    pushed(server)
    server.answer(f"argilla-{ids['one']}", "submitted", decision="edit", corrected="better")
    server.answer(f"argilla-{ids['two']}", "draft", decision="drop")
    server.answer(f"argilla-{ids['three']}", "submitted", decision="edit", corrected="call [phone]")
    done = pulled(server)
    assert (done.written, done.total) == (1, 1)
    assert "write the reply without it" in done.consensus.unusable[0]
    [decision] = read_decisions()
    assert decision.messages and decision.messages[1]["content"] == "better"
    first = PATH.read_bytes()
    assert pulled(server).written == 0
    assert PATH.read_bytes() == first


def test_a_covered_reply_edited_in_place_keeps_its_value(ids: dict[str, str], tmp_path: Path) -> None:
    talk = [message("user", "hi"), message("assistant", "Call +966 55 123 4567")]
    table = conversations([{"row_id": "f:1", "messages": talk, "language": "en", "source": "t"}])
    write_tables(tmp_path, table, turn=1)
    server = FakeServer()
    pushed(server)
    [held] = server.present()
    assert held.corrected == "[2]\nCall [phone_1]"
    server.answer(held.id, "submitted", decision="edit", corrected=f"{held.corrected} today")
    pulled(server)
    [decision] = read_decisions()
    assert decision.messages and decision.messages[1]["content"] == "Call +966 55 123 4567 today"


class Pages(ReviewServer):
    """A server of which only the records are there; `between(records)` happens after each page."""

    def __init__(self, between: Callable[[list[str]], None]) -> None:
        self.records = [f"{n:04}" for n in range(1_400)]
        self._between = between

    def _dataset(self) -> dict[str, Any]:
        return {"id": "d"}

    def _request(self, method: str, place: str, **details: Any) -> Any:
        asked = details["params"]
        ids = self.records[asked["offset"] : asked["offset"] + asked["limit"]]
        other = {"metadata": None, "suggestions": [], "status": "pending", "responses": [], "updated_at": "2026-01-05"}
        page = {"items": [{"id": key, "external_id": key, **other} for key in ids], "total": len(self.records)}
        self._between(self.records)
        return page


def test_records_that_come_and_go_while_pages_are_read_are_neither_missed_nor_doubled() -> None:
    fresh = iter(range(10_000))

    def few(records: list[str]) -> None:
        del records[3:23]
        records += [f"new{next(fresh)}" for _ in range(30)]

    server = Pages(few)
    found = [p.id for p in server.present()]
    assert len(set(found)) == len(found) and {f"{n:04}" for n in range(100, 1_400)} <= set(found)


def test_many_deletions_while_pages_are_read_have_it_read_again() -> None:
    times = iter([400, 0, 0, 0, 0, 0])
    server = Pages(lambda records: records.__delitem__(slice(0, next(times, 0))))
    assert {p.id for p in server.present()} == set(server.records)
    always = Pages(lambda records: records.__delitem__(slice(0, 60)))
    always.records *= 10
    with pytest.raises(QiratError, match="run this again later"):
        always.present()


@given(st.lists(st.integers(1, 30_000), max_size=30))
def test_requests_hold_every_record_once_and_no_more_bytes_than_one_record_needs(sizes: list[int]) -> None:
    items = [json.dumps("x" * size).encode() for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argilla_client, "_BYTES", 40_000)
        bodies = list(argilla_client._bodies(items))
    assert [item for body in bodies for item in json.loads(body)["items"]] == [json.loads(item) for item in items]
    assert all(len(body) <= 40_200 for body in bodies)
