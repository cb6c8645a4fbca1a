"""What prompts alone reach, before anything is trained.  python -m training.baseline"""

import polars as pl
from pydantic import Field

from curation.playbook import Playbook
from curation.stage import Params, QiratError, Stage
from training.arms import PROMPT_ARMS, few_shot, prompt_sections, prompted
from training.model import Model
from training.scoring import ALL, Evaluate, Judge, answerable, arm_table, as_text, best_arm, figure, reply_scores


class Baseline(Params):
    """The prompt arms, and when they are good enough to make training needless."""

    prompt: str  # the written prompt; a dependency in dvc.yaml
    shots: int = Field(gt=0)  # train conversations shown by the few-shot arm
    shot_words: int  # longer ones are not shown
    target: float  # share of conversations without a broken rule, and of replies that end: reached = stop here
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
        test = answerable(test, judge)
        arms = {
            "base": {},
            "prompted": prompted(test, prompt_sections(prompt.read_text("utf-8"), str(prompt))),
            "few_shot": few_shot(test, train, stage.read("embedded/vectors"), params.shots, params.shot_words),
        }
        likely = pl.concat([judge.likelihood(arm, test, prefixes) for arm, prefixes in arms.items()])
        answered = test.head(evaluate.generated)
        predictions = pl.concat([judge.write(arm, answered, prefixes) for arm, prefixes in arms.items()])
        scores = pl.concat([likely, reply_scores(predictions, answered, playbook)])
        table = arm_table(scores, test, evaluate.redraws)
        verdict = judge_prompts(table, params, evaluate)

        stage.write("baseline/predictions", predictions)
        stage.write("baseline/scores", scores)
        stage.write_json("data/baseline/verdict.json", verdict)
        stage.write_metrics(metrics(table, test, answered, bool(verdict["reached"])))
        print(as_text(table, PROMPT_ARMS))
        refuse_needless_training(verdict, params)
        with stage.output("data/baseline/passed") as passed:
            passed.write_text("passed\n", "utf-8")


def judge_prompts(arms: pl.DataFrame, params: Baseline, evaluate: Evaluate) -> dict[str, str | bool | float]:
    """The best prompt arm, and whether it reaches the target in rules kept and in replies that end."""
    best = best_arm(arms, evaluate.primary, PROMPT_ARMS)
    reached = [
        arm
        for arm in PROMPT_ARMS
        if min(figure(arms, arm, "playbook_pass"), figure(arms, arm, "stopped")) >= params.target
    ]
    return {"best_prompt_arm": best, "reached": bool(reached), "target": params.target, "override": params.override}


def refuse_needless_training(verdict: dict[str, str | bool | float], params: Baseline) -> None:
    """Stops the road where a prompt does the work, unless someone gave a reason to go on."""
    if verdict["reached"] and not params.override:
        raise QiratError(
            f"prompting is enough: a prompt arm (see the table) breaks no rule in at least {params.target:.0%} of the "
            "conversations. Use the prompt; or raise params.yaml: baseline.target; or train all the same by giving "
            "the reason as baseline.override"
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
