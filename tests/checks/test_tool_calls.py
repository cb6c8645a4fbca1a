"""Calls of tools that cannot be run, and results that belong to none."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.checks import checks
from tests.builders import context, record

SCHEMA = {
    "type": "object",
    "properties": {
        "parcel": {"type": "string"},
        "count": {"type": "integer"},
        "speed": {"type": "string", "enum": ["fast", "slow"]},
        "note": {"type": ["string", "null"]},
    },
    "required": ["parcel"],
}
TOOLS = [{"type": "function", "function": {"name": "track", "parameters": SCHEMA}}]
OTHERS = {
    "openai": TOOLS,
    "flat": [{"name": "track", "parameters": SCHEMA}],
    "anthropic": [{"name": "track", "input_schema": SCHEMA}],
    "gemini": [{"functionDeclarations": [{"name": "track", "parameters": {**SCHEMA, "type": "OBJECT"}}]}],
}


def call(arguments: Any, key: str | None = "c", name: Any = "track") -> dict[str, Any]:
    return {**({"id": key} if key else {}), "type": "function", "function": {"name": name, "arguments": arguments}}


def found(*turns: Any, tools: Any = TOOLS) -> list[tuple[str, int | None]]:
    """Codes and turns seen in a conversation of a question and these turns: calls, (id, result) or words."""
    said: list[dict[str, Any]] = [{"role": "user", "content": "أين الطرد A-11؟"}]
    for turn in turns:
        if isinstance(turn, list):
            said.append({"role": "assistant", "content": "", "tool_calls": json.dumps(turn)})
        elif isinstance(turn, tuple):
            said.append({"role": "tool", "content": turn[1], "tool_call_id": turn[0]})
        else:
            said.append({"role": "assistant", "content": turn})
    rows = record(said).with_columns(tools=pl.lit(json.dumps(tools) if tools else None))
    seen = checks()["tool_calls"](rows, context())
    return list(zip(seen["code"], seen["turn"], strict=True))


GOOD: list[Any] = [
    {"parcel": "A-11"},
    json.dumps({"parcel": "A-11"}),
    {"parcel": "ط-١١", "count": 2, "speed": "fast", "note": None},
    {"parcel": "A", "count": 2.0},
]


@pytest.mark.parametrize("tools", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("arguments", GOOD, ids=str)
def test_good_calls_are_not_seen(arguments: Any, tools: Any):
    assert found([call(arguments)], ("c", "Aqaba"), "It is in Aqaba.", tools=tools) == []


@pytest.mark.parametrize("tools", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('{"parcel": "A-11"', "malformed_call"),
        ("parcel=A-11", "malformed_call"),
        ("[1]", "malformed_call"),
        (["A-11"], "malformed_call"),
        ('"A-11"', "malformed_call"),
        ({}, "wrong_argument"),
        ("", "wrong_argument"),
        ({"parcel": 11}, "wrong_argument"),
        ({"parcel": "A", "count": "2"}, "wrong_argument"),
        ({"parcel": "A", "count": True}, "wrong_argument"),
        ({"parcel": "A", "count": 2.5}, "wrong_argument"),
        ({"parcel": "A", "speed": "medium"}, "wrong_argument"),
        ({"parcel": "A", "parcel_id": "B"}, "wrong_argument"),
        ({"parcel": None}, "wrong_argument"),
    ],
)
def test_what_cannot_be_run_is_seen(arguments: Any, code: str, tools: Any):
    assert found([call(arguments)], ("c", "Aqaba"), "It is in Aqaba.", tools=tools) == [(code, 1)]


def test_a_tool_that_is_not_offered_is_seen_where_tools_are_told():
    assert found([call({}, name="cancel")], ("c", "ok"), "Done.") == [("unknown_tool", 1)]
    assert found([call({}, name="cancel")], ("c", "ok"), "Done.", tools=None) == []
    assert found([call({}, name=None)], ("c", "ok"), "Done.", tools=None) == [("malformed_call", 1)]
    assert found("<tool_call>{oops</tool_call>", tools=None) == [("malformed_call", 1)]


def test_a_schema_of_another_kind_says_nothing():
    odd = [{"name": "track", "parameters": {"parcel": {"type": "str", "description": "which"}}}]
    assert found([call({"anything": 1})], ("c", "ok"), "Done.", tools=odd) == []
    assert found([call({})], ("c", "ok"), "Done.", tools="no list") == []


ONE = {"parcel": "A-11"}


@pytest.mark.parametrize(
    ("turns", "codes"),
    [
        ([[call(ONE, "a"), call(ONE, "b")], ("b", "1"), ("a", "2"), "Both."], []),
        ([[call(ONE, "a"), call(ONE, "b")], ("b", "1"), "One."], [("unanswered_call", 1)]),
        ([[call(ONE, "a")], "It is there."], [("unanswered_call", 1)]),
        ([[call(ONE, "a")]], []),  # the call is what is to be learnt
        ([[call(ONE, None), call(ONE, None)], (None, "both in Amman"), "Both."], []),
        ([[call(ONE, None)], "It is there."], [("unanswered_call", 1)]),
        ([[call(ONE, "a")], ("x", "1"), ("a", "2"), "There."], [("orphan_result", 2)]),
        ([("x", "1"), "There."], [("orphan_result", 1)]),
        ([(None, "an article from the help pages"), "There."], []),
        ([(None, "1"), [call(ONE, "a")], ("a", "2"), "There."], [("orphan_result", 1)]),
        ([[call(ONE, "a")], ("a", "1"), [call(ONE, "b")], ("b", "2"), "There."], []),
        ([[call(ONE, None)], ("a", "1"), "There."], []),
    ],
)
def test_calls_and_results_belong_together(turns: list[Any], codes: list[tuple[str, int]]):
    assert found(*turns) == codes


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=6,
    ),
    st.text(max_size=20),
)
def test_whatever_stands_in_calls_and_tools_is_looked_at_without_a_fault(value: Any, text: str):
    for tools in (value, [{"name": "track", "parameters": value}], text):
        for arguments in (value, text):
            found([call(arguments), value], ("c", "x"), "Done.", tools=tools)
