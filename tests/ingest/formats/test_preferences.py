"""Preferences: the chosen answer is the reply, and the other one is none."""

import json
from typing import Any

import pytest

from tests.ingest.formats.rows import HELLO, chat, only, outcomes, said

BAD = "Sure, nobody checks."
QUESTION, KEPT = "Can I return a rug that I washed?", "No, but a damaged rug is replaced."
EXCHANGE = [("user", QUESTION), ("assistant", KEPT)]
PAIRS: dict[str, Any] = {
    "texts": {"prompt": QUESTION, "chosen": KEPT, "rejected": BAD},
    "messages": {
        "prompt": chat(EXCHANGE[:1]),
        "chosen": chat(EXCHANGE[1:]),
        "rejected": [{"role": "assistant", "content": BAD}],
    },
    "whole": {"prompt": QUESTION, "chosen": chat(EXCHANGE), "rejected": chat([EXCHANGE[0], ("assistant", BAD)])},
    "ultrafeedback": {
        "prompt": QUESTION,
        "prompt_id": "1",
        "messages": chat(EXCHANGE),
        "score_chosen": 8.0,
        "score_rejected": 2.0,
        "chosen": chat(EXCHANGE),
        "rejected": chat([EXCHANGE[0], ("assistant", BAD)]),
    },
    "hh": {
        "chosen": f"\n\nHuman: {QUESTION}\n\nAssistant: {KEPT}",
        "rejected": f"\n\nHuman: {QUESTION}\n\nAssistant: {BAD}",
    },
    "openai": {
        "input": {"messages": chat(EXCHANGE[:1]), "tools": []},
        "preferred_output": chat(EXCHANGE[1:]),
        "non_preferred_output": [{"role": "assistant", "content": BAD}],
    },
    "llama factory": {
        "conversations": [{"from": "human", "value": QUESTION}],
        "chosen": {"from": "gpt", "value": KEPT},
        "rejected": {"from": "gpt", "value": BAD},
    },
    "alpaca": {"instruction": QUESTION, "input": "", "chosen": KEPT, "rejected": BAD},
    "ratings": {"instruction": QUESTION, "generations": [BAD, KEPT], "ratings": [1, 5]},
    "rated answers": {
        "instruction": QUESTION,
        "completions": [
            {"model": "a", "response": BAD, "overall_score": 2.0},
            {"response": KEPT, "overall_score": 8.5},
        ],
    },
}


@pytest.mark.parametrize("name", PAIRS)
def test_of_a_preference_the_chosen_answer_is_the_reply_and_the_other_stands_nowhere(name: str):
    found = only(PAIRS[name])
    assert said(found) == EXCHANGE
    assert BAD not in json.dumps(dict(found.provenance), ensure_ascii=False)
    assert "label" not in found.provenance


@pytest.mark.parametrize("name", PAIRS)
def test_preferences_can_be_left_out(name: str):
    from tests.ingest.formats.rows import READING

    reading = READING.model_copy(update={"preferences": "leave_out"})
    assert "ingest.preferences: leave_out" in str(only(PAIRS[name], reading=reading).reason)


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ({"label": True}, {"label": False}),
        ({"label": "True"}, {"label": "False"}),
        ({"kto_tag": True}, {"kto_tag": False}),
        ({"thumbs": "up"}, {"thumbs": "down"}),
        ({"feedback": "👍"}, {"feedback": "👎"}),
        ({"thumbs_up": 1}, {"thumbs_down": 1}),
        ({"metadata": {"user_feedback": 1}}, {"metadata": {"user_feedback": -1}}),
        ({"feedback": {"score": 1}}, {"feedback": {"score": 0}}),
    ],
)
@pytest.mark.parametrize("form", ["messages", "conversations", "prompt", "instruction"])
def test_an_answer_that_was_rejected_is_no_reply_and_true_is_no_intent(yes: Any, no: Any, form: str):
    row: dict[str, Any] = {
        "messages": {"messages": chat(EXCHANGE)},
        "conversations": {"conversations": chat(EXCHANGE, "from", "value")},
        "prompt": {"prompt": QUESTION, "completion": KEPT},
        "instruction": {"instruction": QUESTION, "output": KEPT},
    }[form]
    good, bad = outcomes({**row, **yes}, {**row, **no})
    assert said(good) == EXCHANGE and "label" not in good.provenance
    assert "rejected" in str(bad.reason)


@pytest.mark.parametrize(
    "beside",
    [
        {"label": "refund"},
        {"feedback": "Great service!"},
        {"thumbs_up": 0},
        {"rating": 1},
        {"label": 0},
        {"thumbs": None},
    ],
)
def test_what_is_no_verdict_is_none(beside: dict[str, Any]):
    found = only({"messages": chat(HELLO), **beside})
    assert said(found) == HELLO
    assert found.provenance.get("label") == (
        "refund" if beside == {"label": "refund"} else "0" if "label" in beside else None
    )
