"""What requests to language models and their answers have in common, whoever logged them.

A log repeats: each request of a chat holds all turns before it. Of such requests the longest is the conversation. An
answer that its reader gave a thumb down is never a reply to learn.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from curation.core.record.conversation import canonical_json, is_taught
from curation.ingest.formats import Messages, Outcome, Reading, Roles, UnreadableError, attempt, text_of
from curation.ingest.json_text import parsed
from curation.ingest.preferences import verdict_in
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents, RawRow
from curation.ingest.turns import chat_messages, liking

REQUESTS = ("request", "request_body", "requestBody", "body", "req", "kwargs")
RESPONSES = ("response", "response_body", "responseBody", "resp", "completion", "result")
_BY_USERS = re.compile(r"user|thumb|feedback|like|vote|csat|helpful", re.IGNORECASE)
_SHARED_TURNS = 2  # turns of the customer that two chats must share for the replies there to be the same ones


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as turns in any dialect."""

    turns: Sequence[Any]
    tools: Any = None
    model: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)  # provenance
    verdict: tuple[str, bool] | None = None  # what the reader thought of the answer, and whether it was liked


def each_exchange(
    contents: Contents, reading: Reading, exchange: Callable[[Mapping[str, Any]], Exchange]
) -> Iterator[Outcome]:
    """One conversation a row, but for rows that a longer one repeats."""

    def read(row: RawRow) -> Outcome:
        return attempt([row], lambda: _read(_object(row.value), reading.roles, exchange))

    return without_repeats(read(row) for row in contents.rows if not row.fault)


def _read(
    row: Mapping[str, Any], roles: Roles, exchange: Callable[[Mapping[str, Any]], Exchange]
) -> tuple[Messages, Mapping[str, Any]]:
    found = exchange(row)
    if found.verdict and not found.verdict[1]:
        raise UnreadableError(f"its answer was rejected ({found.verdict[0]}), so it is no reply to learn")
    messages = chat_messages([*found.turns], roles)
    if not any(is_taught(m) for m in messages):
        raise UnreadableError("the request has no answer")
    beside = {**found.beside, "model": found.model, "tools": found.tools or None}
    if found.verdict:
        beside["feedback"] = found.verdict[0]
    return messages, provenance([beside], ())


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableError(f"a {type(value).__name__} where an object was expected; export the row again")
    return value


# -- requests and answers ----------------------------------------------------------------------------------------------


