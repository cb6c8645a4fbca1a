"""Turns of a chat as training sets and logs write them, to messages of the record: whatever the dialect, nothing lost.

OpenAI (chat and responses), ShareGPT, Hermes, Anthropic, Gemini, LangChain and OpenTelemetry write calls of tools,
their results, reasoning and what is not to be learnt in ways of their own. Here they become one: calls as OpenAI has
them, each result a message of its own under its call's id, reasoning apart from the reply, `train` as true or false.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.core.record.conversation import bare_message, canonical_json, message
from curation.ingest.formats import Messages, Roles, UnreadableError, role_of, text_of
from curation.ingest.json_text import value_in

ROLE_FIELDS = ("role", "from")
CONTENT_FIELDS = ("content", "value", "text", "parts")
REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "thoughts")
TOOL_CALLERS = ("function_call", "tool_call")  # as ShareGPT sets call the assistant that calls a tool
_LEARNT = ("weight", "train", "loss", "loss_mask", "trainable", "train_on")  # false or 0: not to be learnt
_MASKED = ("mask", "masked")  # true or 1: not to be learnt
_RATED = ("feedback", "thumbs", "user_feedback", "vote")
MARKS = frozenset((*_LEARNT, *_MASKED, *_RATED, "train_detail"))
LIKED = {"up", "thumbs_up", "thumbsup", "thumb_up", "positive", "like", "liked", "upvote", "good", "👍", "true", "1"}
DISLIKED = {
    *("down", "thumbs_down", "thumbsdown", "thumb_down", "negative", "dislike", "disliked", "downvote", "bad", "👎"),
    *("false", "0", "-1"),
}
_TEXTS = {"text", "input_text", "output_text", "summary_text", "refusal"}
_THOUGHTS = {"thinking", "reasoning", "redacted_thinking"}
_CALLS = {"tool_use", "tool_call", "function_call", "server_tool_use", "custom_tool_call"}
_RESULTS = {
    *("tool_result", "tool_call_response", "function_call_output", "function_response", "custom_tool_call_output"),
    "web_search_tool_result",
}
_LANGCHAIN = {"human": "user", "ai": "assistant", "aimessagechunk": "assistant", "developer": "system"}
_CALLED = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_ANSWERED = re.compile(r"<tool_response>\s*(.*?)\s*</tool_response>", re.DOTALL)


def chat_messages(value: Any, roles: Roles) -> Messages:
    """Messages from a list of turns in any dialect, a struct of lists, or the JSON text of either."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        value = value_in(value)
    if isinstance(value, dict):  # a struct of lists, as some tables hold lists of structs
        value = [dict(zip(value, entry, strict=True)) for entry in zip(*value.values(), strict=True)]
    if not isinstance(value, list) or not value:
        raise UnreadableError("there are no messages in this row")
    messages: Messages = []
    calls = False
    for turn, entry in enumerate(value):
        read = _plain(entry, roles)
        if read is None:
            messages += _turn(turn, entry, roles)
            calls = True
        else:
            messages.append(read)
    return in_order_of_calls(_calls_joined(messages)) if calls else messages


_TELLING = frozenset(
    (
        *(*REASONING_FIELDS, *MARKS),
        *("name", "type", "kwargs", "data", "additional_kwargs", "refusal", "tool_calls", "function_call"),
        *("tool_call_id", "tool_use_id", "call_id", "toolCallId"),
    )
)


def _plain(entry: Any, roles: Roles) -> dict[str, Any] | None:
    """The message of a turn that has a role and a text and no more that says anything of it, as nearly all of them."""
    if not isinstance(entry, dict) or not (len(entry) == 2 or _TELLING.isdisjoint(entry)):
        return None
    role, content = entry.get("role"), entry.get("content")
    if not isinstance(role, str) or not isinstance(content, str) or role in TOOL_CALLERS or "<tool_" in content:
        return None
    return bare_message(role_of(role, roles), content)


# -- one turn ----------------------------------------------------------------------------------------------------------


