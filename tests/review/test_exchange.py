"""Push and pull as a whole, over a server in memory."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.conversation import conversations, message
from curation.decision import PATH, Decision, read_decisions, write_decisions
from curation.review.argilla_client import Present, ReviewServer, answers
from curation.review.pull import pull
from curation.review.push import push, retire
from tests.review.fake_server import FakeServer, response

TALKS = {name: [message("user", name), message("assistant", f"reply to {name}")] for name in ("one", "two", "three")}


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A project whose queue holds three conversations; their ids by name."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"row_id": f"f:{n}", "messages": talk, "language": "en", "source": "t"} for n, talk in enumerate(TALKS.values())
    ]
    table = conversations(rows)
    queue = table.select(
        "conversation_id",
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        priority=pl.lit(0.5),
        reason=pl.lit("doubt"),
        codes=pl.lit(["outlier"]),
        evidence=pl.lit(["outlier: far"]),
        verdict=pl.lit("review"),
    )
    for place, content in {"ingested/conversations": table, "routed/queue": queue}.items():
        path = tmp_path / "data" / f"{place}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        content.write_parquet(path)
    return dict(zip(TALKS, table["conversation_id"], strict=True))


def narrow_queue(keep: str) -> None:
    queue = pl.read_parquet("data/routed/queue.parquet")
    queue.filter(conversation_id=keep).write_parquet("data/routed/queue.parquet")


def pushed(server: FakeServer) -> Any:
    return push(as_server(server), None)


def as_server(server: FakeServer) -> ReviewServer:
    given: Any = server
    return given  # type: ignore[no-any-return]


def test_the_queue_comes_to_the_server_once(ids: dict[str, str]) -> None:
    server = FakeServer()
    assert len(pushed(server).new) == 3
    assert {p.record["external_id"] for p in server.present()} == set(ids.values())
    again = pushed(server)
    assert (again.new, again.changed, again.retired, again.unchanged) == ([], [], [], 3)


def test_what_left_the_queue_goes_unless_somebody_has_answered(ids: dict[str, str]) -> None:
    server = FakeServer()
    pushed(server)
    server.answer(f"argilla-{ids['two']}", "draft")
    narrow_queue(ids["one"])
    assert pushed(server).retired == [f"argilla-{ids['three']}"]
    assert {p.record["external_id"] for p in server.present()} == {ids["one"], ids["two"]}


@pytest.mark.parametrize("status", ["draft", "submitted", "discarded"])
def test_an_answer_given_during_a_push_keeps_its_record(ids: dict[str, str], status: str) -> None:
    server = FakeServer()
    pushed(server)
    narrow_queue(ids["one"])
    late = f"argilla-{ids['two']}"
    server.before_look = lambda key: server.answer(key, status) if key == late else None
    assert pushed(server).retired == [f"argilla-{ids['three']}"], "told is what was done, not what was planned"
    assert late in server.held


def test_each_record_is_looked_at_just_before_it_is_deleted() -> None:
    steps: list[str] = []

    class Watched(FakeServer):
        def delete(self, key: str) -> None:
            steps.append(f"delete {key}")

    record = {"external_id": "x", "fields": {}, "metadata": {}}
    held = [Present(key, record, "pending", ()) for key in "ab"]
    retire(as_server(Watched(*held, before_look=lambda key: steps.append(f"look {key}"))), ["a", "b"])
    assert steps == ["look a", "delete a", "look b", "delete b"]


def test_decided_conversations_are_not_pushed_again(ids: dict[str, str]) -> None:
    write_decisions([Decision(conversation_id=ids["one"], decision="keep")])
    server = FakeServer()
    pushed(server)
    assert {p.record["external_id"] for p in server.present()} == {ids["two"], ids["three"]}


def test_only_submitted_answers_are_answers(ids: dict[str, str]) -> None:
    responses = (
        response("draft", decision="drop"),
        response("discarded"),
        response("submitted", user="u2", decision="edit", reasons=["wrong_tone"], corrected="better", label="refund"),
    )
    record = {"external_id": ids["one"], "fields": {}, "metadata": {}}
    [found] = answers([Present("r", record, "pending", responses)], {"u2": "omar"})
    assert (found.conversation_id, found.annotator, found.decision) == (ids["one"], "omar", "edit")
    assert (found.reasons, found.corrected, found.label) == (("wrong_tone",), "better", "refund")
    assert found.at == "2026-01-05T10:00:00+00:00"


def test_answers_become_decisions_and_pulling_twice_writes_the_same_file(ids: dict[str, str]) -> None:
    server = FakeServer()
    pushed(server)
    server.answer(f"argilla-{ids['one']}", "submitted", decision="edit", corrected="better")
    server.answer(f"argilla-{ids['two']}", "draft", decision="drop")
    server.answer(f"argilla-{ids['three']}", "submitted", decision="edit", corrected="call [phone]")
    done = pull(as_server(server), 1)
    assert (done.written, done.total) == (1, 1)
    assert "write the reply without it" in done.consensus.unusable[0]
    [decision] = read_decisions()
    assert decision.messages and decision.messages[1]["content"] == "better"
    first = PATH.read_bytes()
    assert pull(as_server(server), 1).written == 0
    assert PATH.read_bytes() == first
