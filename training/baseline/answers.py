"""The prompt arms answer the same test conversations, and each is measured on them."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from training.baseline.endpoint import Endpoint, endpoint_replies
from training.judge.arms import Before, bare, prompted, prompted_few_shot
from training.judge.scoring import Judge, answerable, reply_scores, sayable


@dataclass(frozen=True)
class Answers:
    """What the arms wrote, and how they did."""

    asked: pl.DataFrame  # test conversations whose replies were scored by likelihood
    answered: pl.DataFrame  # those of them that were answered freely
    predictions: pl.DataFrame  # PREDICTIONS
    scores: pl.DataFrame  # SCORES


def arms_of(sections: Mapping[str, str], examples: Before) -> dict[str, Before]:
    """What stands before a conversation, by arm: nothing, the written prompt, examples, or both."""
    written = prompted(sections)
    both = prompted_few_shot(written, examples)
    return {"base": bare, "prompted": written, "few_shot": examples, "prompted_few_shot": both}


def asked_of_all(test: pl.DataFrame, arms: Mapping[str, Before], judge: Judge) -> tuple[pl.DataFrame, int]:
    """The test conversations that every arm can be asked, and how many had to be left out."""
    drawn = answerable(test, judge)
    asked = sayable(drawn, arms, judge)
    return asked, drawn.height - asked.height


def answers(judge: Judge, arms: Mapping[str, Before], asked: pl.DataFrame, elsewhere: Endpoint | None) -> Answers:
    """Each arm's likelihood of the team's replies, and its own replies to the first of these conversations."""
    answered = asked.head(judge.params.generated)
    likely = [judge.likelihood(arm, asked, before) for arm, before in arms.items()]
    written = [judge.write(arm, answered, before) for arm, before in arms.items()]
    if elsewhere:
        before = arms["prompted"] if elsewhere.prompted else bare
        written.append(_asked_elsewhere(elsewhere, answered, before, judge))
    predictions = pl.concat(written)
    scores = pl.concat([*likely, reply_scores(predictions, answered, judge.playbook)])
    return Answers(asked, answered, predictions, scores)


def _asked_elsewhere(endpoint: Endpoint, answered: pl.DataFrame, before: Before, judge: Judge) -> pl.DataFrame:
    """The replies of the endpoint, to the same questions under the same limits."""
    return endpoint_replies(
        endpoint,
        answered,
        before,
        judge.params,
        judge.tokens,
        lambda requests: judge.progress(requests, "endpoint, replies", unit="replies"),
    )
