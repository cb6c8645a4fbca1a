"""Fields of messages in every dialect: calls and their results, reasoning, and prompts that hold turns."""

import io
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.formats import Outcome
from curation.ingest.tables import parquet
from curation.ingest.unpacking import SizeLimits
from tests.ingest.formats.rows import only, outcomes, said


def messages(outcome: Outcome) -> list[dict[str, Any]]:
    assert outcome.messages, outcome.reason
    return outcome.messages


def calls(outcome: Outcome) -> list[tuple[str, Any]]:
    """Name and arguments of all calls, whatever their form was."""
    found = [call for m in messages(outcome) if m["tool_calls"] for call in json.loads(m["tool_calls"])]
    told = [(call["function"]["name"], call["function"]["arguments"]) for call in found]
    return [(name, json.loads(given) if isinstance(given, str) else given) for name, given in told]


def results(outcome: Outcome) -> list[tuple[str | None, str]]:
    return [(m["tool_call_id"], m["content"]) for m in messages(outcome) if m["role"] == "tool"]


# -- calls and their results -------------------------------------------------------------------------------------------

ARGS = ({"parcel": "A-11"}, {"parcel": "B-22"})
ASKED = {"role": "user", "content": "Where are A-11 and B-22?"}
ANSWER = "A-11 is in Aqaba, B-22 in Jeddah."
LAST = {"role": "assistant", "content": ANSWER}


def openai_call(key: str, arguments: Any) -> dict[str, Any]:
    return {"id": key, "type": "function", "function": {"name": "track", "arguments": arguments}}


def hermes(arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'track', 'arguments': arguments})}\n</tool_call>"


DIALECTS: dict[str, Any] = {
    "openai": {
        "messages": [
            ASKED,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [openai_call(f"c{n}", json.dumps(a)) for n, a in enumerate(ARGS)],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "Jeddah"},
            {"role": "tool", "tool_call_id": "c0", "content": "Aqaba"},
            LAST,
        ]
    },
    "openai, arguments as objects": {
        "messages": [
            ASKED,
            {"role": "assistant", "content": "", "tool_calls": [openai_call(f"c{n}", a) for n, a in enumerate(ARGS)]},
            {"role": "tool", "tool_call_id": "c0", "content": "Aqaba"},
            {"role": "tool", "tool_call_id": "c1", "content": "Jeddah"},
            LAST,
        ]
    },
    "openai responses": {
        "messages": [
            ASKED,
            *(
                {"type": "function_call", "call_id": f"c{n}", "name": "track", "arguments": json.dumps(a)}
                for n, a in enumerate(ARGS)
            ),
            {"type": "function_call_output", "call_id": "c1", "output": "Jeddah"},
            {"type": "function_call_output", "call_id": "c0", "output": "Aqaba"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]},
        ]
    },
    "anthropic": {
        "messages": [
            ASKED,
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": f"c{n}", "name": "track", "input": a} for n, a in enumerate(ARGS)
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "Jeddah"}]},
                    {"type": "tool_result", "tool_use_id": "c0", "content": "Aqaba"},
                ],
            },
            LAST,
        ]
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": ASKED["content"]}]},
            {"role": "model", "parts": [{"functionCall": {"name": "track", "args": a}} for a in ARGS]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "track", "response": {"in": place}}} for place in ("Aqaba", "Jeddah")
                ],
            },
            {"role": "model", "parts": [{"text": ANSWER}]},
        ]
    },
    "langchain": {
        "messages": [
            {"type": "human", "content": ASKED["content"]},
            {
                "type": "ai",
                "content": "",
                "tool_calls": [{"name": "track", "args": a, "id": f"c{n}"} for n, a in enumerate(ARGS)],
            },
            {"type": "tool", "content": "Aqaba", "tool_call_id": "c0"},
            {"type": "tool", "content": "Jeddah", "tool_call_id": "c1"},
            {"type": "ai", "content": ANSWER},
        ]
    },
    "opentelemetry": {
        "messages": [
            {"role": "user", "parts": [{"type": "text", "content": ASKED["content"]}]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "tool_call", "id": f"c{n}", "name": "track", "arguments": a} for n, a in enumerate(ARGS)
                ],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "Jeddah"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c0", "result": "Aqaba"}]},
            {"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]},
        ]
    },
    "sharegpt, a list": {
        "conversations": [
            {"from": "human", "value": ASKED["content"]},
            {"from": "function_call", "value": json.dumps([{"name": "track", "arguments": a} for a in ARGS])},
            {"from": "observation", "value": "Aqaba"},
            {"from": "observation", "value": "Jeddah"},
            {"from": "gpt", "value": ANSWER},
        ]
    },
    "hermes": {
        "conversations": [
            {"from": "human", "value": ASKED["content"]},
            {"from": "gpt", "value": "\n".join(map(hermes, ARGS))},
            {
                "from": "tool",
                "value": "<tool_response>\nAqaba\n</tool_response>\n<tool_response>\nJeddah\n</tool_response>",
            },
            {"from": "gpt", "value": ANSWER},
        ]
    },
}


