"""Preferences (DPO, UltraFeedback, Argilla, OpenAI): `prompt`, `input`, `messages`, `conversations` or `instruction`
with `chosen` and `rejected` (`preferred_output`, `non_preferred_output`), each a text, a message or all messages; or
answers with ratings (`completions`, or `generations` and `ratings`). The chosen answer is the reply, the others are
left out.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply, marks that a reply is
not to be learnt of the chosen side; id, label, customer, time and licence; every other field in metadata; never the
rejected answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.core.record.conversation import message
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    each_row,
    field_of,
    format_of,
    text_of,
    with_system,
)
from curation.ingest.json_text import parsed
from curation.ingest.preferences import CHOSEN, LEFT_OUT, REJECTED, is_paired
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.turns import chat_messages

PROMPT = ("prompt", "instruction", "input", "messages", "conversations", "conversation", "question", "context", "query")
ANSWERS = ("completions", "generations", "responses", "candidates")
RATINGS = ("ratings", "rating", "scores", "score", "rewards", "rank", "ranks")
_RATED_BY = ("overall_score", "fine-grained_score", "score", "rating", "reward")  # in an answer
_SPOKEN = re.compile(r"(?:^|\n\n)(Human|Assistant|User|H|A): ?")  # Anthropic's HH-RLHF


def _misses(contents: Contents) -> str:
    if is_paired(contents):
        return ""
    rated = field_of(contents, ANSWERS) and field_of(contents, PROMPT)
    if not rated:
        return "no chosen and rejected answers, no answers with ratings"
    answers = [row.value.get(field_of(contents, ANSWERS)) for row in contents.sample if isinstance(row.value, dict)]
    told = field_of(contents, RATINGS) or any(_own_ratings(value) for value in answers)
    return "" if told and any(isinstance(parsed(value), list) for value in answers) else "its answers have no ratings"


@format_of("preference", _misses)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row, with the chosen answer; other answers are kept nowhere."""
    asked, chosen = field_of(contents, PROMPT), field_of(contents, CHOSEN)
    answers, ratings = field_of(contents, ANSWERS), field_of(contents, RATINGS)
    paired = is_paired(contents)
    used = {asked, chosen, field_of(contents, REJECTED), answers, "system", "history", "instruction", "input"} - {None}

    def messages(row: Mapping[str, Any]) -> tuple[Messages, Mapping[str, Any]]:
        if reading.preferences == "leave_out":
            raise UnreadableError(LEFT_OUT)
        best = row.get(chosen) if paired and chosen else _best(row, answers, ratings)
        said = _whole(_asked(row, asked, reading.roles), parsed(best), reading.roles)
        return with_system(row.get("system"), said), provenance([_beside(row, asked)], {*map(str, used)})

    return each_row(contents.rows, messages)


def _beside(row: Mapping[str, Any], asked: str | None) -> dict[str, Any]:
    """The row, with the tools that OpenAI keeps in its input."""
    inner = row.get(asked or "")
    return {**row, "tools": inner["tools"]} if isinstance(inner, dict) and inner.get("tools") else dict(row)


def _asked(row: Mapping[str, Any], field: str | None, roles: Roles) -> Messages:
    """What was said before the answer; [] where the answer holds it all."""
    value = parsed(row.get(field)) if field else None
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, list):
        return chat_messages(value, roles)
    if field == "instruction":
        value = "\n\n".join(text for key in ("instruction", "input") if (text := text_of(row.get(key), key).strip()))
    asked = text_of(value, field or "prompt")
    return _transcript(asked) or ([message("user", asked)] if asked.strip() else [])


def _whole(asked: Messages, best: Any, roles: Roles) -> Messages:
    """The conversation with the chosen answer, which may repeat what was asked."""
    if isinstance(best, dict) and not {"role", "from"} & best.keys():
        best = next((best[key] for key in ("response", "text", "content", "completion", "value") if key in best), None)
    if isinstance(best, dict):
        best = [best]
    if isinstance(best, list) and best:
        answer = chat_messages(best, roles)
    elif isinstance(best, str) and best.strip():
        answer = _transcript(best) or [message("assistant", best)]
    else:
        raise UnreadableError("no chosen answer is in it")
    if not any(m["role"] == "user" for m in answer):
        return [*asked, *answer]
    if any(m["role"] == "system" for m in answer):
        return answer
    return [*(m for m in asked if m["role"] == "system"), *answer]


def _transcript(text: str) -> Messages:
    """Turns of a text in which Human and Assistant speak in paragraphs; [] for any other."""
    heads = [*_SPOKEN.finditer(text)]
    if not heads or text[: heads[0].start()].strip():
        return []
    ends = [*(head.start() for head in heads[1:]), len(text)]
    sides = {"Human": "user", "User": "user", "H": "user"}
    texts = [text[head.end() : end].strip() for head, end in zip(heads, ends, strict=True)]
    said = [(sides.get(head[1], "assistant"), words) for head, words in zip(heads, texts, strict=True)]
    while said and not said[-1][1]:  # "Assistant:" at the end asks for the answer
        said.pop()
    return [message(role, words) for role, words in said]


def _best(row: Mapping[str, Any], answers: str | None, ratings: str | None) -> Any:
    """The answer with the highest rating, the first of several."""
    listed = parsed(row.get(answers or ""))
    if not isinstance(listed, list) or not listed:
        raise UnreadableError("no answers are in it")
    beside = parsed(row.get(ratings)) if ratings else None
    rated = _own_ratings(listed) or (beside if isinstance(beside, list) else [])
    numbers = [_number(value) for value in rated]
    if len(numbers) != len(listed) or all(number is None for number in numbers):
        raise UnreadableError("its answers have no ratings, so none of them is known to be good")
    order = [float("-inf") if number is None else number for number in numbers]
    if ratings and ratings.startswith("rank") and not _own_ratings(listed):  # the first rank is the best
        order = [float("-inf") if number is None else -number for number in numbers]
    return listed[order.index(max(order))]


def _own_ratings(value: Any) -> Sequence[Any]:
    """Ratings that stand in the answers themselves."""
    listed = parsed(value)
    if not isinstance(listed, list) or not all(isinstance(answer, dict) for answer in listed):
        return []
    key = next((key for key in _RATED_BY if any(answer.get(key) is not None for answer in listed)), None)
    return [answer.get(key) for answer in listed] if key else []


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
