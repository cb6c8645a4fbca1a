"""From what annotators answered to decisions: corrections read, answers weighed against each other."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from curation.conversation import canonical_json
from curation.decision import Decision
from curation.personal_data import COVER

Message = Mapping[str, Any]
Choice = Literal["keep", "edit", "drop"]

# "[2]" alone on its line, also in Arabic-Indic digits, also with a word for turn, as some will write it
_NUMBER_LINE = re.compile(r"^[ \t]*\[\s*(?:turn|الدور|رد)?\s*(\d+)\s*\][ \t]*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What one annotator submitted on one conversation."""

    conversation_id: str
    annotator: str
    decision: Choice
    reasons: tuple[str, ...] = ()
    corrected: str = ""
    label: str = ""
    at: str = ""  # ISO 8601, UTC


class AnswerError(ValueError):
    """An answer that cannot be used, and what the annotator can do about it."""


@dataclass(frozen=True)
class Outcome:
    """What an answer comes to. Two answers agree when their outcomes are equal, an edit's to the letter."""

    decision: Choice
    messages: str | None = None  # canonical JSON
    label: str | None = None


@dataclass(frozen=True)
class Consensus:
    """The decisions people agree on, and what stays open: conversation_id -> why, for people to read."""

    decisions: list[Decision]
    unusable: list[str]
    disagreements: list[str]


def consensus(
    answers: Iterable[Answer], originals: Mapping[str, Sequence[Message]], min_submitted: int = 1
) -> Consensus:
    """A conversation is decided when it has enough usable answers and more than half of them say the same."""
    by_conversation: dict[str, list[Answer]] = {}
    for answer in answers:
        by_conversation.setdefault(answer.conversation_id, []).append(answer)
    found = Consensus([], [], [])
    for conversation_id, given in sorted(by_conversation.items()):
        usable: list[tuple[Answer, Outcome]] = []
        for answer in sorted(given, key=lambda a: a.annotator):
            try:
                usable.append((answer, outcome(answer, originals.get(conversation_id))))
            except AnswerError as error:
                found.unusable.append(f"{conversation_id}, answer of {answer.annotator}: {error}")
        if len(usable) >= min_submitted:
            _weigh(conversation_id, usable, found)
    return found


def outcome(answer: Answer, original: Sequence[Message] | None) -> Outcome:
    """Raises AnswerError where the parts of an answer contradict each other or the conversation."""
    corrected, label = answer.corrected.strip(), answer.label.strip() or None
    if answer.decision == "drop":
        return Outcome("drop")
    if answer.decision == "keep":
        if corrected or label:
            raise AnswerError("it says keep, yet corrects something; choose edit, or clear the correction")
        return Outcome("keep")
    if not corrected and not label:
        raise AnswerError("it says edit, yet corrects nothing; write the corrected reply or label, or choose keep")
    if not corrected:
        return Outcome("edit", label=label)
    if original is None:
        raise AnswerError("its conversation is not in data/ingested any more, so the correction has nothing to go into")
    return Outcome("edit", canonical_json(edited(original, corrected)), label)


def edited(original: Sequence[Message], corrected: str) -> list[dict[str, Any]]:
    """The conversation with the named replies replaced; text without any number replaces the last reply."""
    messages = [{key: value for key, value in m.items() if value is not None} for m in original]
    replies = [number for number, m in enumerate(messages, 1) if m["role"] == "assistant"]
    for number, text in _corrections(corrected, replies).items():
        if number not in replies:
            raise AnswerError(f"[{number}] is no reply of the assistant; its replies are {_listed(replies)}")
        if not text:
            raise AnswerError(f"[{number}] has no text below it; write the whole corrected reply there")
        if covers := sorted({*COVER.findall(text)} - {*COVER.findall(messages[number - 1]["content"])}):
            raise AnswerError(
                f"[{number}] holds {', '.join(covers)}, which only covers what Argilla does not show, and the model "
                "would learn to write it; write the reply without it"
            )
        messages[number - 1]["content"] = text
    if all(m["content"] == before["content"] for m, before in zip(messages, original, strict=True)):
        raise AnswerError("the correction is what stands there already; choose keep, or correct it")
    return messages


def merged(decisions: Iterable[Decision], pulled: Iterable[Decision]) -> list[Decision]:
    """Decisions stay unless people answered on that conversation since; an undated one is by hand and stays."""
    kept = {decision.conversation_id: decision for decision in decisions}
    for decision in pulled:
        before = kept.get(decision.conversation_id)
        if before is None or (before.decided_at and _moment(decision.decided_at) > _moment(before.decided_at)):
            kept[decision.conversation_id] = decision
    return list(kept.values())


def _weigh(conversation_id: str, usable: Sequence[tuple[Answer, Outcome]], found: Consensus) -> None:
    said, votes = Counter(outcome for _, outcome in usable).most_common(1)[0]
    if votes * 2 <= len(usable):
        each = ", ".join(f"{answer.annotator} says {outcome.decision}" for answer, outcome in usable)
        found.disagreements.append(f"{conversation_id}: {each}")
        return
    behind = [answer for answer, outcome in usable if outcome == said]
    found.decisions.append(
        Decision(
            conversation_id=conversation_id,
            decision=said.decision,
            reasons=tuple(sorted({reason for answer in behind for reason in answer.reasons})),
            messages=json.loads(said.messages) if said.messages else None,
            label=said.label,
            annotators=tuple(answer.annotator for answer in behind),
            agreement=round(votes / len(usable), 4),
            decided_at=max(answer.at for answer, _ in usable),
        )
    )


def _corrections(corrected: str, replies: Sequence[int]) -> dict[int, str]:
    """Number of a reply -> its text."""
    before, *parts = _NUMBER_LINE.split(corrected)
    if not parts:
        if not replies:
            raise AnswerError("the conversation has no reply of the assistant to correct; choose drop")
        return {replies[-1]: corrected.strip()}
    if before.strip():
        raise AnswerError("there is text above the first number; say which reply it belongs to")
    numbers = [int(digits) for digits in parts[::2]]
    if len(set(numbers)) < len(numbers):
        raise AnswerError("a number stands there twice; keep one")
    return dict(zip(numbers, (text.strip() for text in parts[1::2]), strict=True))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"[{number}]" for number in numbers) or "none"


def _moment(decided_at: str) -> datetime:
    moment = datetime.fromisoformat(decided_at)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