@dataclass
class _Parts:
    """What a turn holds."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)


def _turn(turn: int, entry: Any, roles: Roles) -> Messages:
    entry = _unwrapped(entry)
    role = next((entry[key] for key in ROLE_FIELDS if entry.get(key) is not None), None)
    where = f"message {turn}"
    parts = _Parts()
    if role is None:
        if not _is_item(entry):
            raise UnreadableError(f"{where} has no {' and no '.join(map(repr, ROLE_FIELDS))}")
        _read_part(entry, parts, where)
        return _messages("assistant", parts, entry)
    content = next((entry[key] for key in CONTENT_FIELDS if entry.get(key) is not None), None)
    if role in TOOL_CALLERS:
        parts.calls = [_function(call) for call in _objects(content)]
        return _messages("assistant", parts, entry)
    known = role_of(role, roles)
    if known == "tool":
        parts.results = list(_results(content, entry, where))
        return _messages(known, parts, entry)
    _read_content(content, parts, where, known)
    parts.calls += _tool_calls(entry)
    parts.thoughts += [text_of(entry[key], where) for key in REASONING_FIELDS if entry.get(key)][:1]
    if not any(parts.texts) and entry.get("refusal"):
        parts.texts = [text_of(entry["refusal"], where)]
    return _messages(known, parts, entry)


def _unwrapped(given: Any) -> Mapping[str, Any]:
    """A turn as an object with a role: LangChain serialises its messages by class or by type."""
    entry: dict[str, Any] = given if isinstance(given, dict) else {}
    named = entry.get("id")
    if isinstance(entry.get("kwargs"), dict) and isinstance(named, list) and named:  # "id": [..., "AIMessage"]
        spoken = str(named[-1]).removesuffix("Chunk").removesuffix("Message").lower()
        entry = {**entry["kwargs"], "type": spoken}
    elif isinstance(entry.get("data"), dict) and isinstance(entry.get("type"), str) and "content" in entry["data"]:
        entry = {**entry["data"], "type": entry["type"]}
    kind = entry.get("type")
    if "role" in entry or "from" in entry or not isinstance(kind, str) or "content" not in entry:
        return entry
    if kind.lower() in ("human", "ai", "system", "tool", "function", "aimessagechunk"):
        more = entry.get("additional_kwargs")
        kept = {key: value for key, value in more.items() if key not in entry} if isinstance(more, dict) else {}
        return {**kept, **entry, "role": _LANGCHAIN.get(kind.lower(), kind.lower())}
    return entry


def _is_item(entry: Mapping[str, Any]) -> bool:
    """Whether a turn without a role says by its type what it is, as in OpenAI's responses."""
    kind = entry.get("type")
    return isinstance(kind, str) and kind in _CALLS | _RESULTS | _THOUGHTS


def _messages(role: str, parts: _Parts, entry: Mapping[str, Any]) -> Messages:
    """The results first: what a user says beside them is said after they came."""
    spoken = parts.texts or parts.calls or any(parts.thoughts) or not (parts.results or _is_item(entry))
    if not spoken:
        return parts.results
    name = entry.get("name")
    train = learnt(entry) if role == "assistant" else None
    said = message(
        role,
        "\n".join(text for text in parts.texts if text) if len(parts.texts) > 1 else "".join(parts.texts),
        None if name is None or role == "tool" or _is_item(entry) else str(name),
        parts.calls or None,
        reasoning="\n".join(filter(None, parts.thoughts)) or None,
        train=train,
    )
    return [*parts.results, said]


# -- its content -------------------------------------------------------------------------------------------------------


def _read_content(content: Any, parts: _Parts, where: str, role: str) -> None:
    if isinstance(content, str) and "<tool_call>" in content and role == "assistant":
        content = _without_calls(content, parts)
    if isinstance(content, str) and "<tool_response>" in content and _ANSWERED.sub("", content).strip() == "":
        parts.results += [message("tool", said) for said in _ANSWERED.findall(content)]
        return
    if not isinstance(content, list):
        parts.texts.append(text_of(content, where))
        return
    for part in content:
        if isinstance(part, str):
            parts.texts.append(part)
        elif isinstance(part, dict):
            _read_part(part, parts, where)
        else:
            raise _no_text(part, where)


def _read_part(part: Mapping[str, Any], parts: _Parts, where: str) -> None:
    kind = str(part.get("type") or "").replace("-", "_")
    gemini = part.get("functionCall") or part.get("function_call")
    answer = part.get("functionResponse") or part.get("function_response")
    if kind in _CALLS or isinstance(gemini, dict):
        parts.calls.append(_function(gemini if isinstance(gemini, dict) else part))
    elif kind in _RESULTS or isinstance(answer, dict):
        parts.results.append(_result(answer if isinstance(answer, dict) else part, where))
    elif kind in _THOUGHTS or part.get("thought") is True:
        parts.thoughts.append(_thought(part, where))
    elif isinstance(text := part.get("text", part.get("refusal")), str):
        parts.texts.append(text)
    elif kind in _TEXTS and isinstance(part.get("content"), str):  # OpenTelemetry
        parts.texts.append(part["content"])
    else:
        raise _no_text([part], where)


