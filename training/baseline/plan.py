"""How many test conversations are answered, and by whom: worked out before, from the margins and a pilot.

The pilot is the first `evaluate.generated` of them. An arm is compared in pairs with the adapter, which nobody has
trained yet, so the spread of the differences is taken as if both answered independently: its variance is twice that of
one arm, and smaller where they do well and badly together. The number is looked up from the spread alone, never from
who is ahead, which leaves the error of the comparison as it is (Wittes and Brittain, *The role of internal pilot
studies*, 1990).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from curation.statistics.power import needed
from training.judge.metrics import measured
from training.judge.scoring import Evaluate, Scorer


@dataclass(frozen=True)
class Plan:
    """`asked` conversations an arm; where the margins ask for more, `needed` tells how many and `metric` which one."""

    asked: int
    needed: int
    metric: str
    margin: float

    def __str__(self) -> str:
        return (
            f"{self.asked} test conversations are answered; a loss of {self.margin:g} on {self.metric} is told from "
            f"none by {self.needed} (power 0.8)"
        )


def planned(pilot: pl.DataFrame, params: Evaluate) -> Plan:
    """Of SCORES of the pilot: the metric of replies whose margin asks for the most conversations."""
    asking = [
        (needed(math.sqrt(2) * spread(scores), 0.0, margin), metric, margin)
        for metric, margin, scores in _guarded(pilot, params)
    ]
    most, metric, margin = max(asking, default=(params.generated, params.primary, 0.0))
    return Plan(min(max(most, params.generated), params.most), most, metric, margin)


def spread(scores: pl.DataFrame) -> float:
    """Standard deviation of what a conversation adds to a ratio of sums: (value - ratio x weight) / mean weight."""
    value, weight = scores["value"].to_numpy(), scores["weight"].to_numpy()
    added = (value - value.sum() / weight.sum() * weight) / weight.mean()
    return float(added.std(ddof=1)) if len(added) > 1 else 0.0


def _guarded(pilot: pl.DataFrame, params: Evaluate) -> Iterator[tuple[str, float, pl.DataFrame]]:
    """(metric, margin, SCORES of an arm) of every metric of replies with a margin."""
    of_replies = {metric.name for metric in measured("replies")}
    for metric, margin in params.guarded.items():
        for _, scores in pilot.filter(pl.col("metric").is_in(of_replies), metric=metric).group_by(
            "arm", maintain_order=True
        ):
            yield metric, margin, scores
