"""Replies that are marked as not to be learnt, in every dialect."""

import json
from typing import Any

import pytest

from curation.core.record.conversation import as_taught, conversation_id, turns
from curation.core.record.repair import repair_messages
from curation.ingest.formats import UNTAUGHT, Outcome
from tests.builders import record, talk
from tests.ingest.formats.rows import HELLO, chat, only


def messages(outcome: Outcome) -> list[dict[str, Any]]:
    assert outcome.messages, outcome.reason
    return outcome.messages


RUDE, GOOD = "That is your own fault, read the manual.", "I am sorry, a new jar leaves today."
AGAINST = [
    {"weight": 0},
    {"weight": 0.0},
    {"weight": "0"},
    {"train": False},
    {"train": "false"},
    {"loss": False},
    {"loss_mask": 0},
    {"mask": True},
    {"train_on": False},
    {"trainable": False},
    {"train_detail": [{"begin_offset": 0, "end_offset": 5, "train": False}]},
    {"feedback": "thumbs_down"},
    {"thumbs": "👎"},
]
FOR: list[dict[str, Any]] = [
    {},
    {"weight": 1},
    {"weight": 0.5},
    {"train": True},
    {"loss": True},
    {"mask": False},
    {"weight": None},
]


def two_replies(against: dict[str, Any], beside: dict[str, Any], role: str, content: str) -> list[dict[str, Any]]:
    customer, team = ("human", "gpt") if role == "from" else ("user", "assistant")
    return [
        {role: customer, content: "My blender came with a cracked jar."},
        {role: team, content: RUDE, **against},
        {role: customer, content: "Excuse me?"},
        {role: team, content: GOOD, **beside},
    ]


@pytest.mark.parametrize("against", AGAINST, ids=str)
@pytest.mark.parametrize("beside", FOR, ids=str)
@pytest.mark.parametrize("field", ["messages", "conversations", "as text"])
def test_a_reply_marked_not_to_be_learnt_is_kept_and_marked(against: Any, beside: Any, field: str):
    role, content = ("from", "value") if field == "conversations" else ("role", "content")
    turned: Any = two_replies(against, beside, role, content)
    row = {"messages": json.dumps(turned)} if field == "as text" else {field: turned}
    found = messages(only(row))
    assert [(m["content"], m["train"] is False) for m in found if m["role"] == "assistant"] == [
        (RUDE, True),
        (GOOD, False),
    ]


def test_in_alpacas_history_too():
    row = {
        "instruction": "And the lid?",
        "output": GOOD,
        "history": [{"instruction": "The jar?", "output": RUDE, "weight": 0}],
    }
    assert [m["train"] for m in messages(only(row)) if m["role"] == "assistant"] == [False, None]
    with_weight = {**row, "history": [["The jar?", RUDE, 0], ["The cup?", GOOD, 1]]}
    assert [m["train"] for m in messages(only(with_weight)) if m["role"] == "assistant"] == [False, True, None]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": two_replies({"weight": 0}, {"train": False}, "role", "content")},
        {"messages": chat(HELLO), "train": False},
        {"conversations": chat(HELLO), "weight": 0},
        {"instruction": "a", "output": "b", "loss": False},
        {"prompt": "a", "completion": "b", "train": "false"},
    ],
)
def test_a_conversation_of_which_nothing_is_to_be_learnt_is_refused_with_the_reason(row: Any):
    assert only(row).reason == UNTAUGHT


def test_a_reply_to_learn_is_never_merged_with_one_that_is_not():
    burst = [
        {**m, "train": train} for m, train in zip(talk("a", "b", "c", "d"), (None, False, None, None), strict=True)
    ]
    burst = [burst[0], burst[1], burst[3], {**burst[3], "content": "e"}]
    merged = repair_messages(messages_of(burst), merge=True)
    assert [(m["content"], m["train"]) for m in merged] == [("a", None), ("b", False), ("d\ne", None)]


def messages_of(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from curation.core.record.conversation import message

    return [message(**m) for m in said]


def test_what_is_not_learnt_makes_another_conversation_and_what_is_does_not():
    ids = {mark: conversation_id([talk("a")[0], {**talk("a", "b")[1], "train": mark}]) for mark in (None, True, False)}
    assert ids[None] == ids[True] == conversation_id(talk("a", "b")) != ids[False]


def test_checks_see_a_reply_that_is_not_learnt_as_nobodys():
    table = record(two_replies({"train": False}, {}, "role", "content"))
    seen = turns(as_taught(table))
    assert seen["role"].to_list() == ["user", "untaught", "user", "assistant"]
    assert seen["content"].to_list() == turns(table)["content"].to_list()
    plain = record(talk("a", "b"))
    assert as_taught(plain) is plain
