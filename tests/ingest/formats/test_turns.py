"""Fields of messages in every dialect: calls and their results, reasoning, and what is not to be learnt."""

import io
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.formats import UNTAUGHT, Outcome
from curation.ingest.tables import parquet
from curation.ingest.unpacking import SizeLimits
from curation.record.conversation import as_taught, conversation_id, turns
from curation.record.repair import repair_messages
from tests.builders import record, talk
from tests.ingest.formats.rows import HELLO, chat, only, outcomes, said


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


# -- what is not to be learnt ------------------------------------------------------------------------------------------

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
    from curation.record.conversation import message

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


# -- preferences -------------------------------------------------------------------------------------------------------

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
