"""Chats in the formats of training sets."""

import json

from tests.ingest.formats.rows import (
    HELLO,
    MARHABA,
    chat,
    metadata,
    only,
    outcomes,
    said,
)


def test_messages_may_be_the_text_of_a_list_or_a_struct_of_lists():
    assert said(only({"messages": json.dumps(chat(MARHABA))})) == MARHABA
    roles, texts = zip(*MARHABA, strict=True)
    assert said(only({"messages": {"role": list(roles), "content": list(texts)}})) == MARHABA


def test_json_in_a_cell_is_read_as_carefully_as_a_file():
    text = r'[{"role": "user", "content": "Hi", "name": "\ud83d"}, {"role": "assistant", "content": "Hello"}]'
    outcome = only({"messages": text, "metadata": r'{"mood": "\ud83d"}'})
    assert (outcome.messages or [])[0]["name"] == "\ufffd"
    assert metadata(outcome) == {"mood": "\ufffd"}
    twice = '[{"role": "user", "content": "Hi", "content": "Bye"}]'
    assert "twice" in str(only({"messages": twice}).reason)


def test_a_chat_may_stand_under_another_name():
    assert said(only({"conversation": chat(HELLO), "model": "m"})) == HELLO


def test_a_function_call_of_old_is_a_tool_call():
    call = {"name": "order", "arguments": '{"id": 7}'}
    messages = [
        {"role": "user", "content": "Where is my order?"},
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "order", "content": "shipped"},
    ]
    found = only({"messages": messages}).messages or []
    assert [(m["role"], m["content"], m["name"]) for m in found[1:]] == [
        ("assistant", "", None),
        ("tool", "shipped", "order"),
    ]
    assert json.loads(found[1]["tool_calls"]) == [{"type": "function", "function": call}]


def test_parts_of_text_are_joined_and_an_image_is_a_reason():
    text = [{"type": "text", "text": "Where is"}, {"type": "text", "text": "my order?"}]
    image = [*text, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    good, bad = outcomes(*({"messages": [{"role": "user", "content": parts}]} for parts in (text, image)))
    assert said(good) == [("user", "Where is\nmy order?")]
    assert "message 0 holds no text" in str(bad.reason)


def test_what_a_model_refused_is_what_it_said():
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "refusal": "I cannot."}]
    assert said(only({"messages": messages}))[1] == ("assistant", "I cannot.")


def test_sharegpt_with_its_system_prompt_tools_and_calls():
    row = {
        "system": "You help.",
        "conversations": [
            {"from": "human", "value": "أين طلبي؟"},
            {"from": "function_call", "value": '{"name": "order", "arguments": {}}'},
            {"from": "observation", "value": "shipped"},
            {"from": "gpt", "value": "في الطريق."},
        ],
        "tools": "[]",
    }
    outcome = only(row)
    assert [role for role, _ in said(outcome)] == ["system", "user", "assistant", "tool", "assistant"]
    assert json.loads((outcome.messages or [])[2]["tool_calls"])[0]["function"]["name"] == "order"
    assert outcome.provenance["tools"] == "[]"


def test_a_system_prompt_is_not_said_twice():
    row = {"system": "You help.", "conversations": [{"from": "system", "value": "You help."}, *chat(HELLO)]}
    assert [role for role, _ in said(only(row))] == ["system", "user", "assistant"]


def test_alpaca_puts_the_input_under_the_instruction_and_the_history_before():
    row = {
        "instruction": "Translate into Arabic.",
        "input": "cat",
        "output": "قطة",
        "history": [["Hi", "Hello"]],
        "system": "",
        "category": "translation",
    }
    outcome = only(row)
    assert said(outcome) == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Translate into Arabic.\n\ncat"),
        ("assistant", "قطة"),
    ]
    assert outcome.provenance == {"label": "translation"}


def test_prompt_and_response_with_a_system_prompt():
    assert said(only({"system": "You help.", "prompt": "Hi", "response": "Hello"})) == [
        ("system", "You help."),
        ("user", "Hi"),
        ("assistant", "Hello"),
    ]
