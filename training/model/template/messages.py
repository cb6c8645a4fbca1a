"""Messages as chat templates expect them, out of messages as the record keeps them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
THOUGHT_BEGINS = "<think>\n"
THOUGHT_ENDS = "</think>"  # how thinking models part a reply's reasoning from its words
DEEPEST = 100  # levels of nesting, as ingest has it; templates walk them by recursion
TOO_DEEP = f"tools or tool calls are nested deeper than {DEEPEST} levels"


class InexpressibleError(Exception):
    """The template cannot say this conversation. The message is the reason."""


def plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """No empty keys, tool calls as objects, results under the id and the name of their call; no reasoning, no marks."""
    said, called = [], dict[Any, Any]()
    for m in messages:
        kept = {key: m[key] for key in ("role", "content", "name", "tool_call_id") if m.get(key) is not None}
        if m.get("tool_calls"):
            kept["tool_calls"] = [_call(call) for call in objects(m["tool_calls"])]
            called = {call.get("id"): call["function"].get("name") for call in kept["tool_calls"]}
        if m["role"] == "tool" and (answered := called.get(m.get("tool_call_id") or "")):
            kept.setdefault("name", answered)
        said.append(kept)
    return said


def thinking_aloud(messages: Sequence[Message]) -> list[Message]:
    """The messages with reasoning before the words of each reply, as models that think write it."""
    return [_thought_of(m) if m.get("reasoning") else m for m in messages]


def _thought_of(m: Message) -> Message:
    """The reply behind its thought, and the places in both that are not learnt."""
    thought = f"{THOUGHT_BEGINS}{m['reasoning']}\n{THOUGHT_ENDS}\n\n"
    shifts = (("unthought", len(THOUGHT_BEGINS)), ("unlearnt", len(thought)))
    spans = [(start + shift, end + shift) for name, shift in shifts for start, end in m.get(name) or ()]
    return {**m, "content": thought + m["content"], "unlearnt": spans}


def objects(text: str | None) -> list[dict[str, Any]]:
    """A JSON list of objects: tools, or tool calls."""
    found = (_json(text) if text else None) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InexpressibleError(f"tools or tool calls are no list of JSON objects: {text!r:.80}")
    return found


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a message or a tool, names of fields among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from (*texts_in(key), *texts_in(one))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)


def refuse_special(special: re.Pattern[str], said: Sequence[Message], offered: Sequence[Mapping[str, Any]]) -> None:
    """Nothing that a template may print, words, names, calls or tools, is read as a token that stands for more."""
    if not special.search("\0".join([*_flat(said), *texts_in(offered)])):
        return
    for place, value in (*((f"turn {turn} spells", m) for turn, m in enumerate(said)), ("its tools spell", offered)):
        for text in texts_in(value):
            if found := special.search(text):
                raise InexpressibleError(f"{place} the special token {found.group()!r}")


def _flat(said: Sequence[Message]) -> Iterator[str]:
    """As `texts_in`, of messages that are mostly flat."""
    for m in said:
        for value in (*m, *m.values()):
            if isinstance(value, str):
                yield value
            else:
                yield from texts_in(value)


def reply_text(content: str) -> str:
    """A reply without the reasoning before it."""
    return content.rpartition(THOUGHT_ENDS)[2].strip()


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call whose arguments are an object: OpenAI exports carry them as JSON text."""
    function = call.get("function", call)
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        function = {**function, "arguments": _json(function["arguments"] or "{}")}
    if not isinstance(function, dict):
        raise InexpressibleError(f"a tool call names no function: {json.dumps(call, ensure_ascii=False):.80}")
    if function.get("arguments") is None:
        function = {**function, "arguments": {}}
    return {"type": "function", **call, "function": function}


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        raise InexpressibleError(f"tools or tool calls are no JSON: {text!r:.80}") from None
    except RecursionError:
        raise InexpressibleError(TOO_DEEP) from None
    level = [found]
    for _ in range(DEEPEST):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _parts(one)]
    if level:
        raise InexpressibleError(TOO_DEEP)
    return found


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
