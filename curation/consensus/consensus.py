"""From answers to decisions: what people said of a conversation, weighed by how far each of them is to be trusted."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import polars as pl
from pydantic import Field

from curation.consensus.corrections import AnswerError, Known, Message, ReadAnswer, outcome
from curation.consensus.reliability import CHOICES, Matrix, Reliability, reliability
from curation.decisions.answers import Answer, Choice
from curation.decisions.decisions import Decision, moment
from curation.harness.files import progress
from curation.harness.params import Params


class Pairs(Params):
    """review.pairs: two replies to the same customer before people."""

    dataset: str = "pairs"  # of Argilla
    seed: int = 7  # of which pairs come first, which reply of a conversation is shown, and which side it stands on
    gold: float = Field(default=0.2, ge=0, lt=1)  # share of the pairs whose better side is known


class ModelJudge(Params):
    """review.judge: a language model at an OpenAI-compatible endpoint; its key stands in QIRAT_ENDPOINT_KEY."""

    url: str  # such as https://host/v1
    model: str
    most: int = Field(default=1000, gt=0)  # requests; more are refused before the first is sent
    timeout: float = Field(default=60, gt=0)  # seconds an answer


class Review(Params):
    """The `review` section of params.yaml."""

    backend: Literal["argilla", "label_studio"] = "argilla"  # the server before people
    workspace: str = "qirat"  # annotators see the data sets of their workspaces only
    dataset: str = "review"
    min_submitted: int = Field(default=1, ge=1)  # answers a conversation needs
    min_confidence: float = Field(default=0.7, ge=0, le=1)  # chance of being right from which answers decide
    enough_confidence: float = Field(default=0.9, ge=0, le=1)  # decided so surely, a row is not asked about again
    second_opinions: float = Field(default=0.1, ge=0, le=1)  # second looks, as a share of all answers
    gold: float = Field(default=0.05, ge=0, lt=1)  # share of the line-up whose right decision is known
    mask_personal_data: bool = True  # emails, phones and the like are shown as "[phone_1]"
    pairs: Pairs = Pairs()
    judge: ModelJudge | None = None  # of pairs, beside people


Said = tuple[Answer, ReadAnswer]
AS_READ = Known()
NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Unusable:
    """An answer that says nothing that can be used, and why."""

    answer: Answer
    error: AnswerError

    def __str__(self) -> str:
        return f"{self.answer.conversation_id}, answer of {self.answer.annotator}: {self.error}"


@dataclass(frozen=True)
class Consensus:
    """The decisions people come to, what stays open and why, for people to read, and how good each person is."""

    decisions: list[Decision]
    again: list[Unusable]
    disagreements: list[str]
    annotators: pl.DataFrame  # reliability.ANNOTATORS
    # conversation_id of each disagreement -> when its last answer was given
    open: Mapping[str, str] = field(default_factory=dict)

    @property
    def unusable(self) -> list[str]:
        """`again` in sentences."""
        return [*map(str, self.again)]


def consensus(
    answers: Iterable[Answer],
    originals: Mapping[str, Sequence[Message]],
    params: Review,
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
    open_: dict[str, str] = {}
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
            open_[conversation_id] = _last(said)
    return Consensus(decisions, unusable, disagreements, weighed.annotators, open_)


def latest(answers: Iterable[Answer]) -> list[Answer]:
    """Each annotator's last answer on each conversation, in the order of both."""
    ordered = sorted(answers, key=lambda a: (a.conversation_id, a.annotator, moment(a.at), a.round))
    return list({(answer.conversation_id, answer.annotator): answer for answer in ordered}.values())


def usable(
    answers: Iterable[Answer], originals: Mapping[str, Sequence[Message]], known: Known = AS_READ
) -> tuple[dict[str, list[Said]], list[Unusable]]:
    """conversation_id -> the answers that make sense and what they come to; and what is wrong with the others."""
    heard: dict[str, list[Said]] = {}
    unusable: list[Unusable] = []
    for answer in latest(answers):
        try:
            said = outcome(answer, originals.get(answer.conversation_id), known)
            heard.setdefault(answer.conversation_id, []).append((answer, said))
        except AnswerError as error:
            unusable.append(Unusable(answer, error))
    return heard, unusable


def merged(
    decisions: Iterable[Decision],
    pulled: Iterable[Decision],
    left_open: Mapping[str, str] = NONE,
    gold: Mapping[str, Choice] = NONE,
) -> list[Decision]:
    """Decisions stay unless people answered on that conversation since, or an expert says otherwise.

    Then what people come to now takes their place, and nothing does where it is `left_open` (Consensus.open). So a
    decision stands even when answers elsewhere change how far its annotators are trusted. An undated one is by hand and
    stays; one applied from a similar row gives way to people's own.
    """
    new = {decision.conversation_id: decision for decision in pulled}
    times = dict(left_open) | {key: decision.decided_at for key, decision in new.items()}

    def stands(before: Decision) -> bool:
        key = before.conversation_id
        if not before.decided_at:
            return True
        if before.decision != gold.get(key, before.decision) or (before.applied_from and key in new):
            return False
        return key not in times or moment(times[key]) <= moment(before.decided_at)

    found = new | {decision.conversation_id: decision for decision in decisions if stands(decision)}
    return [found[key] for key in sorted(found)]


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
        decided_at=_last(said),
        purpose=said[0][0].purpose,
        confidence=confidence,
    )


def _words(behind: Sequence[Said], quality: Mapping[str, float]) -> ReadAnswer:
    """The correction with the best annotators behind it: equal corrections add up, and ties go by name."""
    weights: dict[ReadAnswer, float] = {}
    for answer, said in behind:
        weights[said] = weights.get(said, 0.0) + quality[answer.annotator]
    return max(weights, key=lambda said: round(weights[said], 9))


def _last(said: Sequence[Said]) -> str:
    return max((answer.at for answer, _ in said), key=moment)
