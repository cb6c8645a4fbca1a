"""How often each annotator is right, and how likely each choice is right for each conversation.

Dawid and Skene's model (1979), made small: an annotator has two rates, of being right where a conversation should be
kept and where it should be changed; errors spread evenly over the other choices. The rates come from conversations that
several people answered and from gold ones, by expectation maximisation from a prior of 4 right answers in 5. Why not
CROWDLAB: docs/review.md.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.decisions.answers import Answer, Choice

CHOICES: tuple[Choice, ...] = ("keep", "edit", "drop")
UNSURE = 0.5  # what an answer weighs whose annotator was unsure
PRIOR = (4.0, 1.0)  # right and wrong answers that everybody starts with, at each of the two rates
PRIOR_ROWS = 10  # conversations that the policy's chances count for where people say they are too high or too low
CHANCE = (0.05, 0.95)  # the policy's opinion never weighs more against people than this
ROUNDS, CLOSE = 200, 1e-7  # of the maximisation

_SIDE = np.array([0, 1, 1])  # which rate a choice belongs to: kept or changed
ANNOTATORS = pl.Schema(
    {
        "annotator": pl.String(),
        "answers": pl.Int64(),
        "compared": pl.Int64(),  # answers on conversations with other people's answers, or gold
        "agreement": pl.Float64(),  # share of these that say what is likeliest, by all answers together
        "gold_asked": pl.Int64(),
        "gold_right": pl.Int64(),
        "quality": pl.Float64(),  # chance of being right, mean of the two rates: pressing always the same key is 0.5
        "low": pl.Float64(),  # of its 95% interval
        "high": pl.Float64(),
    }
)
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """`choices`: conversation_id -> chance that keep, edit and drop is right. `annotators`: ANNOTATORS, best first."""

    choices: dict[str, Matrix]
    annotators: pl.DataFrame

    def quality(self) -> dict[str, float]:
        """annotator -> chance of being right."""
        return dict(self.annotators.select("annotator", "quality").iter_rows())


def reliability(
    answers: Sequence[Answer], chances: Mapping[str, float], gold: Mapping[str, Choice] | None = None
) -> Reliability:
    """`answers`: one an annotator and conversation. `chances`: that people would change the conversation.

    Where one person answered, nobody else says how right that was: the chance is what is known of the person.
    """
    gold = gold or {}
    people = sorted({answer.annotator for answer in answers})
    asked = Counter(answer.conversation_id for answer in answers)
    compared = [answer for answer in answers if asked[answer.conversation_id] > 1 or answer.conversation_id in gold]
    rows = sorted({answer.conversation_id for answer in compared})
    truth, right, all_ = _maximised(compared, people, rows, _priors(rows, chances, compared), gold)
    choices = dict(zip(rows, truth, strict=True))
    same = [answer for answer in compared if _index(answer) == choices[answer.conversation_id].argmax()]
    annotators = _table(answers, compared, same, gold).join(_quality(people, right, all_), on="annotator")
    annotators = annotators.sort("quality", "annotator", descending=[True, False])
    known = dict(annotators.select("annotator", "quality").iter_rows())
    for answer in answers:
        if answer.conversation_id not in choices:
            choices[answer.conversation_id] = _alone(answer, known[answer.annotator])
    return Reliability(choices, annotators.select(ANNOTATORS.names()))


def _priors(rows: Sequence[str], chances: Mapping[str, float], answers: Sequence[Answer]) -> Matrix:
    """(rows, 3): what is known of each conversation before anybody answers; edits and drops as people choose them."""
    said = Counter(answer.decision for answer in answers)
    edits = (said["edit"] + 1) / (said["edit"] + said["drop"] + 2)
    change = np.clip([chances.get(row, 0.5) for row in rows], *CHANCE)
    return np.stack([1 - change, change * edits, change * (1 - edits)], axis=1).reshape(-1, 3)


def _maximised(
    answers: Sequence[Answer], people: Sequence[str], rows: Sequence[str], priors: Matrix, gold: Mapping[str, Choice]
) -> tuple[Matrix, Matrix, Matrix]:
    """(rows, 3) chances of each choice; (people, 2) right answers and all answers, prior ones among them."""
    row = np.searchsorted(rows, [answer.conversation_id for answer in answers]) if rows else np.zeros(0, np.int64)
    person = np.searchsorted(people, [answer.annotator for answer in answers]) if rows else np.zeros(0, np.int64)
    hit = np.eye(3)[np.array([_index(answer) for answer in answers], np.int64)]
    weight = np.array([UNSURE if answer.confidence == "unsure" else 1.0 for answer in answers]).reshape(-1, 1)
    known = np.array([n for n, key in enumerate(rows) if key in gold], np.int64)
    fixed = np.eye(3)[np.array([CHOICES.index(gold[rows[n]]) for n in known], np.int64)]

    right, all_ = np.full((len(people), 2), PRIOR[0]), np.full((len(people), 2), sum(PRIOR))
    open_ = np.setdiff1d(np.arange(len(rows)), known)
    prior = PRIOR_ROWS * (priors[open_].mean(axis=0) if len(open_) else np.ones(3))
    truth, level = priors, np.ones(3)
    for _ in range(ROUNDS):
        rate = (right / all_)[person][:, _SIDE]
        evidence = np.log(priors * level)
        np.add.at(evidence, row, weight * np.where(hit > 0, np.log(rate), np.log((1 - rate) / 2)))
        truth = np.exp(evidence - evidence.max(axis=1, keepdims=True, initial=-np.inf))
        truth /= truth.sum(axis=1, keepdims=True)
        truth[known] = fixed
        before = right / all_
        right, all_ = np.full_like(right, PRIOR[0]), np.full_like(all_, sum(PRIOR))
        for choice, side in enumerate(_SIDE):
            np.add.at(all_[:, side], person, truth[row, choice])
            np.add.at(right[:, side], person, truth[row, choice] * hit[:, choice])
        # The policy's chances may be too high or too low as a whole: people tell by how much.
        level = (truth[open_].sum(axis=0) + prior) / (priors[open_].sum(axis=0) + prior)
        if np.abs(right / all_ - before).max(initial=0) < CLOSE:
            break
    return truth, right, all_


def _quality(people: Sequence[str], right: Matrix, all_: Matrix) -> pl.DataFrame:
    """The mean of the two rates and its 95% interval, as of a beta distribution with its mean and variance."""
    from scipy.stats import beta

    rate = right / all_
    mean = rate.mean(axis=1)
    variance = (rate * (1 - rate) / (all_ + 1)).sum(axis=1) / 4
    size = mean * (1 - mean) / variance - 1
    low, high = (beta.ppf(end, mean * size, (1 - mean) * size) for end in (0.025, 0.975))
    columns = {"annotator": list(people), "quality": mean, "low": low, "high": high}
    return pl.DataFrame(columns, schema_overrides={"annotator": pl.String}).with_columns(
        pl.col("quality", "low", "high").round(4)
    )


def _alone(answer: Answer, quality: float) -> Matrix:
    sure = quality * (UNSURE if answer.confidence == "unsure" else 1.0)
    chances = np.full(3, (1 - sure) / 2)
    chances[_index(answer)] = sure
    return chances


def _table(
    answers: Sequence[Answer], compared: Sequence[Answer], same: Sequence[Answer], gold: Mapping[str, Choice]
) -> pl.DataFrame:
    """The counts of ANNOTATORS."""
    on_gold = [answer for answer in answers if answer.conversation_id in gold]
    right = [answer for answer in on_gold if answer.decision == gold[answer.conversation_id]]
    given, beside, alike, asked, known = (
        Counter(answer.annotator for answer in some) for some in (answers, compared, same, on_gold, right)
    )
    rows = [
        (name, given[name], beside[name], _share(alike[name], beside[name]), asked[name], known[name])
        for name in sorted(given)
    ]
    return pl.DataFrame(rows, schema=dict(list(ANNOTATORS.items())[:6]), orient="row")


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _index(answer: Answer) -> int:
    return CHOICES.index(answer.decision)
