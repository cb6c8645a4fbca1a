"""What prompts alone reach, before anything is trained.  python -m training.baseline"""

import polars as pl
from pydantic import Field

from curation.playbook import Playbook
from curation.stage import Params, QiratError, Stage
from training.arms import PROMPT_ARMS, few_shot, prompt_sections, prompted
from training.intervals import FEW, share
from training.model import Model
from training.scoring import (
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


class Baseline(Params):
    """The prompt arms, and when they are good enough to make training needless."""

    prompt: str  # the written prompt; a dependency in dvc.yaml
    shots: int = Field(gt=0)  # train conversations shown by the few-shot arm
    shot_words: int  # longer ones are not shown
    target: float  # share of conversations without a broken rule and with replies that end: reached = stop here
    override: str = ""  # a reason to train all the same; it goes into the verdict and the model card


def main() -> None:
    """Let the base model answer bare, with the written prompt, and with retrieved examples; stop if that is enough."""
    with Stage("baseline", Baseline) as stage:
        params, evaluate = stage.params, stage.section("evaluate", Evaluate)
        stage.input("data/tokenized/passed")
        playbook = Playbook.load(stage.input("playbook.yaml"))
        prompt = stage.input(params.prompt)
        judge = Judge.of(stage.section("model", Model), playbook, evaluate, stage.progress)
        excluded = stage.read("tokenized/excluded")
        train = stage.read("splits/train").join(excluded, on="conversation_id", how="anti")
        test = stage.read("splits/test").join(excluded, on="conversation_id", how="anti")
        drawn = answerable(test, judge)
        arms = {
            "base": {},
            "prompted": prompted(drawn, prompt_sections(prompt.read_text("utf-8"), str(prompt))),
            "few_shot": few_shot(drawn, train, stage.read("embedded/vectors"), params.shots, params.shot_words),
        }
        test = sayable(drawn, arms, judge)
        if test.height < drawn.height:
            stage.say(f"{drawn.height - test.height} test conversations left out: the template cannot say every prompt")
        likely = pl.concat([judge.likelihood(arm, test, prefixes) for arm, prefixes in arms.items()])
        answered = test.head(evaluate.generated)
        predictions = pl.concat([judge.write(arm, answered, prefixes) for arm, prefixes in arms.items()])
        scores = pl.concat([likely, reply_scores(predictions, answered, playbook)])
        table = arm_table(scores, test, evaluate.redraws)
        reached = reaching(good_shares(scores, answered), params.target)
        verdict = {
            "best_prompt_arm": best_arm(table, evaluate.primary, PROMPT_ARMS),
            "reached": reached,
            "override": params.override,
        }

        stage.write("baseline/predictions", predictions)
        stage.write("baseline/scores", scores)
        stage.write_json("data/baseline/verdict.json", verdict)
        stage.write_metrics(metrics(table, test, answered, reached is not None))
        print(as_text(table, PROMPT_ARMS))
        refuse_needless_training(reached, params)
        with stage.output("data/baseline/passed") as passed:
            passed.write_text("passed\n", "utf-8")


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
    for arm in PROMPT_ARMS:
        rows = shares.filter(arm=arm).rows_by_key("language", named=True, unique=True)
        shown = all(share(row["good"], row["n"]).low >= target for row in rows.values())
        if rows and rows[ALL]["n"] >= FEW and shown:
            return arm
    return None


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
