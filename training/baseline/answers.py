"""The prompt arms answer the same test conversations, and each is measured on them.

How many train conversations the few-shot arms show is chosen on dev before that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from curation.core.statistics.intervals import Side
from curation.core.statistics.sequential import out
from training.baseline.endpoint import Endpoint, endpoint_replies
from training.baseline.plan import Plan, planned, units_of
from training.judge.arms import Before, bare, optimised, prompted, prompted_few_shot
from training.judge.metrics import metrics
from training.judge.scoring import Scorer, answerable, reply_scores, sayable
from training.judge.target import good_shares, may_reach, showing


@dataclass(frozen=True)
class Written:
    """What the arms wrote."""

    answered: pl.DataFrame  # test conversations
    predictions: pl.DataFrame  # PREDICTIONS
    likely: pl.DataFrame  # SCORES of the team's own replies in the first evaluate.conversations, under every arm
    plan: Plan
    early: Mapping[str, int]  # arms that stopped early, and after how many conversations
    reserve: Sequence[str]  # further conversations that the adapter answers where it may reach the target

    @property
    def told(self) -> dict[str, Any]:
        """What data/baseline/verdict.json says of it."""
        return {"plan": asdict(self.plan), "early": self.early, "reserve": self.reserve}


@dataclass(frozen=True)
class Answers:
    """What the arms wrote, and how they did."""

    asked: pl.DataFrame  # test conversations whose replies were scored by likelihood
    written: Written
    predictions: pl.DataFrame  # PREDICTIONS, those from elsewhere among them
    scores: pl.DataFrame  # SCORES


def arms_of(sections: Mapping[str, str], examples: Before, found: Mapping[str, Before]) -> dict[str, Before]:
    """What stands before a conversation, by arm: nothing, the written prompt, examples, both, or what was found."""
    written = prompted(sections)
    both = prompted_few_shot(written, examples)
    searched = {"optimised": optimised(found)} if found else {}
    return {"base": bare, "prompted": written, "few_shot": examples, "prompted_few_shot": both, **searched}


def rivals(
    judge: Scorer, dev: pl.DataFrame, arms: Mapping[str, Before], most: int, looked_at: Collection[str] = ()
) -> tuple[dict[str, Before], dict[str, float]]:
    """The arms that answer, and what was found on dev to choose among them.

    Where writing is dear, that is the one under which the team's replies in dev are likeliest: not in the conversations
    that a search for a prompt has `looked_at`, where its prompt looks better than it is.
    """
    import torch

    if judge.params.rivals == "every" or (judge.params.rivals == "auto" and torch.cuda.is_available()):
        return dict(arms), {}
    found = losses(judge, dev, arms, most, looked_at)
    strongest = min(arms, key=found.__getitem__)
    return {strongest: arms[strongest]}, {f"dev_nll_{arm}": nll for arm, nll in found.items()}


def answers(
    judge: Scorer,
    arms: Mapping[str, Before],
    drawn: pl.DataFrame,
    elsewhere: Endpoint | None,
    written_prompt: Before,
    target: float,
) -> Answers:
    """Each arm's likelihood of the team's replies, and its own replies to the first of these conversations."""
    asked = drawn.head(judge.params.conversations)
    written = write(judge, arms, drawn, target)
    predictions = written.predictions
    if elsewhere:
        before = written_prompt if elsewhere.prompted else bare
        predictions = pl.concat([predictions, endpoint_replies(elsewhere, written.answered, before, judge)])
    scores = pl.concat([written.likely, reply_scores(predictions, written.answered, judge.playbook, judge.house)])
    return Answers(asked, written, predictions, scores)


def write(judge: Scorer, arms: Mapping[str, Before], drawn: pl.DataFrame, target: float) -> Written:
    """The arms' replies to the first of these conversations, in rounds that double what was answered.

    What an arm reads to answer a conversation is read once for the likelihood of the team's replies in it.

    The first round is the pilot of the plan, which asks for what the margins take and, where a prompt may reach the
    target, for what shows that. After each, arms that are shown to lose to the best of them on the primary
    metric stop, by an interval that holds however often one looks.
    """
    params = judge.params
    weighed = drawn.head(params.conversations)
    predictions: list[pl.DataFrame] = []
    likely: list[pl.DataFrame] = []
    early: dict[str, int] = {}
    plan: Plan | None = None
    done, goal = 0, params.generated
    while done < min(goal, drawn.height):
        until = min(goal, drawn.height, max(2 * done, params.generated))
        going = {arm: before for arm, before in arms.items() if arm not in early}
        for arm, before in going.items():
            written, scores = judge.write_and_weigh(arm, drawn[done:until], weighed[done:until], before)
            predictions.append(written)
            likely.append(scores)
        done = until
        scores = reply_scores(pl.concat(predictions), drawn.head(done), judge.playbook, judge.house)
        scores = scores.filter(pl.col("arm").is_in(list(going)))
        if plan is None:
            shares = good_shares(scores, drawn)
            plan = replace(planned(scores, drawn, params), shows=showing(drawn, done, target))
            goal = max(plan.asked, (plan.shows or 0) * any(may_reach(shares, arm, target) for arm in going))
        early |= dict.fromkeys(losing(scores, drawn, params.primary, goal), done)
    assert plan
    likely += [judge.likelihood(arm, weighed[early.get(arm, done) :], before) for arm, before in arms.items()]
    reserve = drawn["conversation_id"][done : plan.shows or 0].to_list()
    plan = replace(plan, asked=done)
    return Written(drawn.head(done), pl.concat(predictions), pl.concat(likely), plan, early, reserve)


def losing(scores: pl.DataFrame, conversations: pl.DataFrame, metric: str, planned: int) -> list[str]:
    """Arms that are shown to lose to the best one on a metric; SCORES of the same conversations."""
    better = metrics()[metric].better
    sides: dict[str, Side] = {
        arm: (better * units["value"].to_numpy(), units["weight"].to_numpy())
        for arm, units in units_of(scores, metric, conversations).items()
    }
    best = max(sides, key=lambda arm: sides[arm][0].sum() / sides[arm][1].sum(), default="")
    return [arm for arm in sides if arm != best and out(sides[arm], sides[best], planned)]


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
    found = losses(judge, dev, arms, most)
    return min(shown, key=lambda shots: (found[_named(shots)], shots)), found


def losses(
    judge: Scorer, dev: pl.DataFrame, arms: Mapping[str, Before], most: int, looked_at: Collection[str] = ()
) -> dict[str, float]:
    """nll of the team's replies in dev behind each arm's prompt, nats a token, over `most` conversations.

    Those `looked_at` before are among them only in a language that has no others.
    """
    before_now = pl.col("conversation_id").is_in(list(looked_at))
    short = answerable(dev, judge, dev.height, "dev")
    asked = sayable(short.filter(~before_now | before_now.all().over("language")).head(most), arms, judge)
    found = {}
    for name, before in arms.items():
        nll = judge.likelihood(name, asked, before).filter(metric="nll")
        found[name] = float(nll["value"].sum()) / float(nll["weight"].sum())
    return found


def _named(shots: int) -> str:
    return f"dev_nll_{shots}_shots"
