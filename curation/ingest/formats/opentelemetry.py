"""OpenTelemetry: spans with `gen_ai.*` attributes (`gen_ai.input.messages`, `gen_ai.output.messages`, the numbered
`gen_ai.prompt.0.content` of OpenLLMetry) or events (`gen_ai.user.message`, `gen_ai.choice`), one a row, flat or as OTLP
writes them. The model's name and evaluations by users are kept; of requests that repeat one another only the longest is
a conversation.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply; the model, the user's
rating, id, customer and time; other fields in metadata.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import Outcome, Reading, UnreadableError, format_of
from curation.ingest.json_text import parsed
from curation.ingest.logs import Exchange, answered, asked, each_exchange, verdict_of
from curation.ingest.rows import Contents

_NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.(.+)")
_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")
PREFIXES = ("", "attributes.", "span_attributes.", "SpanAttributes.")


def _misses(contents: Contents) -> str:
    rows = [row.value for row in contents.sample if isinstance(row.value, dict)]
    own = sum(any(_speaks(span) for span in _spans(row)) for row in rows)
    return "" if 2 * own > len(contents.sample) else "no gen_ai attributes"


@format_of("opentelemetry", _misses, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a span."""
    return each_exchange(contents, reading, _exchange)


def _exchange(row: Mapping[str, Any]) -> Exchange:
    speaking = [span for span in _spans(row) if _turns(span)]
    if not speaking:
        raise UnreadableError("a span without messages (gen_ai.input.messages, gen_ai.output.messages)")
    if len(speaking) > 1:
        raise UnreadableError(f"{len(speaking)} spans with messages in one row; export one span a line")
    (span,) = speaking
    told = _attributes(span)
    beside = {
        "source_id": told.get("gen_ai.response.id") or span.get("spanId") or span.get("span_id"),
        "trace": span.get("traceId") or span.get("trace_id"),
        "session": told.get("gen_ai.conversation.id") or told.get("session.id"),
        "customer": told.get("user.id") or told.get("enduser.id"),
        "operation": told.get("gen_ai.operation.name"),
    }
    model = told.get("gen_ai.response.model") or told.get("gen_ai.request.model")
    tools = parsed(told.get("gen_ai.tool.definitions") or told.get("gen_ai.request.tools"))
    known = {"id" if key == "source_id" else key: value for key, value in beside.items() if value is not None}
    return Exchange(_turns(span), tools, model, known, _verdict(span) or verdict_of(row))


def _spans(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The spans of a row: itself, or those that OTLP nests under their resource and scope."""
    if not isinstance(row.get("resourceSpans"), list):
        yield row
        return
    for resource in row["resourceSpans"]:
        for scope in resource.get("scopeSpans", ()) if isinstance(resource, dict) else ():
            spans = scope.get("spans") if isinstance(scope, dict) else None
            yield from (span for span in spans or () if isinstance(span, dict))


def _speaks(span: Mapping[str, Any]) -> bool:
    return any(name.startswith("gen_ai.") for name in _attributes(span)) or bool(_events(span))


def _attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by name: in an object, as OTLP's list of keys and values, or beside the span's own fields."""
    own = next((span[key] for key in ("attributes", "span_attributes", "SpanAttributes") if key in span), None)
    found = _named(parsed(own))
    for name, value in span.items():
        for prefix in PREFIXES:
            if name.startswith(f"{prefix}gen_ai."):
                found.setdefault(name.removeprefix(prefix), value)
    return found


def _named(attributes: Any) -> dict[str, Any]:
    if isinstance(attributes, dict):
        return _flat(attributes)
    pairs = attributes if isinstance(attributes, list) else []
    return {pair["key"]: _value(pair.get("value")) for pair in pairs if isinstance(pair, dict) and "key" in pair}


def _flat(attributes: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested names joined with dots, as some stores part them: {"gen_ai": {"input": {"messages": ...}}}."""
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        name = f"{above}{key}"
        if isinstance(value, dict) and (name == "gen_ai" or name.startswith("gen_ai.")) and name.count(".") < 3:
            found |= _flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def _value(value: Any) -> Any:
    """An OTLP value: {"stringValue": ...}, {"arrayValue": {"values": [...]}}, {"kvlistValue": {"values": [...]}}."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        return [_value(one) for one in (inner or {}).get("values", ())]
    return _named((inner or {}).get("values", [])) if kind == "kvlistValue" else inner


def _events(span: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(name, attributes with the body) of the span's gen_ai events, in their order."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    listed = parsed(span.get("events"))
    for event in listed if isinstance(listed, list) else ():
        name = str(event.get("name") or event.get("event.name") or "") if isinstance(event, dict) else ""
        if name.startswith("gen_ai."):
            body = parsed(event.get("body"))
            found.append(
                (name, {**_named(parsed(event.get("attributes"))), **(body if isinstance(body, dict) else {})})
            )
    return found


def _turns(span: Mapping[str, Any]) -> list[Any]:
    told, events = _attributes(span), _events(span)
    for name, more in events:
        if name in ("gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"):
            told |= more
    given = told.get("gen_ai.input.messages") or told.get("gen_ai.prompt")
    answer = told.get("gen_ai.output.messages") or told.get("gen_ai.completion")
    if given and answer:
        system = parsed(told.get("gen_ai.system_instructions"))
        above = (
            [{"role": "system", "parts": system if isinstance(system, list) else [{"text": system}]}] if system else []
        )
        return [*above, *asked(given), *answered(answer)]
    numbered = _numbered_turns(told)
    return numbered or [turn for name, more in events for turn in _event_turns(name, more)]


def _numbered_turns(told: Mapping[str, Any]) -> list[Any]:
    turns: dict[tuple[bool, int], dict[str, Any]] = {}
    for name, value in told.items():
        if found := _NUMBERED.fullmatch(name):
            side, number, key = found.groups()
            turn = turns.setdefault((side == "completion", int(number)), {})
            _place(turn, key, parsed(value))
    ordered = [turns[place] for place in sorted(turns)]
    return [{"role": "assistant", **turn} for turn in ordered] if any(done for done, _ in turns) else []


def _place(turn: dict[str, Any], key: str, value: Any) -> None:
    """A numbered attribute in its turn; calls are numbered in it: tool_calls.0.name."""
    head, _, rest = key.partition(".")
    number, _, name = rest.partition(".")
    if head == "tool_calls" and number.isdigit() and name:
        calls = turn.setdefault("tool_calls", [])
        while len(calls) <= int(number) < 100:
            calls.append({})
        calls[int(number)][name] = value
    else:
        turn[key] = value


def _event_turns(name: str, told: Mapping[str, Any]) -> list[Any]:
    if found := _EVENT.fullmatch(name):
        tool = {"tool_call_id": told.get("id")} if found[1] == "tool" else {}
        return [{**{key: parsed(value) for key, value in told.items() if key != "role"}, **tool, "role": found[1]}]
    if name == "gen_ai.choice":
        message = parsed(told.get("message"))
        return [{"role": "assistant", **(message if isinstance(message, dict) else {"content": message})}]
    return []


def _verdict(span: Mapping[str, Any]) -> tuple[str, bool] | None:
    """What users thought of it, as an event of evaluation tells."""
    prefix = "gen_ai.evaluation."
    told = [
        {
            "name": more.get(f"{prefix}name"),
            "value": more.get(f"{prefix}score.value", more.get(f"{prefix}score.label")),
            "label": more.get(f"{prefix}score.label"),
        }
        for name, more in _events(span)
        if name == "gen_ai.evaluation.result"
    ]
    return verdict_of({"scores": told})
