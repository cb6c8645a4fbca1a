"""The prompt arms answer the same test conversations, and each is measured on them.

How many train conversations the few-shot arms show is chosen on dev before that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from training.baseline.endpoint import Endpoint, endpoint_replies
from training.judge.arms import Before, bare, optimised, prompted, prompted_few_shot
from training.judge.scoring import Scorer, answerable, reply_scores, sayable


@dataclass(frozen=True)
class Answers:
    """What the arms wrote, and how they did."""

    asked: pl.DataFrame  # test conversations whose replies were scored by likelihood
    answered: pl.DataFrame  # those of them that were answered freely
    predictions: pl.DataFrame  # PREDICTIONS
    scores: pl.DataFrame  # SCORES


def arms_of(sections: Mapping[str, str], examples: Before, found: Mapping[str, Before]) -> dict[str, Before]:
    """What stands before a conversation, by arm: nothing, the written prompt, examples, both, or what was found."""
    written = prompted(sections)
    both = prompted_few_shot(written, examples)
    searched = {"optimised": optimised(found)} if found else {}
    return {"base": bare, "prompted": written, "few_shot": examples, "prompted_few_shot": both, **searched}


def answers(judge: Scorer, arms: Mapping[str, Before], asked: pl.DataFrame, elsewhere: Endpoint | None) -> Answers:
    """Each arm's likelihood of the team's replies, and its own replies to the first of these conversations."""
    answered = asked.head(judge.params.generated)
    likely = [judge.likelihood(arm, asked, before) for arm, before in arms.items()]
    written = [judge.write(arm, answered, before) for arm, before in arms.items()]
    if elsewhere:
        before = arms["prompted"] if elsewhere.prompted else bare
        written.append(endpoint_replies(elsewhere, answered, before, judge))
    predictions = pl.concat(written)
    scores = pl.concat([*likely, reply_scores(predictions, answered, judge.playbook)])
    return Answers(asked, answered, predictions, scores)


def choose_shots(
    judge: Scorer, dev: pl.DataFrame, shown: Mapping[int, Before], most: int
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
