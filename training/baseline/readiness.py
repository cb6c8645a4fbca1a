"""Is a prompt good enough already, and does the traffic pay for more? Two of four questions asked before training.

The other two, enough clean rows and style or facts, are the gate's (data/gate/readiness.json): they need no model. An
answer comes with the figures behind it, so that the report tells it in every language. Where a prompt is good enough
the road ends here.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from curation.core.statistics.intervals import FEW
from curation.harness.errors import QiratError
from training.judge.arms import prompt_arms
from training.judge.reasons import Reason, as_codes
from training.judge.scoring import ALL, figure
from training.judge.target import FEW_OF_A_LANGUAGE, standing
from training.model.cost import REACHED, Shape, break_even, counted, saved_seconds, training_operations

if TYPE_CHECKING:
    from transformers import PretrainedConfig

EPOCHS, RANK = 2, 16  # of a usual run; the order of magnitude is what counts here
MOST_DAYS = 365  # traffic that pays later does not pay: models and prices move faster


@dataclass(frozen=True)
class Readiness:
    """yes speaks for training, no against it."""

    question: Literal["prompt", "traffic"]
    answer: Literal["yes", "no", "unknown"]
    figures: Mapping[str, Any]


def reaching(shares: pl.DataFrame, target: float) -> str | None:
    """The first prompt arm in GOOD shown to reach the target, by the rule that the adapter is held to; or None."""
    arms = prompt_arms(shares["arm"].unique())
    return next((arm for arm in arms if standing(shares, arm, target).word == "reached"), None)


def not_shown(shares: pl.DataFrame, arm: str | None) -> Iterator[Reason]:
    """The languages of which too few conversations say whether the arm reaches the target."""
    few = shares.filter(pl.col("n") < FEW_OF_A_LANGUAGE, pl.col("language") != ALL, arm=arm or "").sort("language")
    for language, n in few.select("language", "n").iter_rows():
        yield Reason("not_shown", {"language": language, "metrics": f"playbook_pass ({n})", "least": FEW_OF_A_LANGUAGE})


def prompt_answer(arms: pl.DataFrame, best: str, reached: str | None, target: float) -> Readiness:
    """yes: there is something left to learn, for the best prompt breaks rules."""
    row = figure(arms, best, "playbook_pass")
    figures = {"arm": reached or best, "value": row["value"], "target": target, "n": row["n"]}
    return Readiness("prompt", "no" if reached else "unknown" if row["n"] < FEW else "yes", figures)


def traffic_answer(
    arms: pl.DataFrame,
    best: str,
    short: float,
    tokens: pl.DataFrame,
    config: "PretrainedConfig",
    replies_a_day: float,
) -> Readiness:
    """yes: within a year the prompt that the adapter makes needless costs more to read than training takes.

    On one card, so that its price and speed cancel out. `short`: tokens read before a reply where no prompt stands;
    `tokens`: data/tokenized/train.
    """
    long = figure(arms, best, "prompt_tokens")["value"]
    shape = Shape.of(config, RANK)
    training = EPOCHS * training_operations(shape, *counted(tokens)) / REACHED
    replies = break_even(training, saved_seconds(shape, long, short))
    pays = replies <= MOST_DAYS * replies_a_day
    known = {"replies": round(replies), "days": replies / replies_a_day} if math.isfinite(replies) else {}
    figures = {"arm": best, "saved": max(long - short, 0.0), "replies_a_day": replies_a_day, **known}
    return Readiness("traffic", "yes" if pays else "no", figures)


def verdict(
    reached: str | None, best: str, shots: int, target: float, override: str, left_out: Iterable[Reason] = ()
) -> Mapping[str, Any]:
    """data/baseline/verdict.json; `verdict` stands in it where nothing shall be trained.

    `left_out` names the languages in which nobody, or hardly anybody, was asked: a prompt that is enough is not so for
    them.
    """
    reasons = [Reason("prompt_reached", {"arm": reached, "target": target}), *left_out] if reached else []
    word = {"verdict": "prompting is enough"} if reached and not override else {}
    found = {"best_prompt_arm": best, "shots": shots, "reached": reached, "target": target, "override": override}
    return {**word, **as_codes(reasons), **found}


def refuse_needless_training(reached: str | None, target: float, override: str) -> None:
    """Stops the road where a prompt does the work, unless someone gave a reason to go on."""
    if reached and not override:
        raise QiratError(
            f"prompting is enough: {reached} is shown to break no rule, and to end its replies, in at least "
            f"{target:.0%} of the conversations of each language that is judged in {FEW_OF_A_LANGUAGE} or more. Use "
            "that prompt; or raise params.yaml: baseline.target; or train all the same by giving the reason as "
            "baseline.override"
        )