@pytest.mark.parametrize("name", DIALECTS)
def test_parallel_calls_and_their_results_are_one_whatever_the_dialect(name: str):
    found = only(DIALECTS[name])
    assert calls(found) == [("track", ARGS[0]), ("track", ARGS[1])]
    assert [m["role"] for m in messages(found)] == ["user", "assistant", "tool", "tool", "assistant"]
    told = [text for _, text in results(found)]
    assert ["Aqaba" in told[0], "Jeddah" in told[1]] == [True, True]
    assert messages(found)[-1]["content"] == ANSWER
    if results(found)[0][0] is not None:
        keys = [call.get("id") for call in json.loads(messages(found)[1]["tool_calls"])]
        assert [key for key, _ in results(found)] == keys == ["c0", "c1"]


@given(st.permutations(range(5)), st.booleans())
def test_results_stand_in_the_order_of_their_calls_unless_one_answers_no_call(order: list[int], stray: bool):
    called = {"role": "assistant", "content": "", "tool_calls": [openai_call(f"c{n}", "{}") for n in range(5)]}
    came = [{"role": "tool", "tool_call_id": "x" if stray and n == 0 else f"c{n}", "content": f"r{n}"} for n in order]
    found = [text for _, text in results(only({"messages": [ASKED, called, *came, LAST]}))]
    assert found == [f"r{n}" for n in (order if stray else range(5))]


def test_words_beside_calls_and_beside_results_stay():
    row = {
        "messages": [
            ASKED,
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "t", "name": "track", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": "4"},
                    {"type": "text", "text": "Well?"},
                ],
            },
            LAST,
        ]
    }
    assert said(only(row)) == [
        ("user", ASKED["content"]),
        ("assistant", "Let me look."),
        ("tool", "4"),
        ("user", "Well?"),
        ("assistant", ANSWER),
    ]
    spoken = {
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": f"One moment.\n{hermes({})}"}]
    }
    assert said(only(spoken))[1] == ("assistant", "One moment.")
    broken = {
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "<tool_call>{oops</tool_call>"}]
    }
    assert said(only(broken))[1] == ("assistant", "<tool_call>{oops</tool_call>")


# -- reasoning ---------------------------------------------------------------------------------------------------------

THOUGHT = "The sheet says low heat."


@pytest.mark.parametrize(
    "reply",
    [
        {"content": "Yes.", "reasoning_content": THOUGHT},
        {"content": "Yes.", "reasoning": THOUGHT},
        {"content": "Yes.", "thinking": THOUGHT},
        {"content": [{"type": "thinking", "thinking": THOUGHT, "signature": "x"}, {"type": "text", "text": "Yes."}]},
        {"content": [{"type": "reasoning", "text": THOUGHT}, {"type": "output_text", "text": "Yes."}]},
        {"parts": [{"text": THOUGHT, "thought": True}, {"text": "Yes."}]},
        {"parts": [{"type": "reasoning", "content": THOUGHT}, {"type": "text", "content": "Yes."}]},
    ],
)
def test_reasoning_is_kept_apart_from_the_reply(reply: dict[str, Any]):
    found = messages(only({"messages": [{"role": "user", "content": "Dryer safe?"}, {"role": "assistant", **reply}]}))
    assert [(m["content"], m["reasoning"]) for m in found] == [("Dryer safe?", None), ("Yes.", THOUGHT)]


