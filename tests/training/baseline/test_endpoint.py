"""A model elsewhere, asked of a real server on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from curation.harness.errors import QiratError
from tests.builders import params, record, talk
from tests.training.elsewhere import answering
from training.baseline.endpoint import Endpoint, endpoint_replies
from training.judge.arms import Before, bare, prompted
from training.judge.scoring import Evaluate

SETTINGS = Evaluate.model_validate(params("evaluate"))
TALKS = record(talk("أين طلبي؟", "هنا", "شكراً", "عفواً"), talk("Hi", "Hello"), language=["ar", "en"])


@dataclass
class Server:
    """Where it is, what it answers, and what it was asked."""

    url: str = ""
    status: int = 200
    usage: dict[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 70, "completion_tokens": 9})
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    here = Server()

    def answer(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        here.asked.append(asked)
        choice = {"message": {"content": f" reply {len(here.asked)} "}, "finish_reason": "stop"}
        return here.status, {"choices": [choice], "usage": here.usage}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIRAT_ENDPOINT_KEY", "geheim")
    monkeypatch.setattr("curation.harness.endpoint.time.sleep", lambda seconds: None)
    with answering(answer, lambda path, key: here.asked.append({"path": path, "key": key})) as here.url:
        yield here


def replies(server: Server, before: Before = bare, **options: Any) -> pl.DataFrame:
    asked = Endpoint(url=server.url, model="m", **options)
    judge = SimpleNamespace(
        params=SETTINGS,
        tokens=lambda text: len(text.split()),
        progress=lambda items, what, unit: items,
        limit={"en": 40, "ar": 70}.__getitem__,
    )
    return endpoint_replies(asked, TALKS, before, judge)


def test_every_reply_is_asked_for_with_what_stood_before_it_and_tokens_are_counted(server: Server) -> None:
    found = replies(server, prompted({"en": "Be brief.", "ar": "أوجز."}))
    assert found.select("arm", "turn", "text", "prompt_tokens", "tokens", "stopped").rows() == [
        ("endpoint", 1, "reply 1", 70, 9, True),
        ("endpoint", 3, "reply 2", 70, 9, True),
        ("endpoint", 1, "reply 3", 70, 9, True),
    ]
    assert [m["content"] for m in server.asked[1]["messages"]] == ["أوجز.", "أين طلبي؟", "هنا", "شكراً"]
    assert server.asked[0]["temperature"] == 0
    assert [body["max_tokens"] for body in server.asked] == [70, 70, 40]
    assert server.asked[0]["key"] == "Bearer geheim"


def test_a_rerun_asks_nobody_and_gives_the_same(server: Server) -> None:
    assert replies(server).equals(replies(server))
    assert len(server.asked) == 3
    kept = "".join(path.read_text("utf-8") for path in Path("data/cache").rglob("*.json"))
    assert "geheim" not in kept


def test_tokens_are_counted_here_where_the_endpoint_does_not_tell_them(server: Server) -> None:
    server.usage = None
    assert replies(server).select("prompt_tokens", "tokens").rows() == [(2, 2), (4, 2), (1, 2)]


def test_more_requests_than_allowed_are_refused_before_the_first(server: Server) -> None:
    with pytest.raises(QiratError, match=r"3 answers are wanted and 2 allowed; raise baseline.endpoint.most"):
        replies(server, most=2)
    assert server.asked == []


def test_an_endpoint_that_fails_is_told_with_the_cure_and_without_the_key(server: Server) -> None:
    server.status = 503
    with pytest.raises(QiratError, match=r"gave no answer: it answers 503 .*QIRAT_ENDPOINT_KEY") as error:
        replies(server)
    assert len(server.asked) == 3  # attempts
    assert "geheim" not in str(error.value)
    with pytest.raises(QiratError, match="is no address"):
        replies(Server(url="host/v1"))


def test_the_key_goes_nowhere_that_the_endpoint_points_to(server: Server) -> None:
    server.status = 302
    with pytest.raises(QiratError, match="404"):
        replies(server)
    assert [(asked["path"], asked["key"]) for asked in server.asked] == [
        ("/v1/chat/completions", "Bearer geheim"),
        ("/elsewhere", None),
    ]
