"""What prompts alone reach, before anything is trained.  python -m training.baseline"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl
from pydantic import Field, PositiveInt

from curation.harness.errors import QiratError
from curation.harness.memory import CACHE
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.record.playbook import Playbook
from curation.statistics.intervals import FEW, share
from training.baseline.endpoint import Endpoint, endpoint_replies
from training.baseline.readiness import prompt_answer, traffic_answer
from training.judge import forgetting
from training.judge.arms import Before, bare, few_shot, prompt_arms, prompt_sections, prompted, prompted_few_shot
from training.judge.generation import Memory
from training.judge.reasons import Reason, told
from training.judge.scoring import (
    ALL,
    Evaluate,
    Judge,
    answerable,
    arm_table,
    as_text,
    best_arm,
    by_language,
    reply_scores,
    sayable,
)
from training.model.base import Model, weights_id


class Baseline(Params):
    """The prompt arms, and when they are good enough to make training needless."""

    prompt: str  # the written prompt; a dependency in dvc.yaml
    # Train conversations that few_shot and prompted_few_shot show: the number that is best on dev, for few_shot.
    shots: tuple[PositiveInt, ...] = Field(min_length=1)
    shot_words: int  # longer ones are not shown
    dev_conversations: int = Field(gt=0)  # of dev, on which the number of shots is chosen where there is a choice
    endpoint: Endpoint | None = None  # a model elsewhere as one more arm
    target: float  # share of conversations without a broken rule and with replies that end: reached = stop here
    override: str = ""  # a reason to train all the same; it goes into the verdict and the model card
    replies_a_day: float = Field(gt=0)  # your traffic: does it pay for training?


def main() -> None:
    """Let the base model answer bare, with the written prompt, retrieved examples or both; stop if that is enough."""
    with Stage("baseline", Baseline) as stage:
        params, evaluate, model = stage.params, stage.section("evaluate", Evaluate), stage.section("model", Model)
        refuse_unmeasurable(params, evaluate)
        stage.input("data/tokenized/passed")
        playbook = Playbook.load(stage.input("playbook.yaml"))
        prompt = stage.input(params.prompt)
        excluded = stage.read("tokenized/excluded")
        train, dev, test = (
            stage.read(f"splits/{split}").join(excluded, on="conversation_id", how="anti")
            for split in ("train", "dev", "test")
        )
        memory = Memory(CACHE / stage.name / "replies", weights_id(model))
        judge = Judge.of(model, playbook, evaluate, stage.progress, memory)
        shots, tried = choose_shots(judge, dev, train, params)
        written = prompted(prompt_sections(prompt.read_text("utf-8"), str(prompt)))
        examples = few_shot(train, shots, params.shot_words)
        both = prompted_few_shot(written, examples)
        arms = {"base": bare, "prompted": written, "few_shot": examples, "prompted_few_shot": both}
        drawn = answerable(test, judge)
        test = sayable(drawn, arms, judge)
        if test.height < drawn.height:
            stage.say(f"{drawn.height - test.height} test conversations left out: not every prompt can be said or read")
        answered = test.head(evaluate.generated)
        likely = pl.concat([judge.likelihood(arm, test, before) for arm, before in arms.items()])
        predictions = pl.concat([judge.write(arm, answered, before) for arm, before in arms.items()])
        if params.endpoint:
            elsewhere = asked_elsewhere(params.endpoint, answered, written, judge)
            predictions = pl.concat([predictions, elsewhere])
        scores = pl.concat([likely, reply_scores(predictions, answered, playbook)])
        table = arm_table(scores, test, evaluate.redraws)
        named = prompt_arms(table["arm"].unique())
        best = best_arm(table, evaluate.primary, named)
        reached = reaching(good_shares(scores, answered), params.target)
        answers = (
            prompt_answer(table, best, reached, params.target),
            traffic_answer(table, best, stage.read("tokenized/train"), judge.model.config, params.replies_a_day),
        )

        stage.write("baseline/predictions", predictions)
        stage.write("baseline/scores", scores)
        stage.write(
            "baseline/forgetting",
            forgetting.answers("base", judge.model, judge.renderer, evaluate.forgetting, stage.progress),
        )
        stage.write_json("data/baseline/verdict.json", verdict(reached, best, shots, params))
        stage.write_json("data/baseline/readiness.json", [asdict(answer) for answer in answers])
        stage.write_metrics(metrics(table, test, answered, reached is not None) | {"shots": shots, **tried})
        memory.forget_unused()
        print(as_text(table, named))
        refuse_needless_training(reached, params)
        stage.passed("baseline")


def refuse_unmeasurable(params: Baseline, evaluate: Evaluate) -> None:
    """An arm that the adapter cannot be compared with would be taken for beaten."""
    if params.endpoint and evaluate.primary == "nll":
        raise QiratError(
            "params.yaml: baseline.endpoint tells no likelihoods, so the adapter cannot be shown to beat it on "
            "evaluate.primary: nll; choose playbook or another primary metric, or leave baseline.endpoint null"
        )


def choose_shots(
    judge: Judge, dev: pl.DataFrame, train: pl.DataFrame, params: Baseline
) -> tuple[int, dict[str, float]]:
    """The number of shots under which the team's replies in dev are likeliest, and the loss of each that was tried.

    By likelihood, because it is cheap and moves with every token; the test conversations have no say in it.
    """
    if len(params.shots) == 1:
        return params.shots[0], {}
    arms = {f"dev_nll_{k}_shots": few_shot(train, k, params.shot_words) for k in params.shots}
    asked = sayable(answerable(dev, judge, "dev").head(params.dev_conversations), arms, judge)
    found = {}
    for name, before in arms.items():
        nll = judge.likelihood(name, asked, before).filter(metric="nll")
        found[name] = float(nll["value"].sum()) / float(nll["weight"].sum())
    losses = dict(zip(params.shots, found.values(), strict=True))
    return min(params.shots, key=lambda k: (losses[k], k)), found


def asked_elsewhere(asked: Endpoint, answered: pl.DataFrame, written: Before, judge: Judge) -> pl.DataFrame:
    """The replies of the endpoint, to the same questions under the same limits."""
    before = written if asked.prompted else bare
    return endpoint_replies(
        asked,
        answered,
        before,
        judge.params,
        judge.tokens,
        lambda requests: judge.progress(requests, "endpoint, replies", unit="replies"),
    )


def good_shares(scores: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """(arm, language, good, n): conversations, and those that break no rule and whose replies all end."""
    good = (
        scores.filter(pl.col("metric").is_in(("playbook_pass", "stopped")))
        .group_by("arm", "conversation_id")
        .agg(good=(pl.col("value") == pl.col("weight")).all())
    )
    return by_language(good, conversations).group_by("arm", "language").agg(pl.col("good").sum(), n=pl.len())


def reaching(shares: pl.DataFrame, target: float) -> str | None:
    """The first prompt arm shown to reach the target, overall and in each language; None when none is.

    Shown means that the lower end of the 95% interval reaches it, over at least FEW conversations.
    """
    for arm in prompt_arms(shares["arm"].unique()):
        rows = shares.filter(arm=arm).rows_by_key("language", named=True, unique=True)
        shown = all(share(row["good"], row["n"]).low >= target for row in rows.values())
        if rows[ALL]["n"] >= FEW and shown:
            return arm
    return None


def verdict(reached: str | None, best: str, shots: int, params: Baseline) -> Mapping[str, Any]:
    """data/baseline/verdict.json; `verdict` stands in it where nothing shall be trained."""
    reasons = [Reason("prompt_reached", {"arm": reached, "target": params.target})] if reached else []
    word = {"verdict": "prompting is enough"} if reached and not params.override else {}
    found = {"best_prompt_arm": best, "shots": shots, "reached": reached, "override": params.override}
    return {**word, **told(reasons), **found}


def refuse_needless_training(reached: str | None, params: Baseline) -> None:
    """Stops the road where a prompt does the work, unless someone gave a reason to go on."""
    if reached and not params.override:
        raise QiratError(
            f"prompting is enough: {reached} is shown to break no rule, and to end its replies, in at least "
            f"{params.target:.0%} of the conversations of each language. Use that prompt; or raise params.yaml: "
            "baseline.target; or train all the same by giving the reason as baseline.override"
        )


def metrics(arms: pl.DataFrame, test: pl.DataFrame, answered: pl.DataFrame, reached: bool) -> dict[str, float | int]:
    """Every arm's figures over all languages."""
    overall = arms.filter(pl.col("language") == ALL)
    return {
        **{f"{arm}_{metric}": value for arm, metric, value in overall.select("arm", "metric", "value").iter_rows()},
        "conversations": test.height,
        "conversations_answered": answered.height,
        "target_reached": int(reached),
    }


if __name__ == "__main__":
    main()