def test_reasoning_that_is_an_item_of_its_own_belongs_to_the_reply_behind_it():
    row = {
        "messages": [
            {"role": "user", "content": "Dryer safe?"},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
        ]
    }
    assert [(m["content"], m["reasoning"]) for m in messages(only(row))] == [("Dryer safe?", None), ("Yes.", THOUGHT)]
    hidden = [{"type": "redacted_thinking", "data": "EqQBCg"}, {"type": "text", "text": "Yes."}]
    found = messages(
        only({"messages": [{"role": "user", "content": "Safe?"}, {"role": "assistant", "content": hidden}]})
    )
    assert (found[1]["content"], found[1]["reasoning"]) == ("Yes.", None)


# -- nulls of tables ---------------------------------------------------------------------------------------------------


def from_parquet(table: pl.DataFrame) -> list[Any]:
    held = io.BytesIO()
    table.write_parquet(held)
    return [row.value for chunk in parquet(held.getvalue(), SizeLimits()).chunks for row in chunk.rows()]


def test_nulls_that_a_table_puts_into_calls_and_schemas_are_taken_out_and_real_ones_stay():
    def row(name: str, key: str, value: Any) -> dict[str, Any]:
        schema = {"type": "object", "properties": {key: {"type": "string"}}}
        return {
            "messages": [
                ASKED,
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": name, "arguments": {key: value}}}
                    ],
                },
                LAST,
            ],
            "tools": [{"type": "function", "function": {"name": name, "parameters": schema}}],
        }

    rows = [row("track", "parcel", "A-11"), row("cancel", "order", "Q-5"), row("rate", "stars", "5")]
    found = outcomes(*from_parquet(pl.DataFrame(rows)))
    assert [calls(outcome) for outcome in found] == [
        [("track", {"parcel": "A-11"})],
        [("cancel", {"order": "Q-5"})],
        [("rate", {"stars": "5"})],
    ]
    kept = [json.loads(outcome.provenance["tools"])[0]["function"]["parameters"]["properties"] for outcome in found]
    assert kept == [{"parcel": {"type": "string"}}, {"order": {"type": "string"}}, {"stars": {"type": "string"}}]
    real = {
        "messages": [
            ASKED,
            {"role": "assistant", "content": "", "tool_calls": [openai_call("c", {"parcel": None})]},
            LAST,
        ]
    }
    assert calls(only(real)) == [("track", {"parcel": None})]
    as_text = row("track", "parcel", "x") | {"messages": json.dumps(real["messages"])}
    assert calls(outcomes(*from_parquet(pl.DataFrame([{"messages": as_text["messages"]}])))[0]) == [
        ("track", {"parcel": None})
    ]


# -- prompts of several turns ------------------------------------------------------------------------------------------

LEAKS = [
    ("user", "my kettle leaks"),
    ("assistant", "Sorry, where?"),
    ("user", "at the base"),
    ("assistant", "A new ring is on its way."),
]


@pytest.mark.parametrize(
    "prompt",
    [
        "Customer: my kettle leaks\nAgent: Sorry, where?\nCustomer: at the base\nAgent:",
        "User: my kettle leaks\n\nAssistant: Sorry, where?\n\nUser: at the base\n\nAssistant: ",
        "Customer: my kettle leaks\nAgent: Sorry, where?\nCustomer: at the base",
        "Client: my kettle leaks\nSupport: Sorry, where?\nClient: at the base\nSupport:\n\n###\n\n",
        "العميل: my kettle leaks\nالموظف: Sorry, where?\nالعميل: at the base\nالموظف:",
    ],
)
def test_a_prompt_in_which_both_sides_speak_becomes_turns(prompt: str):
    assert said(only({"prompt": prompt, "completion": " A new ring is on its way."}))[:3] == LEAKS[:3]


@pytest.mark.parametrize(
    "prompt",
    [
        "Note: it leaks",
        "Where is my order?\nCustomer: Sara",
        "Customer: hello",
        "Order: 12\nModel: X",
        "Agent: who are you?",
    ],
)
def test_other_prompts_stay_what_the_customer_says(prompt: str):
    assert said(only({"prompt": prompt, "completion": "Yes."})) == [("user", prompt), ("assistant", "Yes.")]


def test_an_instruction_above_the_turns_is_the_system_message():
    prompt = "You are an agent of a kettle shop.\n\nCustomer: it leaks\nAgent:"
    assert said(only({"prompt": prompt, "completion": "Sorry."}))[0] == ("system", "You are an agent of a kettle shop.")
