"""What is proved of a chat template, on the text it renders. Each refusal names what the template does wrong."""

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.model.template.messages import InexpressibleError, Message, reply_text

PROBE = (  # what any chat template must be able to say
    {"role": "user", "content": "Where is my order?"},
    {"role": "assistant", "content": "Yes, it left today.\nIt is parcel 7 of 12."},
    {"role": "user", "content": "And when will it be here?"},
    {"role": "assistant", "content": "Tomorrow."},
    {"role": "user", "content": "Thank you!"},
    {"role": "assistant", "content": "You are welcome."},
)
THINKING_PROBE = tuple(  # or this, where a model is asked to think first
    {**m, "content": f"<think>\nThe parcel.\n</think>\n\n{m['content']}"} if m["role"] == "assistant" else m
    for m in PROBE
)
TOOLS_CURE = (
    "; a base whose template tells tools keeps it, such as Qwen 2.5 or 3, Llama 3.1 or LFM2 (params.yaml: model.name), "
    "or a template of your own (model.template)"
)


class Presence:
    """Every message, tool and tool call stands in the text, in order.

    Texts come one after another; where one begins as the last did, only what is new is looked for.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._tools = tools
        self._read, self._turns = "", 0  # the text up to the last message found; messages found

    def prove(self, text: str, said: Sequence[Message]) -> None:
        if not self._turns or not text.startswith(self._read):
            self._read, self._turns = "", 0
            for name in [name for tool in self._tools for name in _tool_names(tool)]:
                if name not in text:
                    raise InexpressibleError(f"the chat template drops the tool {name!r}{TOOLS_CURE}")
        place = len(self._read)
        for turn, m in enumerate(said[self._turns :], self._turns):
            place = _place_behind(m, turn, text, place)
            for called in _strings([call["function"] for call in m.get("tool_calls", ())]):
                if called not in text:
                    raise InexpressibleError(
                        f"the chat template drops the tool call of turn {turn} ({called!r}){TOOLS_CURE}"
                    )
        self._read, self._turns = text[:place], len(said)


def refuse_mixed_roles(text: str, prompt: str, said: Sequence[Message]) -> None:
    """In a rendered PROBE, who speaks must be told alike at every turn, and as the server's `prompt` tells it.

    `prompt` asks for the last reply of `said`. What stands between messages is the frame of the one that follows.
    """
    words = [reply_text(m["content"]) for m in said]
    for turn, (m, content) in enumerate(zip(said, words, strict=True)):
        if (times := text.count(content)) > 1:
            raise InexpressibleError(f"turn {turn}: the chat template says the {m['role']} message {times} times")
    starts = [text.index(content) for content in words]
    ends = [start + len(content) for start, content in zip(starts, words, strict=True)]
    frames = [text[end:start] for end, start in zip(ends, starts[1:], strict=False)]  # of messages 1, 2, ...
    asked = prompt[prompt.index(words[-2]) + len(words[-2]) :]
    for turn, frame in enumerate(frames[:-1], 1):
        expected = asked if said[turn]["role"] == "assistant" else frames[1]
        if not _alike(expected, frame):
            raise InexpressibleError(
                f"turn {turn}: the chat template swaps roles: the {said[turn]['role']} message stands behind "
                f"{frame!r}, expected {expected!r}"
            )
    if frames[1] == frames[0] or ("user" in frames[0].lower() and "assistant" in frames[1].lower()):
        raise InexpressibleError(
            f"the chat template swaps roles: user messages stand behind {frames[1]!r}, replies behind {frames[0]!r}"
        )


def same_words(expected: str, found: str) -> bool:
    """White space at the ends and around think tags is the template's own affair."""
    return expected.strip() == found.strip() or _tight(expected) == _tight(found)


def difference(expected: str, found: str) -> str:
    """Where two texts part, with a few words of each."""
    shorter = min(len(expected), len(found))
    at = next((i for i in range(shorter) if expected[i] != found[i]), shorter)
    return (
        f"expected {expected[at : at + 60]!r}, found {found[at : at + 60]!r} (after {expected[max(0, at - 20) : at]!r})"
    )


def _tight(text: str) -> str:
    return "".join(part.strip() for part in re.split(r"(</?think>)", text))


def _alike(frame: str, other: str) -> bool:
    """One goes on as the other begins; empty thoughts are told at some turns only."""
    frame, other = (re.sub(r"</?think>|\s", "", text) for text in (frame, other))
    return frame.startswith(other) or other.startswith(frame)


def _place_behind(m: Message, turn: int, text: str, place: int) -> int:
    """Where the message ends in the text; it stands behind `place`. Earlier reasoning may be left out."""
    whole = reply_text(m["content"]) if m["role"] == "assistant" else m["content"].strip()
    if (found := text.find(whole, place)) >= 0:
        return found + len(whole)
    kept = bisect(range(1, len(whole)), 0, key=lambda length: int(whole[:length] not in text[place:]))
    if kept < min(8, len(whole) / 2):
        raise InexpressibleError(f"the chat template drops the {m['role']} message of turn {turn}")
    rendered = text[text.index(whole[:kept], place) :]
    raise InexpressibleError(
        f"the chat template changes the {m['role']} message of turn {turn}: {difference(whole, rendered)}"
    )


def _tool_names(tool: Mapping[str, Any]) -> list[str]:
    """Names of the function and of what it takes."""
    function = tool.get("function", tool)
    if not isinstance(function, dict):
        return []
    parameters = function.get("parameters")
    taken = parameters.get("properties") if isinstance(parameters, dict) else None
    return [str(function.get("name", "")), *(taken if isinstance(taken, dict) else ())]


def _strings(value: Any) -> Iterator[str]:
    """Names and values of the functions called, as plain words; what JSON would escape is left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str) and value.isascii() and '"' not in value and "\\" not in value and value.isprintable():
        yield value
