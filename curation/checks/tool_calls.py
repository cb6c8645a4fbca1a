"""Calls of tools: are they JSON, of tools that there are, with the arguments that these take, and answered?"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curation.checks.check import Context, check

Seen = tuple[int, str, str]  # turn, code, evidence
_IS: Mapping[str, type | tuple[type, ...]] = {  # JSON Schema's types
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


@check(
    "tool_calls", source="the tools that stand beside the conversation, as JSON Schema (2020-12) describes arguments"
)
def tool_calls(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Calls that are no JSON, of tools that are not offered, or with other arguments than the tool takes; results that
    answer no call; calls without a result, after which the conversation goes on.

    Arguments are looked at where the row's `tools` give a schema: those that it requires, their types and the values
    that it names. Without tools nothing is unknown. A result without an id answers any call before it, and one in a
    conversation without calls is what somebody looked up. `value` = how many in the conversation.
    """
    called = pl.element().struct
    has = (called.field("tool_calls").is_not_null()) | (called.field("role") == "tool")
    blocks = called.field("content").str.contains("<tool_call>", literal=True)
    rows = conversations.filter(pl.col("messages").list.eval(has | blocks).list.any())
    for key, messages, tools in rows.select("conversation_id", "messages", "tools").iter_rows():
        seen = [*_seen(messages, _offered(tools))]
        for code in dict.fromkeys(code for _, code, _ in seen):
            turn, _, evidence = next(one for one in seen if one[1] == code)
            count = sum(one[1] == code for one in seen)
            yield {"conversation_id": key, "code": code, "value": count, "turn": turn, "evidence": evidence}


@dataclass
class _Waiting:
    """Calls of the last turn that called, and what came for them."""

    turn: int = -1
    ids: list[str | None] = field(default_factory=list)
    came: int = 0
    known: set[str] = field(default_factory=set)  # ids of all calls so far
    called: bool = False


def _seen(messages: Sequence[Mapping[str, Any]], offered: Mapping[str, Any] | None) -> Iterator[Seen]:
    waiting = _Waiting()
    calls_at_all = any(m["tool_calls"] for m in messages)
    for turn, m in enumerate(messages):
        if m["role"] == "tool":
            yield from _result(turn, m, waiting, calls_at_all)
            continue
        yield from _left_open(waiting)
        if m["role"] == "assistant" and "<tool_call>" in m["content"]:
            yield turn, "malformed_call", "a <tool_call> block that is no call"
        if m["tool_calls"]:
            calls = _json(m["tool_calls"])
            listed = calls if isinstance(calls, list) else [calls]
            waiting.turn, waiting.called = turn, True
            waiting.ids = [_id(call) for call in listed]
            waiting.known |= {key for key in waiting.ids if key}
            for call in listed:
                yield from _call(turn, call, offered)


def _result(turn: int, m: Mapping[str, Any], waiting: _Waiting, calls_at_all: bool) -> Iterator[Seen]:
    key = m["tool_call_id"]
    waiting.came += 1
    if key in waiting.ids:
        waiting.ids.remove(key)
    elif key is None or not waiting.known:
        if not waiting.called and (calls_at_all or key is not None):
            yield turn, "orphan_result", "no call stands before it"
        waiting.ids = [one for one in waiting.ids if one and key is not None]
    elif key not in waiting.known:
        yield turn, "orphan_result", f"no call has the id {key}"


def _left_open(waiting: _Waiting) -> Iterator[Seen]:
    """Calls that the conversation has gone on from. One result answers all calls of a turn that have no ids."""
    if waiting.ids and not (waiting.came and None in waiting.ids):
        yield waiting.turn, "unanswered_call", f"{len(waiting.ids)} without a result"
    waiting.ids, waiting.came = [], 0


def _call(turn: int, call: Any, offered: Mapping[str, Any] | None) -> Iterator[Seen]:
    function = call.get("function", call) if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name.strip():
        yield turn, "malformed_call", "it names no function"
        return
    given = function.get("arguments")
    arguments = {} if given in (None, "") else _json(given) if isinstance(given, str) else given
    if not isinstance(arguments, dict):
        yield turn, "malformed_call", f"the arguments of {name} are no JSON object"
    elif offered is not None and name not in offered:
        yield turn, "unknown_tool", f"{name} is not among the tools"
    elif offered is not None:
        for fault in _faults(arguments, offered[name]):
            yield turn, "wrong_argument", f"{name}: {fault}"


def _faults(arguments: Mapping[str, Any], schema: Any) -> Iterator[str]:
    """What keeps arguments from being what the schema asks for; nothing for a schema of another kind."""
    taken = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(taken, dict):
        return
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in arguments:
            yield f"{name} is missing"
    for name, value in arguments.items():
        if isinstance(taken.get(name), dict):
            if fault := _fault(value, taken[name]):
                yield f"{name} {fault}"
        elif name not in taken and taken and not schema.get("additionalProperties"):
            yield f"{name} is no argument of it"


def _fault(value: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong with a value, by its type and by the values that are named; "" for nothing."""
    kinds = schema.get("type")
    named = [str(kind).lower() for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind]
    if value is None and schema.get("nullable"):
        return ""
    if named and all(kind in _IS for kind in named) and not any(_is(value, kind) for kind in named):
        return f"is {_kind(value)} where {' or '.join(named)} is wanted"
    allowed = schema.get("enum")
    return "is none of the values named" if isinstance(allowed, list) and allowed and value not in allowed else ""


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float) and kind == "integer":
        return value.is_integer()
    return isinstance(value, _IS[kind])


def _kind(value: Any) -> str:
    return next((kind for kind in _IS if _is(value, kind)), type(value).__name__)


def _offered(tools: str | None) -> dict[str, Any] | None:
    """Name -> schema of the arguments; None where no tools are told, or not in a form that is known."""
    listed = _json(tools) if tools else None
    listed = listed if isinstance(listed, list) else [listed]
    functions = [one for tool in listed if isinstance(tool, dict) for one in _functions(tool)]
    named = {function["name"]: function for function in functions if isinstance(function.get("name"), str)}
    schemas = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema")
    return {name: next((f[key] for key in schemas if f.get(key)), None) for name, f in named.items()} or None


def _functions(tool: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The functions of a tool: OpenAI's, Anthropic's, or several at once as Gemini tells them."""
    declared = tool.get("functionDeclarations") or tool.get("function_declarations")
    found = declared if isinstance(declared, list) else [tool.get("function", tool)]
    return [function for function in found if isinstance(function, dict)]


def _id(call: Any) -> str | None:
    key = call.get("id") if isinstance(call, dict) else None
    return None if key is None else str(key)


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
