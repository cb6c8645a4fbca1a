"""Logs of language models: requests with their answers, whoever wrote them down."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.ingest.formats import Outcome
from tests.ingest.formats.rows import contents, format_for, metadata, only, outcomes, said

ASKED, ANSWER, SYSTEM = "أين طلبي A-11؟", "It left on Monday.", "Be brief."
EXCHANGE = [("system", SYSTEM), ("user", ASKED), ("assistant", ANSWER)]
TURNS = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}]
CHOICES = {"choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]}
COMPLETION = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1740823200, "model": "gpt-4o-2024", **CHOICES}
CLAUDE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-3", "stop_reason": "end_turn"}
THINKS = [{"type": "thinking", "thinking": "a parcel", "signature": "s"}, {"type": "text", "text": ANSWER}]
LC_TURNS = [
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "SystemMessage"],
        "kwargs": {"content": SYSTEM},
    },
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "HumanMessage"],
        "kwargs": {"content": ASKED},
    },
]
LC_ANSWER = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain", "schema", "messages", "AIMessage"],
    "kwargs": {"content": ANSWER, "tool_calls": []},
}


def parts(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def otlp(**attributes: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


OTEL = {
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
    "gen_ai.input.messages": json.dumps([parts("user", ASKED)], ensure_ascii=False),
    "gen_ai.output.messages": json.dumps([{**parts("assistant", ANSWER), "finish_reason": "stop"}]),
    "gen_ai.request.model": "gpt-4o",
}
LOGS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat completions": ("openai_log", {"request": {"model": "gpt-4o", "messages": TURNS}, "response": COMPLETION}),
    "as texts in a table": (
        "openai_log",
        {"id": "1", "request_body": json.dumps({"messages": TURNS}), "response_body": json.dumps(COMPLETION)},
    ),
    "a batch": (
        "openai_log",
        {
            "custom_id": "r1",
            "request": {"method": "POST", "body": {"messages": TURNS}},
            "response": {"status_code": 200, "body": COMPLETION},
        },
    ),
    "stored completions": ("openai_log", {**COMPLETION, "messages": TURNS, "metadata": {"intent": "order_status"}}),
    "litellm": (
        "openai_log",
        {"call_type": "acompletion", "messages": TURNS, "response": COMPLETION, "model": "gpt-4o"},
    ),
    "responses": (
        "openai_log",
        {
            "request": {"model": "gpt-5", "instructions": SYSTEM, "input": ASKED},
            "response": {
                "object": "response",
                "model": "gpt-5",
                "output": [
                    {"type": "reasoning", "summary": []},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]},
                ],
            },
        },
    ),
    "anthropic": (
        "anthropic_log",
        {
            "request": {"model": "claude-3", "system": SYSTEM, "messages": TURNS[1:]},
            "response": {**CLAUDE, "content": THINKS},
        },
    ),
    "anthropic, flat": (
        "anthropic_log",
        {
            "system": [{"type": "text", "text": SYSTEM}],
            "messages": TURNS[1:],
            "response": {**CLAUDE, "content": THINKS},
        },
    ),
    "gemini": (
        "gemini_log",
        {
            "request": {
                "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
                "systemInstruction": {"parts": [{"text": SYSTEM}]},
            },
            "response": {
                "candidates": [{"content": {"role": "model", "parts": [{"text": ANSWER}]}}],
                "modelVersion": "gemini-2",
            },
        },
    ),
    "langfuse trace": (
        "langfuse",
        {
            "id": "t1",
            "sessionId": "s",
            "userId": "u1",
            "timestamp": "2025-03-01T10:00:00Z",
            "input": {"messages": TURNS},
            "output": {"role": "assistant", "content": ANSWER},
            "observations": [{"type": "GENERATION", "model": "gpt-4o"}],
            "scores": [],
        },
    ),
    "langfuse generation": (
        "langfuse",
        {
            "id": "o1",
            "traceId": "t1",
            "type": "GENERATION",
            "startTime": "2025-03-01T10:00:00Z",
            "model": "gpt-4o",
            "input": json.dumps(TURNS),
            "output": json.dumps({"choices": CHOICES["choices"]}),
        },
    ),
    "langfuse trace of a span": (
        "langfuse",
        {
            "id": "t2",
            "sessionId": "s",
            "input": None,
            "output": None,
            "observations": [
                {"type": "SPAN"},
                {"type": "GENERATION", "model": "gpt-4o", "input": TURNS, "output": ANSWER},
            ],
        },
    ),
    "langsmith": (
        "langsmith",
        {
            "id": "r1",
            "run_type": "llm",
            "start_time": "2025-03-01T10:00:00",
            "inputs": {"messages": [LC_TURNS]},
            "outputs": {"generations": [[{"text": ANSWER, "type": "ChatGeneration", "message": LC_ANSWER}]]},
            "extra": {"metadata": {"ls_model_name": "gpt-4o"}},
        },
    ),
    "langsmith, openai": (
        "langsmith",
        {
            "id": "r2",
            "run_type": "llm",
            "inputs": {"messages": TURNS},
            "outputs": COMPLETION,
            "extra": {"invocation_params": {"model": "gpt-4o"}},
        },
    ),
    "langsmith chain that gives the whole state": (
        "langsmith",
        {
            "id": "r3",
            "run_type": "chain",
            "inputs": {"messages": TURNS},
            "outputs": {"messages": [*TURNS, {"role": "assistant", "content": ANSWER}]},
            "extra": {"metadata": {"ls_model_name": "m"}},
        },
    ),
    "opentelemetry": ("opentelemetry", {"name": "chat", "traceId": "1", "attributes": OTEL}),
    "opentelemetry, columns": (
        "opentelemetry",
        {"name": "chat", **{f"attributes.{key}": value for key, value in OTEL.items()}},
    ),
    "otlp": (
        "opentelemetry",
        {
            "resourceSpans": [
                {
                    "resource": {},
                    "scopeSpans": [
                        {"spans": [{"name": "chat", "spanId": "2", "attributes": otlp(**OTEL)}, {"name": "http"}]}
                    ],
                }
            ]
        },
    ),
    "openllmetry": (
        "opentelemetry",
        {
            "attributes": {
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": SYSTEM,
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": ASKED,
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": ANSWER,
                "gen_ai.request.model": "gpt-4o",
            }
        },
    ),
    "opentelemetry events": (
        "opentelemetry",
        {
            "attributes": {"gen_ai.request.model": "gpt-4o"},
            "events": [
                {"name": "gen_ai.system.message", "attributes": {"content": SYSTEM}},
                {"name": "gen_ai.user.message", "attributes": {"content": ASKED}},
                {
                    "name": "gen_ai.choice",
                    "attributes": {"index": 0, "message": json.dumps({"role": "assistant", "content": ANSWER})},
                },
            ],
        },
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_request_and_its_answer_are_a_conversation_with_the_models_name(name: str):
    kind, row = LOGS[name]
    found = only(row)
    form = format_for(contents(row))
    assert (form and form.name, said(found)) == (kind, EXCHANGE)
    assert metadata(found)["model"]
    assert ANSWER not in json.dumps(dict(found.provenance), default=str)


def test_thinking_of_an_answer_is_kept_apart_and_times_and_people_are_known():
    found = only(LOGS["anthropic"][1])
    assert [m["reasoning"] for m in found.messages or []] == [None, None, "a parcel"]
    traced = only(LOGS["langfuse trace"][1])
    assert (traced.provenance["customer"], traced.provenance["created_at"].year) == ("u1", 2025)


@pytest.mark.parametrize(
    "beside",
    [
        {"feedback": "thumbs_down"},
        {"thumbs": -1},
        {"metadata": {"user_feedback": "👎"}},
        {"scores": [{"name": "user-feedback", "value": 0}, {"name": "quality", "value": 1}]},
        {"feedback_stats": {"user_score": {"n": 1, "avg": 0.0}}},
        {"evaluations": [{"name": "thumbs", "label": "down"}]},
    ],
)
@pytest.mark.parametrize("name", ["chat completions", "anthropic", "langfuse trace", "langsmith", "opentelemetry"])
def test_an_answer_with_a_thumb_down_is_no_reply(name: str, beside: dict[str, Any]):
    assert "rejected" in str(only({**LOGS[name][1], **beside}).reason)


def test_a_thumb_up_is_kept_and_scores_by_machines_are_no_thumbs():
    up = only({**LOGS["langfuse trace"][1], "scores": [{"name": "user-feedback", "value": 1}]})
    assert metadata(up)["feedback"] == "user-feedback: 1"
    machine = only({**LOGS["langfuse trace"][1], "scores": [{"name": "hallucination", "value": 0}]})
    assert said(machine) == EXCHANGE
    evaluated = [
        {
            "name": "gen_ai.evaluation.result",
            "attributes": {"gen_ai.evaluation.name": "user_thumbs", "gen_ai.evaluation.score.label": "down"},
        }
    ]
    assert "rejected" in str(only({**LOGS["opentelemetry"][1], "events": evaluated}).reason)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("chat completions", {"response": {"error": {"message": "rate limit"}}}),
        ("langfuse generation", {"type": "SPAN"}),
        ("langfuse trace of a span", {"observations": []}),
        ("langsmith", {"run_type": "tool"}),
        ("langsmith", {"error": "Timeout"}),
        ("opentelemetry", {"attributes": {"http.method": "GET"}}),
    ],
)
def test_what_is_no_conversation_in_a_log_is_refused_with_the_reason(name: str, change: dict[str, Any]):
    good = LOGS[name][1]
    *read, refused = sorted(outcomes(good, {**good, "x": 2}, {**good, **change}), key=lambda o: o.rows[0].number)
    assert [said(one) for one in read] == [EXCHANGE] * 2
    assert refused.reason


# -- requests that repeat one another ----------------------------------------------------------------------------------


def requests(*talks: list[str], system: str = "") -> list[Outcome]:
    """Outcomes of logged requests, each of these words, the customer first and the answer last."""
    rows = []
    for n, words in enumerate(talks):
        turns = [
            {"role": "user" if place % 2 == 0 else "assistant", "content": text} for place, text in enumerate(words)
        ]
        head = [{"role": "system", "content": f"{system} {n}"}] if system else []
        rows.append({"request": {"messages": [*head, *turns[:-1]]}, "response": {"choices": [{"message": turns[-1]}]}})
    return outcomes(*rows)


def taught(found: list[Outcome]) -> list[tuple[int, list[str]]]:
    """Row and the replies to learn of each conversation."""
    return [
        (
            one.rows[0].number,
            [m["content"] for m in one.messages or [] if m["role"] == "assistant" and m["train"] is not False],
        )
        for one in found
    ]


def test_of_requests_that_hold_the_turns_before_the_longest_stays_and_names_the_others():
    found = requests(["a", "1"], ["a", "1", "b", "2"], ["x", "9"], ["a", "1", "b", "2", "c", "3"], system="Now it is")
    assert taught(found) == [(3, ["9"]), (4, ["1", "2", "3"])]
    assert found[1].left_out == {1: "row 4 repeats all of it and goes on", 2: "row 4 repeats all of it and goes on"}


def test_where_chats_part_the_replies_before_are_learnt_once():
    found = requests(["a", "1", "b", "2", "c", "3"], ["a", "1", "b", "2", "c", "4"])
    assert taught(found) == [(1, ["1", "2", "3"]), (2, ["4"])]


def test_chats_that_only_begin_alike_or_are_the_same_stay_as_they_are():
    assert taught(requests(["hi", "hello", "b", "2"], ["hi", "hello", "c", "3"])) == [
        (1, ["hello", "2"]),
        (2, ["hello", "3"]),
    ]
    assert taught(requests(["a", "1"], ["a", "1"])) == [(1, ["1"]), (2, ["1"])]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from("abc"), min_size=2, max_size=8).map(lambda w: w[: len(w) // 2 * 2]),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_in_one_conversation_and_every_reply_stays_to_be_learnt(talks: list[list[str]]):
    found = requests(*talks)  # which asserts that each row is in one outcome
    kept = {tuple(m["content"] for m in one.messages or []) for one in found}
    for one in talks:
        assert any(words[: len(one)] == tuple(one) for words in kept)
    for one in found:
        assert set(one.left_out) == {row.number for row in one.rows[1:]}
