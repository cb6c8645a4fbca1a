"""GEPA with a model elsewhere: a real server on this machine that answers like one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from curation.core.record.playbook import Playbook
from curation.harness.errors import QiratError
from tests.builders import params, record, talk
from tests.training.baseline.test_optimise import judge as searching
from tests.training.baseline.test_optimise import material
from tests.training.elsewhere import answering
from tests.training.judge.test_scoring import Echo
from tests.training.tiny import renderer
from training.baseline.optimise import Optimise, optimise
from training.baseline.reflect import Reflect, Rewritten, rewritten
from training.judge.scoring import Evaluate, Scorer

pytest.importorskip("gepa")

SAY = {"en": "Thank you for asking.", "ar": "شكراً لسؤالك."}


@dataclass
class Server:
    """Where it is, the prompt that it proposes, and what it was asked."""

    url: str = ""
    proposal: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    here = Server()

    def answer(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        here.asked.append(asked)
        choice = {"message": {"content": f"Better:\n```\n{here.proposal}\n```"}, "finish_reason": "stop"}
        return 200, {"choices": [choice]}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIRAT_ENDPOINT_KEY", "geheim")
    with answering(answer) as here.url:
        yield here


def rewrite(server: Server, language: str, most: int = 24, seed: int = 7) -> Rewritten:
    """By a local model that says its prompt aloud, under a playbook that wants the team's thanks."""
    rule = {"id": "thanks", "kind": "required", "why": "We are polite.", "say": {c: [s] for c, s in SAY.items()}}
    playbook = Playbook.model_validate({"company": "Z", "max_words": 50, "rules": [rule]})
    settings = Evaluate.model_validate({**params("evaluate"), "max_new_tokens": 100})
    model: Any = Echo()
    judge = Scorer(model, renderer(), playbook, settings, lambda items, *rest: items)
    greeting = [{"role": "assistant", "content": "Hello!"}, *talk("Bye.")]  # nothing is asked that an arm answers
    rows = record(*[talk(f"a {n}?", SAY[language]) for n in range(4)], greeting, language=[language] * 5)
    return rewritten(judge, "Hm.", rows, Reflect(url=server.url, model="teacher", conversations=most), seed)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_proposal_under_which_the_local_model_keeps_the_playbook_is_taken(server: Server, language: str) -> None:
    server.proposal = SAY[language]
    found = rewrite(server, language)
    assert found.text == SAY[language]
    assert found.proposals == len(server.asked) >= 1
    assert found.answered >= 4
    said = server.asked[0]["messages"][0]["content"]
    for part in ("Hm.", "a 0?", "thanks (We are polite.)", SAY[language]):
        assert part in said
    assert (server.asked[0]["model"], server.asked[0]["key"]) == ("teacher", "Bearer geheim")


def test_a_proposal_that_keeps_no_more_rules_is_not_taken_and_the_budget_ends_the_search(server: Server) -> None:
    server.proposal = "Say nothing of use."
    found = rewrite(server, "en", most=12)
    assert found.text == "Hm."
    assert found.answered <= 12 + 6  # the last proposal is judged to its end


def test_a_rerun_asks_nobody_gives_the_same_and_keeps_no_key(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.proposal = SAY["en"]
    first = rewrite(server, "en")
    asked = len(server.asked)
    assert rewrite(server, "en") == first
    assert len(server.asked) == asked
    assert "geheim" not in "".join(path.read_text("utf-8") for path in Path("data/cache").rglob("*.json"))
    assert "a 0?" not in "".join(capsys.readouterr())


def test_the_search_tells_what_rewriting_cost(server: Server) -> None:
    server.proposal = f"Say: {SAY['en']} {SAY['en']}"
    wanted = Optimise(tokens=900, conversations=2, seed=7, reflect=Reflect(url=server.url, model="m", conversations=4))
    on = material({"en": SAY["en"]}, {"en": SAY["en"]})
    (found,) = optimise(searching(), {"en": "Zebras 4711."}, on, wanted, "v")
    assert found.proposals == len(server.asked) > 0
    assert found.answered > 0
    assert "proposals" in str(found)


def test_an_endpoint_that_is_not_there_is_told_with_its_setting(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.harness.endpoint.time.sleep", lambda seconds: None)
    with pytest.raises(QiratError, match=r"baseline\.optimise\.reflect: .* gave no answer"):
        rewrite(Server(url="http://127.0.0.1:1/v1"), "en")
