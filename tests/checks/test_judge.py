"""The opinion of a language model, asked of a real server on this machine."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from curation.checks import checks
from curation.harness.errors import QiratError
from curation.score import models
from curation.score.models import Judging
from tests.builders import context, record, talk

RUBRIC = {"model": "m", "rubric": "Is it kind?", "most": 3}
GOOD = '{"score": 2, "reason": "It is curt."}'


@dataclass
class Endpoint:
    """What the server answers next (a status and a text; the last for ever), and what it was asked."""

    answers: list[tuple[int, str]]
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    here = Endpoint([(200, GOOD)])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.asked.append({**body, "path": self.path, "key": self.headers["Authorization"]})
            status, text = here.answers.pop(0) if len(here.answers) > 1 else here.answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"choices": [{"message": {"content": text}}]}).encode())

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIRAT_JUDGE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("QIRAT_JUDGE_API_KEY", "k")
    monkeypatch.setattr(models, "PAUSE", 0.0)
    yield here
    server.shutdown()
    server.server_close()


def judged(*talks: list[dict[str, Any]], **options: Any) -> list[tuple[float, str]]:
    given = context()
    params = given.params.model_validate({**given.params.model_dump(), "judge": {**RUBRIC, **options}})
    judging = Judging(timeout=60)
    found = checks()["judge"](record(*talks), replace(given, params=params, ask=judging))
    print(f"no answer on {judging.failed} of {judging.asked}: {judging.why}")
    return found.select("value", "evidence").rows()


def test_nobody_is_asked_unless_a_judge_is_named(endpoint: Endpoint):
    assert checks()["judge"](record(talk("Hi", "Hello.")), context()).is_empty()
    assert endpoint.asked == []


def test_the_rubric_and_the_conversation_are_sent_and_the_score_comes_back(endpoint: Endpoint):
    assert judged(talk("أين طلبي؟", "لا أدري.")) == [(0.75, "It is curt.")]
    (sent,) = endpoint.asked
    assert (sent["path"], sent["key"], sent["temperature"]) == ("/v1/chat/completions", "Bearer k", 0)
    assert "Is it kind?" in sent["messages"][0]["content"]
    assert "user: أين طلبي؟\nassistant: لا أدري." in sent["messages"][1]["content"]


def test_personal_data_does_not_leave_the_machine(endpoint: Endpoint):
    judged(talk("I am sara@mail.example.com, call 0501234567", "ok"))
    assert not any(secret in json.dumps(endpoint.asked) for secret in ("sara@mail", "0501234567"))


def test_a_value_that_only_the_conversation_tells_does_not_leave_either(endpoint: Endpoint):
    judged(talk("My ID number is 12345678.", "I have noted 12345678."))
    assert "12345678" not in json.dumps(endpoint.asked)


def test_the_same_conversation_is_asked_about_once(endpoint: Endpoint):
    assert judged(talk("Hi", "No.")) == judged(talk("Hi", "No."))
    assert len(endpoint.asked) == 1
    judged(talk("Hi", "No."), rubric="Is it short?")
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize("torn", ["", '{"sco', "\0\0", "[2]"])
def test_an_answer_that_is_kept_and_torn_is_asked_for_anew(torn: str, endpoint: Endpoint):
    first = judged(talk("Hi", "No."))
    (kept,) = Path("data/cache/judge").glob("*.json")
    kept.write_text(torn)
    assert judged(talk("Hi", "No.")) == first
    assert len(endpoint.asked) == 2


def test_no_more_are_asked_than_the_budget_allows(endpoint: Endpoint):
    assert len(judged(*(talk(f"Question {n}", "No.") for n in range(9)))) == 3
    assert len(endpoint.asked) == 3


def test_a_busy_endpoint_is_asked_again(endpoint: Endpoint):
    endpoint.answers = [(429, ""), (503, ""), (200, GOOD)]
    assert judged(talk("Hi", "No.")) == [(0.75, "It is curt.")]


@pytest.mark.parametrize(
    "answer",
    [
        "fine",
        pytest.param("[" * 99_999, id="lists without end"),
        pytest.param('{"a":' * 9_999, id="objects without end"),
        '{"score": 9, "reason": ""}',
        '{"score": "5", "reason": ""}',
        '{"score": true, "reason": ""}',
        "[]",
    ],
)
def test_an_answer_in_another_form_is_no_finding_and_is_told(
    endpoint: Endpoint, answer: str, capsys: pytest.CaptureFixture[str]
):
    endpoint.answers = [(200, answer)]
    assert judged(talk("Hi", "No.")) == []
    assert "no answer on 1 of 1" in capsys.readouterr().out
    endpoint.answers = [(200, GOOD)]
    assert judged(talk("Hi", "No.")) == [(0.75, "It is curt.")]  # what failed is not remembered


def test_a_refused_key_is_not_asked_with_again(endpoint: Endpoint, capsys: pytest.CaptureFixture[str]):
    endpoint.answers = [(401, "")]
    assert judged(talk("Hi", "No.")) == []
    assert len(endpoint.asked) == 1
    assert "401" in capsys.readouterr().out


def test_an_endpoint_that_is_down_is_given_up(endpoint: Endpoint):
    endpoint.answers = [(400, "")]
    judged(*(talk(f"Question {n}", "No.") for n in range(9)), most=9)
    assert len(endpoint.asked) == models.GIVE_UP


def test_a_missing_address_is_an_error_with_its_cure(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("QIRAT_JUDGE_URL")
    with pytest.raises(QiratError, match="QIRAT_JUDGE_URL"):
        judged(talk("Hi", "No."))
