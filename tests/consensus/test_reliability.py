"""How good people are and what is right, against people whose error is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from curation.consensus.reliability import CHOICES, Matrix, Reliability, reliability
from curation.decisions.answers import Answer

PEOPLE, CARELESS = 10, 2
NAMES = [f"p{number}" for number in range(PEOPLE)]  # the last CARELESS of them are so


def simulated(
    seed: int, kind: str, keep: float = 0.55, conversations: int = 600, good: float = 0.9
) -> tuple[list[str], list[Answer], dict[str, float]]:
    """The truth, two answers a conversation, and what the policy took for the chance of a change."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, conversations, p=[keep, (1 - keep) / 2, (1 - keep) / 2])
    lean = draw.normal(size=conversations) + (truth > 0)
    chance = 1 / (1 + np.exp(-(np.log((1 - keep) / keep) + lean - 0.5)))
    answers = []
    for number, right in enumerate(truth):
        for person in draw.choice(PEOPLE, 2, replace=False):
            wrong = (right + 1 + draw.integers(2)) % 3
            careful = right if draw.random() < good else wrong
            careless = {"keeps all": 0, "random": draw.integers(3), "contrary": wrong}[kind]
            said = careful if person < PEOPLE - CARELESS else careless
            answers.append(Answer(f"{number:032x}", NAMES[person], CHOICES[said]))
    return [CHOICES[right] for right in truth], answers, {f"{n:032x}": float(c) for n, c in enumerate(chance)}


def accuracy(found: Reliability, truth: Sequence[str]) -> float:
    said = [CHOICES[found.choices[key].argmax()] for key in sorted(found.choices)]
    return float(np.mean([a == b for a, b in zip(said, truth, strict=True)]))


def wide(answers: Sequence[Answer]) -> Matrix:
    table = np.full((max(int(a.conversation_id, 16) for a in answers) + 1, PEOPLE), np.nan)
    for a in answers:
        table[int(a.conversation_id, 16), NAMES.index(a.annotator)] = CHOICES.index(a.decision)
    return table


@pytest.mark.parametrize("keep", [0.55, 0.85])
@pytest.mark.parametrize("kind", ["random", "contrary"])
def test_two_answers_beat_majority_by_ten_points_and_crowdlab_though_two_of_ten_are_careless(
    kind: str, keep: float
) -> None:
    from cleanlab.multiannotator import get_label_quality_multiannotator, get_majority_vote_label

    ours, majority, crowdlab = [], [], []
    for seed in range(3):
        truth, answers, chances = simulated(seed, kind, keep)
        indices = np.array([CHOICES.index(choice) for choice in truth])  # type: ignore[arg-type]
        table = wide(answers)
        change = np.array([chances[key] for key in sorted(chances)])
        guesses = np.stack([1 - change, change / 2, change / 2], axis=1)
        np.random.seed(seed)  # of cleanlab's ties
        found = get_label_quality_multiannotator(table, guesses, verbose=False)["label_quality"]["consensus_label"]
        ours.append(accuracy(reliability(answers, chances), truth))
        majority.append(np.mean(get_majority_vote_label(table, verbose=False) == indices))
        crowdlab.append(np.mean(found.to_numpy() == indices))
    assert np.mean(ours) >= np.mean(majority) + 0.1
    assert np.mean(ours) >= np.mean(crowdlab) - 0.005


@pytest.mark.parametrize("keep", [0.55, 0.85])
@pytest.mark.parametrize("kind", ["keeps all", "random", "contrary"])
def test_the_careless_are_ranked_last(kind: str, keep: float) -> None:
    for seed in range(3):
        _, answers, chances = simulated(seed, kind, keep)
        found = reliability(answers, chances).annotators["annotator"].to_list()
        assert set(found[-CARELESS:]) == set(NAMES[-CARELESS:])


def test_the_intervals_of_quality_cover_the_truth() -> None:
    covered = []
    for seed in range(6):
        _, answers, chances = simulated(seed, "random")
        good = reliability(answers, chances).annotators.filter(pl.col("annotator").is_in(NAMES[:-CARELESS]))
        covered += [row["low"] <= 0.9 <= row["high"] for row in good.iter_rows(named=True)]
    assert np.mean(covered) >= 0.85


def test_confidence_means_what_it_says() -> None:
    sure, right = [], []
    for seed in range(4):
        truth, answers, chances = simulated(seed, "random")
        found = reliability(answers, chances)
        for key, true in zip(sorted(found.choices), truth, strict=True):
            sure.append(found.choices[key].max())
            right.append(CHOICES[found.choices[key].argmax()] == true)
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.03)


def test_a_policy_that_is_wrong_as_a_whole_does_not_carry_people_along() -> None:
    truth, answers, chances = simulated(1, "random", keep=0.85)
    good = accuracy(reliability(answers, chances), truth)
    for wrong in (dict.fromkeys(chances, 0.95), dict.fromkeys(chances, 0.05)):
        assert accuracy(reliability(answers, wrong), truth) >= good - 0.05


def test_gold_makes_the_careless_known_where_nobody_else_answered() -> None:
    gold: dict[str, Any] = {f"{n:032x}": "drop" if n % 2 else "keep" for n in range(20)}
    answers = [Answer(key, "keeper", "keep") for key in gold] + [Answer(key, "good", gold[key]) for key in gold]
    found = reliability(answers, {}, gold)
    table = {row["annotator"]: row for row in found.annotators.iter_rows(named=True)}
    assert (table["keeper"]["gold_right"], table["keeper"]["gold_asked"]) == (10, 20)
    assert table["keeper"]["high"] < table["good"]["low"]
    assert table["keeper"]["quality"] < 0.65 < 0.9 < table["good"]["quality"]


def test_nobody_knows_a_newcomer() -> None:
    [row] = reliability([Answer("a" * 32, "new", "keep")], {}).annotators.to_dicts()
    assert (row["answers"], row["compared"], row["agreement"], row["quality"]) == (1, 0, None, 0.8)
    assert row["low"] < 0.55 and row["high"] > 0.95


def test_ten_thousand_answers_leave_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    _, answers, chances = simulated(0, "random", conversations=5_000)
    assert len(reliability(answers, chances).choices) == 5_000 and not recwarn.list
