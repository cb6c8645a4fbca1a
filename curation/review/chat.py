"""A conversation as people read it: a bubble a turn, what is doubted marked and in sight, calls of tools laid out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.core.record.conversation import is_untaught
from curation.core.text.markdown import as_strong, as_written
from curation.review.words import words

# role and content, which is Markdown; `doubted`: its beginning is marked; `part`: one that is folded away where that
# can be, its first bubble says what it holds
Bubble = dict[str, str]
Message = Mapping[str, Any]
Doubts = Mapping[int, Sequence[str]]  # 0-based turn -> what it is doubted for, in words
NO_DOUBTS: Doubts = {}

_PIECE = 3_990  # characters a bubble: 5 times as many as Markdown at worst, and a number; Argilla takes 20,000
_BUBBLES = 500  # Argilla takes no more
_LINE = 90  # characters of a line on the screen
_FRAME = 3  # lines as high as what stands around the words of a bubble
_IN_SIGHT = 12  # lines that stand above the first doubt without hiding it, on a page 900 pixels high
_WHY = 3  # lines of the field above, each one more leaves one fewer
_BEFORE = 2  # turns shown before a doubted one, as far as they are short
_SHOWN_FIRST = 3  # doubted turns that come first; others are marked where they stand


def bubbles(
    messages: Sequence[Message], language: str, doubts: Doubts = NO_DOUBTS, lines_above: int = 0
) -> list[Bubble]:
    """Each message as one bubble or, when it is long, several. Replies carry the number by which they are corrected.

    Where the first doubted turn would be out of sight, it comes first with the turns around it, then all others.
    `lines_above`: of what stands above the conversation.
    """
    room = _IN_SIGHT - max(0, lines_above - _WHY)
    found: list[Bubble] = []
    left = len(messages)
    for head, turns, part in _in_parts(messages, language, doubts, room):
        found += [_bubble("system", as_written(head), part)] if head else []
        for turn in turns:
            pieces = _turn(turn, messages[turn], language, doubts.get(turn, ()))
            if len(found) + len(pieces) >= _BUBBLES:
                return [*found, _bubble("system", as_written(words(language)["cut"].format(left)))]
            found += [_bubble(messages[turn]["role"], piece, part) for piece in pieces]
            if turn in doubts:
                found[-len(pieces)]["doubted"] = "yes"
            left -= 1
    return found


def _bubble(role: str, content: str, part: str = "") -> Bubble:
    return {"role": role, "content": content} | ({"part": part} if part else {})


# -- what comes first --------------------------------------------------------------------------------------------------


def _in_parts(
    messages: Sequence[Message], language: str, doubts: Doubts, room: int
) -> Iterator[tuple[str, Sequence[int], str]]:
    """Turns in the order in which they are shown: the words above them, the turns, and the name of the part."""
    lines = [_FRAME + sum(1 + len(line) // _LINE for line in m["content"].split("\n")) for m in messages]
    if not doubts or sum(lines[: min(doubts)]) <= room:
        yield "", range(len(messages)), ""
        return
    near = {turn for doubted in sorted(doubts)[:_SHOWN_FIRST] for turn in _around(doubted, lines, room - _FRAME - 1)}
    head = words(language)["first"]
    for run in _runs(sorted(near)):
        yield head.format(_span(run), len(messages)), run, ""
        head = words(language)["turns"]
    for run in _runs([turn for turn in range(len(messages)) if turn not in near]):
        yield words(language)["turns"].format(_span(run)), run, _span(run)


def _span(run: Sequence[int]) -> str:
    return f"{run[0] + 1}–{run[-1] + 1}" if len(run) > 1 else f"{run[0] + 1}"


def _around(doubted: int, lines: Sequence[int], room: int) -> list[int]:
    """The turn, the one after it, and those before it that leave it in sight."""
    start = doubted
    while start > max(0, doubted - _BEFORE) and sum(lines[start - 1 : doubted]) <= room:
        start -= 1
    return [*range(start, min(doubted + 2, len(lines)))]


def _runs(turns: Sequence[int]) -> list[list[int]]:
    """Turns that follow one another."""
    found: list[list[int]] = []
    for turn in turns:
        if found and found[-1][-1] == turn - 1:
            found[-1].append(turn)
        else:
            found.append([turn])
    return found


# -- a turn ------------------------------------------------------------------------------------------------------------


def _turn(turn: int, message: Message, language: str, doubts: Sequence[str]) -> list[str]:
    note = words(language)["untaught"] if is_untaught(message) else ""
    content = message["content"]
    if message["role"] == "tool":
        content = laid_out(content)
    said = (note, content, calls(message["tool_calls"], language))
    text = "\n".join(part for part in said if part and part.strip())
    pieces = [as_written(text[start : start + _PIECE]) for start in range(0, len(text), _PIECE)]
    pieces = pieces or [as_written(words(language)["empty"])]
    above = [as_written(f"[{turn + 1}]")] if message["role"] == "assistant" else []
    if doubts:
        above.append(as_strong(words(language)["doubted"].format("; ".join(doubts))))
    return ["\n".join([*above, pieces[0]]), *pieces[1:]]


def calls(text: str | None, language: str) -> str:
    """Calls of tools, each its name and its arguments as lines; as they are written where they are no calls."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return text or ""
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(call, dict) for call in listed):
        return text or ""
    return "\n".join(_call(call, language) for call in listed)


def _call(call: Mapping[str, Any], language: str) -> str:
    """As OpenAI writes it, or flat; whatever else the source says of it, an id for one, is not for people."""
    asked: Mapping[str, Any] = call["function"] if isinstance(call.get("function"), dict) else call
    name = asked.get("name")
    if not isinstance(name, str):
        return laid_out(json.dumps(call, ensure_ascii=False))
    given = next((asked[key] for key in ("arguments", "args", "input", "parameters") if key in asked), None)
    if given is None:
        given = {key: value for key, value in asked.items() if key not in ("name", "id", "type")}
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    lines = [f"  {line}" for line in laid_out(text).split("\n") if line.strip() not in ("", "{}")]
    return "\n".join([words(language)["call"].format(name), *lines])


def laid_out(text: str) -> str:
    """JSON as lines of `name: value`, deeper ones indented; any other text as it is."""
    try:
        found = json.loads(text)
        return "\n".join(_lines(found)) if isinstance(found, dict | list) and found else text
    except (ValueError, RecursionError):
        return text


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for name, item in items:
        sign = name if name == "-" and isinstance(value, list) else f"{name}:"
        if isinstance(item, dict | list) and item:
            yield f"{indent}{sign}"
            yield from _lines(item, f"{indent}  ")
        else:
            yield f"{indent}{sign} {item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)}"
