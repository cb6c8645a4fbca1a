"""How many test conversations are answered, and by whom: worked out before, from the margins and a pilot.

The pilot is the first `evaluate.generated` of them. An arm is compared in pairs with the adapter, which nobody has
trained yet, so the spread of the differences is taken as if both answered independently: its variance is twice that of
one arm, and smaller where they do well and badly together. The number is looked up from the spread alone, never from
who is ahead, which leaves the error of the comparison as it is (Wittes and Brittain, *The role of internal pilot
studies*, 1990).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from curation.statistics.power import needed, seen
from training.judge.metrics import measured
from training.judge.scoring import Evaluate


@dataclass(frozen=True)
class Plan:
    """How many conversations each arm answers, and how many the margins ask for."""

    asked: int
    needed: int  # by the metric whose margin asks for the most
    metric: str
    margin: float

    def __str__(self) -> str:
        return (
            f"{self.asked} test conversations are answered; to tell a loss of {self.margin:g} on {self.metric} from "
            f"none takes {self.needed} by the pilot (power 0.8)"
        )


def planned(pilot: pl.DataFrame, params: Evaluate) -> Plan:
    """Of SCORES of the pilot: so many as the margins of the metrics of replies ask for, within the limits of params."""
    found = [Plan(0, _asks(scores, margin), metric, margin) for metric, margin, scores in _guarded(pilot, params)]
    most = max(found, key=lambda plan: plan.needed, default=Plan(0, params.generated, params.primary, 0.0))
    return replace(most, asked=min(max(most.needed, params.generated), params.most))


def spread(scores: pl.DataFrame) -> float:
    """Standard deviation of what a conversation adds to a ratio of sums: (value - ratio x weight) / mean weight."""
    value, weight = scores["value"].to_numpy(), scores["weight"].to_numpy()
    added = (value - value.sum() / weight.sum() * weight) / weight.mean()
    return float(added.std(ddof=1)) if len(added) > 1 else 0.0


def _asks(scores: pl.DataFrame, margin: float) -> int:
    """Where nothing spreads, the rule of three still asks for some."""
    return max(needed(math.sqrt(2) * spread(scores), 0.0, margin) or 0, seen(margin) or 0)


def _guarded(pilot: pl.DataFrame, params: Evaluate) -> Iterator[tuple[str, float, pl.DataFrame]]:
    """(metric, margin, SCORES of an arm) of every metric of replies with a margin."""
    of_replies = {metric.name for metric in measured("replies")}
    for metric, margin in params.guarded.items():
        if metric in of_replies:
            arms = pilot.filter(metric=metric).partition_by("arm", maintain_order=True)
            yield from ((metric, margin, scores) for scores in arms)
