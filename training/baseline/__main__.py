"""What prompts alone reach, before anything is trained.  python -m training.baseline"""

from dataclasses import asdict
from statistics import mean

import polars as pl
from pydantic import Field, PositiveInt

from curation.harness.errors import QiratError
from curation.harness.memory import CACHE, version_of
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.record.playbook import Playbook
from training.baseline.answers import Answers, answers, arms_of, choose_shots, rivals
from training.baseline.endpoint import Endpoint
from training.baseline.readiness import (
    prompt_answer,
    reaching,
    refuse_needless_training,
    traffic_answer,
    verdict,
)
from training.judge import forgetting, languages
from training.judge.arms import bare, few_shot, prompt_arms, prompt_sections
from training.judge.generation import ReplyMemory
from training.judge.languages import LANGUAGES
from training.judge.metrics import metrics
from training.judge.scoring import ALL, Evaluate, Scorer, answerable, arm_table, as_text, best_arm, sayable
from training.judge.target import good_shares
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
        stage.input("data/gate/passed")
        playbook = Playbook.load(stage.input("playbook.yaml"))
        prompt = stage.input(params.prompt)
        excluded = stage.read("tokenized/excluded")
        train, dev, test = (
            stage.read(f"splits/{split}").join(excluded, on="conversation_id", how="anti")
            for split in ("train", "dev", "test")
        )
        memory = ReplyMemory(CACHE / stage.name / "replies", version_of(stage.name, weights_id(model)))
        judge = Scorer.of(model, playbook, evaluate, stage.progress, memory).profiled(pl.concat([train, dev]), test)
        for sentence in languages.told(judge.profiles):
            stage.say(sentence)

        examples = {shots: few_shot(train, shots, params.shot_words) for shots in params.shots}
        shots, tried = choose_shots(judge, dev, examples, params.dev_conversations)
        known = arms_of(prompt_sections(prompt.read_text("utf-8"), str(prompt)), examples[shots])
        arms, compared = rivals(judge, dev, known, params.dev_conversations)
        drawn = answerable(test, judge, max(evaluate.conversations, evaluate.most))
        asked = sayable(drawn, arms, judge)
        if unsayable := drawn.height - asked.height:
            stage.say(f"{unsayable} test conversations left out: not every prompt can be said or read")
        found = answers(judge, arms, asked, params.endpoint, known["prompted"])
        stage.say(str(found.written.plan))
        able = forgetting.answers("base", judge)
        memory.forget_unused()

        table = arm_table(found.scores, asked, evaluate.redraws)
        named = prompt_arms(table["arm"].unique())
        best = best_arm(table, evaluate.primary, named)
        answered = found.written.answered
        reached = reaching(good_shares(found.scores, answered), params.target)
        bare_prompts = [len(prompt) for prompt in judge.prompts(answered, bare)[1]]
        learnt = stage.read("tokenized/train")
        ready = (
            prompt_answer(table, best, reached, params.target),
            traffic_answer(table, best, mean(bare_prompts), learnt, judge.model.config, params.replies_a_day),
        )

        stage.write("baseline/predictions", found.predictions)
        stage.write("baseline/scores", found.scores)
        stage.write("baseline/forgetting", able)
        stage.write_json(LANGUAGES, {code: asdict(its) for code, its in judge.profiles.items()})
        told = {
            "plan": asdict(found.written.plan),
            "early": found.written.early,
            "left_out": sorted(known.keys() - arms),
        }
        unasked = languages.left_out(judge.profiles)
        word = verdict(reached, best, shots, params.target, params.override, unasked)
        stage.write_json("data/baseline/verdict.json", {**word, **told})
        stage.write_json("data/baseline/readiness.json", [asdict(answer) for answer in ready])
        numbers = figures(table, found) | languages.figures(judge.profiles)
        stage.write_metrics({**numbers, "target_reached": int(bool(reached)), "shots": shots, **tried, **compared})
        print(as_text(table, named))
        refuse_needless_training(reached, params.target, params.override)
        stage.passed("baseline")


def refuse_unmeasurable(params: Baseline, evaluate: Evaluate) -> None:
    """An arm that the adapter cannot be compared with would be taken for beaten."""
    if params.endpoint and metrics()[evaluate.primary].needs == "likelihood":
        raise QiratError(
            "params.yaml: baseline.endpoint tells no likelihoods, so the adapter cannot be shown to beat it on "
            f"evaluate.primary: {evaluate.primary}; choose playbook or another primary metric, or leave "
            "baseline.endpoint null"
        )


def figures(arms: pl.DataFrame, found: Answers) -> dict[str, float | int]:
    """Every arm's figures over all languages."""
    overall = arms.filter(pl.col("language") == ALL)
    return {
        **{f"{arm}_{metric}": value for arm, metric, value in overall.select("arm", "metric", "value").iter_rows()},
        "conversations": found.asked.height,
        "conversations_answered": found.written.answered.height,
    }


if __name__ == "__main__":
    main()
