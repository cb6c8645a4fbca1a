"""How many test conversations are answered, and by whom: worked out before, from the margins and a pilot.

The pilot is the first `evaluate.generated` of them. An arm is compared in pairs with the adapter, which nobody has
trained yet, so the spread of the differences is taken as if both answered independently: its variance is twice that of
one arm, and smaller where they do well and badly together. The number is looked up from the spread alone, never from
who is ahead, which leaves the error of the comparison as it is (Wittes and Brittain, *The role of internal pilot
studies*, 1990). As in the verdict, what is counted are the groups that split kept together.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from curation.core.statistics.power import needed, seen
from curation.core.statistics.sequential import reach_of
from training.judge.metrics import measured
from training.judge.scoring import ALL, Evaluate, by_language, of_units


@dataclass(frozen=True)
class Plan:
    """How many conversations each arm answers, and how many the margins ask for."""

    asked: int
    needed: int  # by the metric whose margin asks for the most
    metric: str  # empty where no metric of replies has a margin
    margin: float
    shows: int | None = None  # conversations that show baseline.target where none fails; None: this test cannot

    def told(self, there: int) -> str:
        """In a sentence, where the test has so many conversations that can be asked."""
        margins = "as evaluate.generated says; no margin asks for more"
        if self.metric:
            margins = (
                f"to tell a loss of {self.margin:g} on {self.metric} from none takes {self.needed} by the pilot "
                "(power 0.8)"
            )
            if self.needed > there:
                margins += (
                    f", and this test has {there}: widen evaluate.margins.{self.metric}, or give the test more of them "
                    "(split.test, split.test_files)"
                )
        target = (
            f"to show baseline.target takes {self.shows} without a failure, and whoever can still have them, prompt or "
            "adapter, answers so many"
            if self.shows
            else "baseline.target cannot be shown on this test, not by all its conversations: lower it, or give the "
            "test more of them (split.test, split.test_files)"
        )
        return f"{self.asked} test conversations are answered, {margins}; {target}"


def planned(pilot: pl.DataFrame, conversations: pl.DataFrame, params: Evaluate) -> Plan:
    """Of SCORES of the pilot: so many as the margins of the metrics of replies ask for, within the limits of params."""
    guarded = _guarded(pilot, conversations, params)
    found = [Plan(0, _asks(units, margin), metric, margin) for metric, margin, units in guarded]
    most = max(found, key=lambda plan: plan.needed, default=Plan(0, params.generated, "", 0.0))
    return replace(most, asked=max(params.generated, min(most.needed, params.most)))


def units_of(scores: pl.DataFrame, metric: str, conversations: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """By arm: value, weight and conversations of each group on a metric, over all languages, in the groups' order."""
    rows = by_language(scores.filter(metric=metric), conversations).filter(language=ALL)
    units = of_units(rows, ["arm"], "value", "weight")
    return {str(arm): part for (arm,), part in units.partition_by("arm", maintain_order=True, as_dict=True).items()}


def spread(units: pl.DataFrame) -> float:
    """Standard deviation of what a group adds to a ratio of sums: (value - ratio x weight) / mean weight."""
    value, weight = units["value"].to_numpy(), units["weight"].to_numpy()
    added = (value - value.sum() / weight.sum() * weight) / weight.mean()
    return float(added.std(ddof=1)) if len(added) > 1 else 0.0


def _asks(units: pl.DataFrame, margin: float) -> int:
    """Conversations, at so many a group as here. Where nothing spreads, the rule of three still asks for some."""
    z = reach_of(1)  # the verdict's, at its first look at the test set
    groups = max(needed(math.sqrt(2) * spread(units), 0.0, margin, z=z) or 0, seen(margin, z=z) or 0)
    return math.ceil(groups * int(units["conversations"].sum()) / units.height)


def _guarded(
    pilot: pl.DataFrame, conversations: pl.DataFrame, params: Evaluate
) -> Iterator[tuple[str, float, pl.DataFrame]]:
    """(metric, margin, units of an arm) of every metric of replies with a margin."""
    of_replies = {metric.name for metric in measured("replies")}
    for metric, margin in params.guarded.items():
        if metric in of_replies:
            yield from ((metric, margin, units) for units in units_of(pilot, metric, conversations).values())
