"""From answers to decisions: what people said of a conversation, weighed by how far each of them is to be trusted."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from curation.decision import Decision
from curation.review.answers import Answer, AnswerError, Choice, Known, Message, Outcome, outcome
from curation.review.reliability import CHOICES, Matrix, Reliability, reliability
from curation.stage import progress

if TYPE_CHECKING:
    from curation.review.form import Review

Said = tuple[Answer, Outcome]
AS_READ = Known()


@dataclass(frozen=True)
class Consensus:
    """The decisions people come to, what stays open and why, for people to read, and how good each person is."""

    decisions: list[Decision]
    unusable: list[str]
    disagreements: list[str]
    annotators: pl.DataFrame  # reliability.ANNOTATORS


def consensus(
    answers: Iterable[Answer],
    originals: Mapping[str, Sequence[Message]],
    params: "Review",
    chances: Mapping[str, float] | None = None,
    gold: Mapping[str, Choice] | None = None,
    known: Known = AS_READ,
) -> Consensus:
    """A conversation is decided when enough people answered and what they say is sure enough.

    `chances`: that people would change a conversation, by everything but their answers. `gold`: the right choice where
    an expert wrote it down. What people disagree on, or nobody reliable has said, stays open for another look.
    """
    gold = gold or {}
    heard, unusable = usable(answers, originals, known)
    weighed = reliability([answer for said in heard.values() for answer, _ in said], chances or {}, gold)
    decisions, disagreements = [], []
    for conversation_id, said in progress(heard.items(), "review: weighing answers", len(heard), "conversations"):
        if len(said) < params.min_submitted:
            continue
        choice, confidence = _choice(said, weighed.choices[conversation_id], gold.get(conversation_id))
        behind = [(answer, outcome) for answer, outcome in said if outcome.decision == choice]
        if behind and confidence >= params.min_confidence:
            decisions.append(_decision(said, behind, confidence, weighed))
        else:
            each = ", ".join(f"{answer.annotator} says {outcome.decision}" for answer, outcome in said)
            disagreements.append(f"{conversation_id}: {each} ({choice} is {confidence:.0%} sure)")
    return Consensus(decisions, unusable, disagreements, weighed.annotators)


def latest(answers: Iterable[Answer]) -> list[Answer]:
    """Each annotator's last answer on each conversation, in the order of both."""
    ordered = sorted(answers, key=lambda a: (a.conversation_id, a.annotator, a.at, a.round))
    return list({(answer.conversation_id, answer.annotator): answer for answer in ordered}.values())


def usable(
    answers: Iterable[Answer], originals: Mapping[str, Sequence[Message]], known: Known = AS_READ
) -> tuple[dict[str, list[Said]], list[str]]:
    """conversation_id -> the answers that make sense and what they come to; and what is wrong with the others."""
    heard: dict[str, list[Said]] = {}
    unusable = []
    for answer in latest(answers):
        try:
            said = outcome(answer, originals.get(answer.conversation_id), known)
            meant = replace(answer, decision=said.decision)
            heard.setdefault(answer.conversation_id, []).append((meant, said))
        except AnswerError as error:
            unusable.append(f"{answer.conversation_id}, answer of {answer.annotator}: {error}")
    return heard, unusable


def merged(decisions: Iterable[Decision], pulled: Iterable[Decision]) -> list[Decision]:
    """Decisions stay unless people answered on that conversation since; an undated one is by hand and stays.

    So a decision stands even when later answers elsewhere change how far its annotators are trusted.
    """
    kept = {decision.conversation_id: decision for decision in decisions}
    for decision in pulled:
        before = kept.get(decision.conversation_id)
        if before is None or (before.decided_at and _moment(decision.decided_at) > _moment(before.decided_at)):
            kept[decision.conversation_id] = decision
    return list(kept.values())


def _choice(said: Sequence[Said], chances: Matrix, right: Choice | None) -> tuple[Choice, float]:
    """The expert's choice where there is one, else the likeliest of those that people made, and how likely it is."""
    if right is not None:
        return right, 1.0
    made = {outcome.decision for _, outcome in said}
    likely = sorted(((float(chances[CHOICES.index(choice)]), choice) for choice in made), reverse=True)
    tied = len(likely) > 1 and likely[0][0] - likely[1][0] < 1e-9
    return likely[0][1], 0.0 if tied else round(likely[0][0], 4)


def _decision(said: Sequence[Said], behind: Sequence[Said], confidence: float, weighed: Reliability) -> Decision:
    words = _words(behind, weighed.quality())
    return Decision(
        conversation_id=behind[0][0].conversation_id,
        decision=words.decision,
        reasons=tuple(sorted({reason for answer, _ in behind for reason in answer.reasons})),
        messages=json.loads(words.messages) if words.messages else None,
        label=words.label,
        annotators=tuple(answer.annotator for answer, _ in behind),
        agreement=round(len(behind) / len(said), 4),
        decided_at=max((answer.at for answer, _ in said), key=_moment),
        purpose=said[0][0].purpose,
        confidence=confidence,
    )


def _words(behind: Sequence[Said], quality: Mapping[str, float]) -> Outcome:
    """The correction with the best annotators behind it: equal corrections add up, and ties go by name."""
    weights: dict[Outcome, float] = {}
    for answer, said in behind:
        weights[said] = weights.get(said, 0.0) + quality[answer.annotator]
    return max(weights, key=lambda said: round(weights[said], 9))


def _moment(time: str) -> datetime:
    moment = datetime.fromisoformat(time)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
