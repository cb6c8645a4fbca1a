"""Is a prompt good enough already, and does the traffic pay for more? Two of four questions asked before training.

The other two, enough clean rows and style or facts, are the gate's (data/gate/readiness.json): they need no model. An
answer comes with the figures behind it, so that the report tells it in every language.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from curation.statistics.intervals import FEW
from training.judge.arms import PROMPT_ARMS
from training.judge.scoring import ALL, figure
from training.model.cost import REACHED, Shape, break_even, saved_seconds, training_operations
from training.template import IGNORED

if TYPE_CHECKING:
    from transformers import PretrainedConfig

EPOCHS, RANK = 2, 16  # of a usual run; the order of magnitude is what counts here
MOST_DAYS = 365  # traffic that pays later does not pay: models and prices move faster


@dataclass(frozen=True)
class Answer:
    """yes speaks for training, no against it."""

    question: Literal["prompt", "traffic"]
    answer: Literal["yes", "no", "unknown"]
    figures: Mapping[str, Any]


def prompt_answer(arms: pl.DataFrame, best: str, reached: str | None, target: float) -> Answer:
    """yes: there is something left to learn, for the best prompt breaks rules."""
    row = arms.row(
        by_predicate=(pl.col("arm") == best) & (pl.col("metric") == "playbook_pass") & (pl.col("language") == ALL),
        named=True,
    )
    figures = {"arm": reached or best, "value": row["value"], "target": target, "n": row["n"]}
    return Answer("prompt", "no" if reached else "unknown" if row["n"] < FEW else "yes", figures)


def traffic_answer(
    arms: pl.DataFrame, best: str, tokens: pl.DataFrame, config: "PretrainedConfig", replies_a_day: float
) -> Answer:
    """yes: within a year the prompt that the adapter makes needless costs more to read than training takes.

    On one and the same card, so that its price and speed cancel out. `tokens` is data/tokenized/train.
    """
    long, short = (figure(arms, arm, "prompt_tokens") for arm in (best, PROMPT_ARMS[0]))
    lengths = tokens["input_ids"].list.len().to_list()
    supervised = int((tokens["labels"].explode() != IGNORED).sum())
    shape = Shape.of(config, RANK)
    training = EPOCHS * training_operations(shape, lengths, supervised) / REACHED
    replies = break_even(training, saved_seconds(shape, long, short))
    pays = replies <= MOST_DAYS * replies_a_day
    known = {"replies": round(replies), "days": replies / replies_a_day} if math.isfinite(replies) else {}
    figures = {"arm": best, "saved": max(long - short, 0.0), "replies_a_day": replies_a_day, **known}
    return Answer("traffic", "yes" if pays else "no", figures)