def request_in(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request that a row logs: an object of its own, with or without a body, or the row itself."""
    return _body(row, REQUESTS)


def response_in(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer that a row logs, likewise."""
    return _body(row, RESPONSES)


def _body(row: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    found = next((value for name in names if isinstance(value := parsed(row.get(name)), dict)), None)
    if found is None:
        return row
    inner = parsed(found.get("body"))
    return inner if isinstance(inner, dict) else found


def are(contents: Contents, is_answer: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Whether most of the first rows log an answer of this kind."""
    rows = [row.value for row in contents.sample if isinstance(row.value, dict)]
    return 2 * sum(is_answer(response_in(row)) for row in rows) > len(contents.sample)


def is_openai(response: Mapping[str, Any]) -> bool:
    """Whether an answer is of OpenAI's chat completions or responses, or a server's that speaks as they do."""
    choices, output = parsed(response.get("choices")), parsed(response.get("output"))
    first = choices[0] if isinstance(choices, list) and choices else None
    answers = isinstance(output, list) and output and all(isinstance(o, dict) and "type" in o for o in output)
    return (isinstance(first, dict) and isinstance(first.get("message"), dict)) or bool(answers)


def is_anthropic(response: Mapping[str, Any]) -> bool:
    """Whether an answer is a message of Anthropic's."""
    content = parsed(response.get("content"))
    blocks = isinstance(content, list) and all(isinstance(block, dict) and "type" in block for block in content)
    return blocks and bool(content) and (response.get("type") == "message" or "stop_reason" in response)


def is_gemini(response: Mapping[str, Any]) -> bool:
    """Whether an answer is of Gemini's."""
    candidates = parsed(response.get("candidates"))
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    return isinstance(first, dict) and isinstance(first.get("content"), dict)


def asked(request: Any) -> list[Any]:
    """The turns of a request: messages under their system prompt, or one text."""
    request = parsed(request)
    if isinstance(request, str):
        return [{"role": "user", "content": request}]
    if isinstance(request, list):
        return request[0] if len(request) == 1 and isinstance(request[0], list) else request
    if not isinstance(request, dict):
        return []
    if "role" in request or "lc" in request:
        return [request]
    system = next((request[key] for key in SYSTEMS if request.get(key)), None)
    system = system.get("parts") if isinstance(system, dict) else system
    turns = next((request[key] for key in ASKED if request.get(key) is not None), None)
    return [*([{"role": "system", "content": text_of(system, "system")}] if system else []), *asked(turns)]


SYSTEMS = ("system", "instructions", "systemInstruction", "system_instruction", "system_prompt")
ASKED = ("messages", "input", "contents", "prompt", "question", "query", "user_input", "inputs")
ANSWERED = ("messages", "message", "output", "answer", "response", "text", "completion", "result", "outputs")


def answered(response: Any) -> list[Any]:
    """The turns of an answer, in whatever form: the first choice, where a model gave several."""
    response = parsed(response)
    if isinstance(response, str):
        return [{"role": "assistant", "content": response}] if response.strip() else []
    if isinstance(response, list):
        return _unnested(response)
    if not isinstance(response, dict):
        return []
    if "role" in response or "lc" in response or response.get("type") in ("ai", "AIMessage", "AIMessageChunk"):
        return [response]
    if is_anthropic(response):
        return [{"role": "assistant", "content": response["content"]}]
    return answered(_first_answer(response))


def _first_answer(response: Mapping[str, Any]) -> Any:
    """What an answer holds: the first of OpenAI's choices, Gemini's candidates, LangChain's generations; or a text."""
    choice, candidate = _first_of(response, "choices"), _first_of(response, "candidates")
    generation = _first_of(response, "generations")
    if isinstance(generation, list):
        generation = generation[0] if generation else None
    if isinstance(candidate, dict):
        return candidate.get("content")
    for one in (choice, generation):
        if isinstance(one, dict):
            return one.get("message") or one.get("text")
    return next((response[key] for key in ANSWERED if response.get(key)), None)


def _first_of(response: Mapping[str, Any], key: str) -> Any:
    listed = parsed(response.get(key))
    return listed[0] if isinstance(listed, list) and listed else None


def _unnested(response: Sequence[Any]) -> list[Any]:
    """Turns; blocks of one answer are one turn."""
    if response and all(isinstance(part, dict) and "type" in part and "role" not in part for part in response):
        kinds = {part["type"] for part in response}
        if kinds <= {"text", "output_text", "tool_use", "thinking", "redacted_thinking"}:
            return [{"role": "assistant", "content": [*response]}]
    return answered(response[0]) if len(response) == 1 and not isinstance(response[0], dict) else [*response]


def joined(turns: Sequence[Any], answer: Sequence[Any]) -> list[Any]:
    """Request and answer; an answer that holds the whole conversation stands for both."""
    first = next((turn for turn in turns if isinstance(turn, dict)), None)
    repeats = len(answer) > len(turns) and first is not None and answer[: len(turns)] == [*turns]
    return [*answer] if repeats else [*turns, *answer]


def logged(row: Mapping[str, Any]) -> Exchange:
    """What a row that logs a request and its answer says."""
    request, response = request_in(row), response_in(row)
    if failure := response.get("error") or row.get("error"):
        raise UnreadableError(f"the request failed ({canonical_json(failure)[:60]})")
    used = {
        *REQUESTS,
        *RESPONSES,
        *ASKED,
        *SYSTEMS,
        "choices",
        "candidates",
        "content",
        "output",
        "tools",
        "usage",
        "model",
    }
    beside = {key: value for key, value in row.items() if key not in used}
    if (created := next((response[key] for key in ("created", "created_at") if response.get(key)), None)) is not None:
        beside.setdefault("created_at", created)
    own = {} if request is row else request
    user = own.get("user") or _object_or_none(own.get("metadata")).get("user_id")
    beside |= {"customer": user} if user and "customer" not in beside else {}
    model = response.get("model") or response.get("modelVersion") or request.get("model") or row.get("model")
    turns = joined(asked(request), answered(response))
    return Exchange(turns, parsed(request.get("tools")), model, beside, verdict_of(row))


def _object_or_none(value: Any) -> Mapping[str, Any]:
    found = parsed(value)
    return found if isinstance(found, dict) else {}


def verdict_of(row: Mapping[str, Any]) -> tuple[str, bool] | None:
    """What the reader thought of the answer: a field that says so, or scores of which users gave one."""
    if told := verdict_in(row):
        return told
    for key in ("scores", "feedback", "feedbacks", "feedback_stats", "evaluations"):
        for name, value in _scores(parsed(row.get(key))):
            if _BY_USERS.search(name) and (liked := liking(value)) is not None:
                return f"{name}: {canonical_json(value)}", liked
    return None


def _scores(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of scores, as a list of objects or an object by name."""
    if isinstance(value, dict):
        for name, told in value.items():
            inner = told if isinstance(told, dict) else {"value": told}
            yield str(name), next((inner[key] for key in ("value", "score", "avg") if inner.get(key) is not None), None)
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            names = (entry.get(key) for key in ("name", "key", "metric"))
            values = (entry.get(key) for key in ("value", "score", "stringValue", "string_value", "label"))
            told = [one for one in values if one is not None]
            yield str(next(filter(None, names), "")), next((v for v in told if liking(v) is not None), None)


# -- requests that repeat one another ----------------------------------------------------------------------------------


def without_repeats(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """The longest of requests that repeat one another; its `left_out` names the others.

    Where two chats part after some turns (an answer was asked for again), the replies before are learnt once.
    """
    read = [*outcomes]
    chains = [_chain(outcome.messages or ()) for outcome in read]
    owners: dict[bytes, int] = {}
    rows: dict[int, list[RawRow]] = {}
    for place in sorted(range(len(read)), key=lambda n: (-len(chains[n]), read[n].rows[0].number)):
        chain, outcome = chains[place], read[place]
        owner = owners.get(chain[-1]) if chain else None
        if owner is not None and len(chains[owner]) > len(chain):
            rows.setdefault(owner, []).extend(outcome.rows)
            rows[place] = []
        elif owner is None:
            read[place] = _taught_once(outcome, chain, owners)
            for link in chain:
                owners.setdefault(link, place)
    for place, outcome in enumerate(read):
        more = rows.get(place)
        if more:
            why = f"row {outcome.rows[0].number} repeats all of it and goes on"
            yield replace(outcome, rows=[*outcome.rows, *more], left_out={row.number: why for row in more})
        elif more is None:
            yield outcome


def _taught_once(outcome: Outcome, chain: Sequence[bytes], owners: Mapping[bytes, int]) -> Outcome:
    spoken = [turn for turn, m in enumerate(outcome.messages or ()) if m["role"] != "system"]
    shared = sum(link in owners for link in chain)
    messages = [*(outcome.messages or ())]
    if sum(messages[turn]["role"] == "user" for turn in spoken[:shared]) < _SHARED_TURNS:
        return outcome
    for turn in spoken[:shared]:
        if is_taught(messages[turn]):
            messages[turn] = {**messages[turn], "train": False}
    return replace(outcome, messages=messages)


def _chain(messages: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """A hash for each message, of all up to it; system prompts, which often hold the time, aside."""
    digest, chain = hashlib.sha256(), list[bytes]()
    for m in messages:
        if m["role"] != "system":
            told = canonical_json([m["role"], m["content"].strip(), m["tool_calls"]])
            digest.update(told.encode("utf-8", "surrogatepass"))
            chain.append(digest.digest())
    return chain