def _no_text(part: Any, where: str) -> UnreadableError:
    return UnreadableError(f"{where} holds no text but {canonical_json(part)[:60]}; Qirat trains on text only")


def _thought(part: Mapping[str, Any], where: str) -> str:
    """What can be read of reasoning; what a provider encrypts is none."""
    told = next((part[key] for key in ("thinking", "reasoning", "text", "content", "summary") if part.get(key)), None)
    return "" if part.get("type") == "redacted_thinking" else text_of(told, where)


# -- calls and results -------------------------------------------------------------------------------------------------


def _tool_calls(entry: Mapping[str, Any]) -> list[Any]:
    """Calls beside the content: OpenAI's, LangChain's, and the one that OpenAI had before."""
    calls = entry.get("tool_calls") or None
    if isinstance(calls, str):
        try:
            calls = value_in(calls)
        except ValueError:
            raise UnreadableError(f"tool_calls is no JSON: {calls[:60]!r}; export the row again") from None
    if calls:
        listed = calls if isinstance(calls, list) else [calls]
        return [call if isinstance(call, dict) and "function" in call else _function(call) for call in listed]
    if entry.get("function_call"):
        return [_function(call) for call in _objects(entry["function_call"])]
    return []


def _function(call: Any) -> Any:
    """A call as OpenAI writes it; one that is none stays as it is, for the check of calls."""
    if not isinstance(call, dict):
        raise UnreadableError(f"a tool call is {canonical_json(call)[:60]}, no object")
    named = _first(call, "name", "toolName", "tool_name", "function")
    arguments = _first(call, "arguments", "args", "input", "parameters")
    known = {"name", "toolName", "tool_name", "arguments", "args", "input", "parameters"}
    if isinstance(named, str) and known & call.keys():
        function = {"name": named, "arguments": {} if arguments is None else arguments}
    else:
        function = dict(call)
    key = _first(call, "call_id", "tool_use_id", "toolCallId", "id")
    return {**({} if key is None else {"id": str(key)}), "type": "function", "function": function}


def _first(part: Mapping[str, Any], *keys: str) -> Any:
    return next((part[key] for key in keys if part.get(key) is not None), None)


def _objects(value: Any) -> list[Any]:
    """Calls of tools: an object, a list of them, the JSON text of either, or blocks as Hermes writes them."""
    if isinstance(value, str) and "<tool_call>" in value:
        return [value_in(block) for block in _CALLED.findall(value)]
    found = value_in(value) if isinstance(value, str) else value
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, dict) for call in calls):
        raise UnreadableError(f"a tool call is {canonical_json(found)[:60]}, no object")
    return calls


def _without_calls(content: str, parts: _Parts) -> str:
    """The words beside calls in Hermes' blocks; blocks that are no calls stay where they are."""
    try:
        calls = [value_in(block) for block in _CALLED.findall(content)]
    except ValueError:
        return content
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        return content
    parts.calls += map(_function, calls)
    return _CALLED.sub("", content).strip()


