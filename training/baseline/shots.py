"""How many train conversations the few-shot arms show: chosen on dev, before any test conversation is looked at."""

from collections.abc import Mapping

import polars as pl

from training.judge.arms import Before
from training.judge.scoring import Judge, answerable, sayable


def choose_shots(
    judge: Judge, dev: pl.DataFrame, shown: Mapping[int, Before], most: int
) -> tuple[int, dict[str, float]]:
    """The number of shots under which the team's replies in dev are likeliest, and the loss of each that was tried.

    By likelihood, because it is cheap and moves with every token; on `most` conversations. `shown` has what few_shot
    says by the number of shots.
    """
    if len(shown) == 1:
        return next(iter(shown)), {}
    arms = {_named(shots): before for shots, before in shown.items()}
    asked = sayable(answerable(dev, judge, "dev").head(most), arms, judge)
    found = {}
    for name, before in arms.items():
        nll = judge.likelihood(name, asked, before).filter(metric="nll")
        found[name] = float(nll["value"].sum()) / float(nll["weight"].sum())
    return min(shown, key=lambda shots: (found[_named(shots)], shots)), found


def _named(shots: int) -> str:
    return f"dev_nll_{shots}_shots"
