"""Messages as chat templates expect them, out of messages as the record keeps them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
THOUGHT_ENDS = "</think>"  # how thinking models part a reply's reasoning from its words


class InexpressibleError(Exception):
    """The template cannot say this conversation. The message is the reason."""


def plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """No empty keys, tool calls as objects."""
    said = []
    for m in messages:
        kept = {key: m[key] for key in ("role", "content", "name") if m.get(key) is not None}
        if m.get("tool_calls"):
            kept["tool_calls"] = [_call(call) for call in objects(m["tool_calls"])]
        said.append(kept)
    return said


def objects(text: str | None) -> list[dict[str, Any]]:
    """A JSON list of objects: tools, or tool calls."""
    found = (_json(text) if text else None) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InexpressibleError(f"tools or tool calls are no list of JSON objects: {text!r:.80}")
    return found


def reply_text(content: str) -> str:
    """A reply without the reasoning before it."""
    return content.rpartition(THOUGHT_ENDS)[2].strip()


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call whose arguments are an object: OpenAI exports carry them as JSON text."""
    function = call.get("function", call)
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        function = {**function, "arguments": _json(function["arguments"] or "{}")}
    return {"type": "function", **call, "function": function}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise InexpressibleError(f"tools or tool calls are no JSON: {text!r:.80}") from None