def _results(content: Any, entry: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """Results of a turn of the role tool: usually one; several in Hermes' blocks, in parts of Gemini's."""
    if isinstance(content, str) and "<tool_response>" in content:
        yield from (message("tool", said) for said in _ANSWERED.findall(content))
        return
    parts = _Parts()
    listed = content if isinstance(content, list) else []
    if any(isinstance(part, dict) and _is_result(part) for part in listed):
        _read_content(content, parts, where, "tool")
        yield from parts.results
        return
    key = _first(entry, "tool_call_id", "tool_use_id", "call_id", "toolCallId")
    yield message("tool", _told(content, where), _name(entry), tool_call_id=None if key is None else str(key))


def _is_result(part: Mapping[str, Any]) -> bool:
    kind = str(part.get("type") or "").replace("-", "_")
    return kind in _RESULTS or "functionResponse" in part or "function_response" in part


def _result(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    content = _first(part, "content", "result", "response", "output")
    key = _first(part, "tool_use_id", "call_id", "toolCallId", "tool_call_id", "id")
    return message("tool", _told(content, where), _name(part), tool_call_id=None if key is None else str(key))


def _name(entry: Mapping[str, Any]) -> str | None:
    named = _first(entry, "name", "toolName", "tool_name")
    return None if named is None else str(named)


def _told(content: Any, where: str) -> str:
    """What a tool answered: text, parts of text, or any JSON value as its text."""
    parts = content if isinstance(content, list) else []
    texts = parts and all(isinstance(p, str) or (isinstance(p, dict) and isinstance(p.get("text"), str)) for p in parts)
    return text_of(content, where) if content is None or isinstance(content, str) or texts else canonical_json(content)


def _calls_joined(messages: Messages) -> Messages:
    """Neighbouring turns of which the earlier has only thoughts or calls, as OpenAI's responses list them, made one."""
    joined: Messages = []
    for m in messages:
        last = joined[-1] if joined else None
        if last and last["role"] == m["role"] == "assistant" and not last["content"] and _goes_on(last, m):
            calls = [*_listed(last["tool_calls"]), *_listed(m["tool_calls"])]
            thoughts = "\n".join(filter(None, (last["reasoning"], m["reasoning"]))) or None
            train = False if False in (last["train"], m["train"]) else m["train"]
            joined[-1] = message(
                "assistant", m["content"], m["name"] or last["name"], calls or None, reasoning=thoughts, train=train
            )
        else:
            joined.append(m)
    return joined


def _goes_on(last: Mapping[str, Any], m: Mapping[str, Any]) -> bool:
    """A turn of thoughts alone, before what was thought of; or a turn of calls, before more calls."""
    only_thoughts = bool(last["reasoning"]) and not last["tool_calls"]
    return only_thoughts or bool(last["tool_calls"] and m["tool_calls"] and not m["content"])


def _listed(calls: str | None) -> list[Any]:
    found = json.loads(calls) if calls else []
    return found if isinstance(found, list) else [found]


def in_order_of_calls(messages: Messages) -> Messages:
    """Results in the order of the calls that they answer, where ids tell; some logs have them as they came in."""
    ordered, order, start = [*messages], dict[str, int](), 0
    for place, m in enumerate([*messages, {"role": ""}]):
        if m["role"] == "tool":
            continue
        keys = [result["tool_call_id"] for result in messages[start:place]]
        if len(keys) > 1 and len(set(keys)) == len(keys) and order.keys() >= set(keys):
            ordered[start:place] = sorted(messages[start:place], key=lambda result: order[result["tool_call_id"]])
        start = place + 1
        order = {str(key): rank for rank, key in enumerate(_ids(m))} if m.get("tool_calls") else {}
    return ordered


def _ids(m: Mapping[str, Any]) -> Iterator[Any]:
    return (call.get("id") for call in _listed(m["tool_calls"]) if isinstance(call, dict))


# -- what is not to be learnt ------------------------------------------------------------------------------------------


def learnt(entry: Mapping[str, Any]) -> bool | None:
    """What marks beside a reply say of learning it: any against it counts; None where there are none."""
    if MARKS.isdisjoint(entry):
        return None
    told = [
        *(_yes(entry.get(key)) for key in _LEARNT),
        *(None if (masked := _yes(entry.get(key))) is None else not masked for key in _MASKED),
        *(liking(entry.get(key)) for key in _RATED),
        *_details(entry.get("train_detail")),
    ]
    said = [one for one in told if one is not None]
    return all(said) if said else None


def _details(spans: Any) -> list[bool | None]:
    """Spans of a reply, as Axolotl has them: one that is not to be learnt keeps the whole reply out."""
    return [_yes(span.get("train")) for span in spans if isinstance(span, dict)] if isinstance(spans, list) else []


def _yes(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > 0
    told = value.strip().lower() if isinstance(value, str) else ""
    return True if told in ("true", "yes", "1", "1.0") else False if told in ("false", "no", "0", "0.0") else None


def liking(value: Any) -> bool | None:
    """Whether a thumb points up; None for what is no thumb."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value == 1 if value in (1, 0, -1) else None
    told = value.strip().lower().replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""
    return True if told in LIKED else False if told in DISLIKED else None


def as_marked(row: Mapping[str, Any], messages: Sequence[dict[str, Any]]) -> Messages:
    """The messages, none of which is learnt where the row as a whole says so (train, loss or weight beside them)."""
    told = [_yes(row.get(key)) for key in ("train", "loss", "weight") if key in row]
    if False not in told:
        return [*messages]
    return [{**m, "train": False} if m["role"] == "assistant" else m for m in messages]
