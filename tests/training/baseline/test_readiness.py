import polars as pl
import pytest

from training.baseline.readiness import prompt_answer, traffic_answer
from training.judge.scoring import ARMS


def arms(n: int = 40, **prompt_tokens: float) -> pl.DataFrame:
    rows = [(arm, "prompt_tokens", "all", tokens, tokens, tokens, n, -1) for arm, tokens in prompt_tokens.items()]
    rows += [(arm, "playbook_pass", "all", 0.6, 0.5, 0.7, n, 1) for arm in prompt_tokens]
    return pl.DataFrame(rows, schema=ARMS, orient="row")


def traffic(tokens: float, replies_a_day: float, best: str = "prompted") -> dict[str, object]:
    from tests.training.tiny import model

    learnt = pl.DataFrame({"input_ids": [[1] * 50] * 100, "labels": [[-100] * 40 + [1] * 10] * 100})
    found = traffic_answer(arms(base=20, prompted=tokens), best, learnt, model().config, replies_a_day)
    return {"answer": found.answer, **found.figures}


def test_a_long_prompt_and_much_traffic_pay_for_training() -> None:
    found = traffic(420, 1000)
    assert (found["answer"], found["saved"]) == ("yes", 400)
    assert found["days"] == pytest.approx(found["replies"] / 1000, rel=0.01)  # type: ignore[operator]


def test_little_traffic_or_no_prompt_to_save_does_not() -> None:
    assert traffic(420, 0.01)["answer"] == "no"
    none = traffic(20, 1000)
    assert (none["answer"], none["saved"], "days" in none) == ("no", 0, False)


def test_a_prompt_that_reached_the_target_speaks_against_training_and_few_conversations_say_nothing() -> None:
    assert prompt_answer(arms(base=1), "base", "base", 0.95).answer == "no"
    assert prompt_answer(arms(base=1), "base", None, 0.95).answer == "yes"
    assert prompt_answer(arms(n=6, base=1), "base", None, 0.95).answer == "unknown"
