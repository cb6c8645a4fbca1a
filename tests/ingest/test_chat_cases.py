"""Whole files of chats as others write them, through the real reader."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.test_ingest import read, said

CASES = Path(__file__).parent / "cases/chats"


def found(name: str) -> dict[str, dict[str, Any]]:
    _, conversations, _ = read(CASES / name)
    return {row["source_id"]: row for row in conversations}


def refused(name: str) -> dict[int, str]:
    _, _, quarantine = read(CASES / name)
    return {row["source_row"]: row["reason"] for row in quarantine}


def test_openais_rows_keep_what_carries_meaning():
    rows = found("openai.jsonl")
    assert [m["train"] for m in rows["weight0"]["messages"]] == [None, False, None, True]
    assert said(rows["developer"])[0] == ("system", "Answer in one line.")
    assert [m["reasoning"] is None for m in rows["reasoning"]["messages"]] == [True, False]
    assert rows["reasoning_only_key"]["messages"][1]["reasoning"] == "sheet says low heat"
    assert (rows["anthropic"]["messages"][1]["reasoning"], said(rows["anthropic"])[1][1][:5]) == ("two years", "Motor")
    assert [(m["role"], m["tool_call_id"]) for m in rows["parallel"]["messages"][2:4]] == [
        ("tool", "c1"),
        ("tool", "c2"),
    ]
    assert said(rows["parallel"])[2:4] == [("tool", "A-11: delivered"), ("tool", "B-22: in Jeddah")]
    assert [role for role, _ in said(rows["tool_use"])] == ["user", "assistant", "tool", "assistant"]
    for name, call, arguments in (("oldcall", "cancel", "QX-77"), ("argsdict", "refund", "QX-78")):
        assert (
            f'"{call}"' in rows[name]["messages"][1]["tool_calls"]
            and arguments in rows[name]["messages"][1]["tool_calls"]
        )
    assert list(refused("openai.jsonl")) == [4]


def test_sharegpts_rows_too():
    rows = found("sharegpt.jsonl")
    for name in ("weight", "train_false"):
        assert [m["train"] for m in rows[name]["messages"]] == [None, False, None, True]
    assert [len(json.loads(rows[name]["messages"][1]["tool_calls"])) for name in ("calls_list", "calls_one")] == [2, 1]
    assert said(rows["gpt4"]) == [("user", "Do you engrave?"), ("assistant", "We do not.")]
    assert said(rows["sys_both"])[:1] == [("system", "Be kind.\n\nBe brief.")]
    assert said(rows["string"])[1] == ("assistant", "It is bamboo.")
    assert refused("sharegpt.jsonl") == {}


def test_a_document_of_turns_is_one_conversation():
    kind, (row,), _ = read(CASES / "one_document.json")
    assert (kind, said(row)) == (
        "sharegpt",
        [("user", "Can I swap the colour?"), ("assistant", "Yes, until it ships.")],
    )


def test_a_rejected_answer_is_no_reply_and_true_is_no_intent():
    _, (kept,), (out,) = read(CASES / "kto.jsonl")
    assert (kept["source_row"], kept["label"], out["source_row"]) == (1, None, 2)
    assert "rejected (label: false)" in out["reason"]


def test_a_prompt_of_several_turns_becomes_turns():
    _, (row,), _ = read(CASES / "multi_turn_prompt.jsonl")
    assert [role for role, _ in said(row)] == ["user", "assistant"] * 2


@pytest.mark.parametrize(("row", "arguments"), [(0, {"parcel": "A-11"}), (1, {"order": "Q-5", "reason": "late"})])
def test_a_tables_padding_is_taken_out_of_calls_and_schemas(row: int, arguments: dict[str, str]):
    _, conversations, _ = read(CASES / "tools_struct.parquet")
    (call,) = json.loads(conversations[row]["messages"][1]["tool_calls"])
    (tool,) = json.loads(conversations[row]["tools"])
    assert call["function"]["arguments"] == arguments
    assert tool["function"]["parameters"]["properties"].keys() == arguments.keys()
