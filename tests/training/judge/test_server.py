"""Base and adapter on a real server on this machine."""

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
from tests.training.tiny import renderer
from training.judge.arms import bare
from training.judge.generation import ReplyMemory
from training.judge.scoring import Evaluate, Scorer

TALKS = record(talk("أين طلبي؟", "هنا", "شكراً", "عفواً"), talk("Hi", "Hello"), language=["ar", "en"])


@dataclass
class Running:
    """Where it is, whether it has the models, and what it was asked."""

    url: str = ""
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    here = Running()

    def answer(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        here.asked.append(asked)
        choice = {"text": f" to {len(asked['prompt'])} tokens ", "finish_reason": "length"}
        return here.status, {"choices": [choice]}

    monkeypatch.setenv("QIRAT_ENDPOINT_KEY", "geheim")
    with answering(answer) as here.url:
        yield here


def written(server: Running, arm: str, memory: Path) -> pl.DataFrame:
    where = {"url": server.url, "base": "their-base", "adapter": "their-adapter"}
    settings = Evaluate.model_validate(params("evaluate") | {"server": where, "max_new_tokens": 64})
    nobody: Any = SimpleNamespace(device="cpu", dtype="float32")  # the model at hand writes nothing
    playbook: Any = None
    judge = Scorer(nobody, renderer(), playbook, settings, lambda batches, *_: batches, ReplyMemory(memory, "version"))
    return judge.write(arm, TALKS, bare)


@pytest.mark.parametrize(("arm", "model"), [("base", "their-base"), ("adapter", "their-adapter")])
def test_replies_come_from_the_server_to_the_very_tokens_of_the_renderer(
    server: Running, tmp_path: Path, arm: str, model: str
) -> None:
    found = written(server, arm, tmp_path)
    sent = [
        renderer().prompt(messages[:turn])
        for messages in TALKS["messages"].to_list()
        for turn in range(1, len(messages), 2)
    ]
    assert sorted(one["prompt"] for one in server.asked) == sorted(sent)
    assert {(one["path"], one["key"], one["model"]) for one in server.asked} == {
        ("/v1/completions", "Bearer geheim", model)
    }
    assert all(one["temperature"] == 0 and one["repetition_penalty"] == 1 for one in server.asked)
    assert found["text"].to_list() == [f"to {len(prompt)} tokens" for prompt in sent]
    assert not found["stopped"].any()


def test_nobody_is_asked_twice(server: Running, tmp_path: Path) -> None:
    first, again = written(server, "base", tmp_path), written(server, "base", tmp_path)
    assert first.equals(again)
    assert len(server.asked) == 3
    written(server, "adapter", tmp_path)
    assert len(server.asked) == 6


def test_a_server_without_the_model_is_named_with_the_cure(server: Running, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(QiratError, match=r"evaluate\.server: .* gave no reply of 'their-base': it answers 404.*null"):
        written(server, "base", tmp_path)
