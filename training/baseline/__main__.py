"""What prompts alone reach, before anything is trained.  python -m training.baseline"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean

import polars as pl
from pydantic import Field, PositiveInt

from curation.core.record.playbook import Playbook
from curation.harness.errors import QiratError
from curation.harness.memory import CACHE, version_of
from curation.harness.params import Params, load_params
from curation.harness.stage import Stage
from training.baseline.answers import Answers, answers, arms_of, choose_shots, rivals
from training.baseline.endpoint import Endpoint
from training.baseline.optimise import Found, Material, Optimise, optimise, plain
from training.baseline.readiness import (
    not_shown,
    prompt_answer,
    reaching,
    refuse_needless_training,
    traffic_answer,
    verdict,
)
from training.judge import forgetting, languages
from training.judge.arms import Before, bare, few_shot, prompt_arms, prompt_sections
from training.judge.facts import PATH as HOUSE
from training.judge.facts import House
from training.judge.generation import ReplyMemory
from training.judge.languages import LANGUAGES
from training.judge.metrics import metrics
from training.judge.scoring import ALL, Evaluate, Scorer, answerable, arm_table, as_text, best_arm, sayable
from training.judge.target import good_shares, showing
from training.model.base import Model, weights_id
from training.model.layout import layout_of
from training.model.preflight import Planned, planned, tried
from training.model.recipe import Train


class Baseline(Params):
    """The prompt arms, and when they are good enough to make training needless."""

    prompt: str  # the written prompt; a dependency in dvc.yaml
    # Train conversations that few_shot and prompted_few_shot show: the number that is best on dev, for few_shot.
    shots: tuple[PositiveInt, ...] = Field(min_length=1)
    shot_words: int  # longer ones are not shown
    dev_conversations: int = Field(gt=0)  # of dev, on which the number of shots is chosen where there is a choice
    optimise: Optimise | None = None  # the search for a better prompt; null: none, and no such arm
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
        # Whether it can be trained changes nothing of what prompts reach, so `train` is no parameter of this stage.
        training = planned(model, load_params("train", Train), stage.read("tokenized/train"), stage.machine)
        version = version_of(stage.name, weights_id(model))
        memory = ReplyMemory(CACHE / stage.name / "replies", version)
        judge = Scorer.of(model, playbook, evaluate, stage.progress, memory).profiled(pl.concat([train, dev]), test)
        stage.say("; ".join(ready_to_ask(judge, model, training)))

        sections = prompt_sections(prompt.read_text("utf-8"), str(prompt))
        judge = replace(judge, house=House.of(train, sections.values()))
        known = candidates(judge, train, dev, sections, params, version)
        tell(known.searched, stage)
        arms, compared = rivals(judge, dev, known.arms, params.dev_conversations, known.looked_at)
        there = answerable(test, judge, test.height)
        drawn = enough(there, evaluate, params.target)
        asked = sayable(drawn, arms, judge)
        if unsayable := drawn.height - asked.height:
            stage.say(f"{unsayable} test conversations left out: not every prompt can be said or read")
        found = answers(judge, arms, asked, params.endpoint, known.arms["prompted"], params.target)
        stage.say(found.written.plan.told(there.height))
        able = forgetting.answers("base", judge)
        memory.forget_unused()

        table = arm_table(found.scores, asked, evaluate.redraws)
        named = prompt_arms(table["arm"].unique())
        best = best_arm(table, evaluate.primary, [arm for arm in named if arm not in found.written.early])
        answered = found.written.answered
        good = good_shares(found.scores, answered)
        reached = reaching(good, params.target)
        ready = (
            prompt_answer(table, best, reached, params.target),
            traffic_answer(
                table,
                best,
                mean(map(len, judge.prompts(answered, bare)[1])),
                stage.read("tokenized/train"),
                judge.model.config,
                params.replies_a_day,
            ),
        )

        stage.write("baseline/predictions", found.predictions)
        stage.write("baseline/scores", found.scores)
        stage.write("baseline/forgetting", able)
        stage.write_json(HOUSE, judge.house.as_json())
        stage.write_json(LANGUAGES, {code: asdict(its) for code, its in judge.profiles.items()})
        told = {**found.written.told, "left_out": sorted(known.arms.keys() - arms), "there": counts(there)}
        unasked = [*languages.left_out(judge.profiles), *not_shown(good, reached)]
        told |= verdict(reached, best, known.shots, params.target, params.override, unasked)
        stage.write_json("data/baseline/verdict.json", told)
        stage.write_json("data/baseline/readiness.json", [asdict(answer) for answer in ready])
        numbers = figures(table, found) | languages.figures(judge.profiles) | search_figures(known.searched)
        stage.write_metrics(
            {**numbers, "target_reached": int(bool(reached)), "shots": known.shots, **known.tried, **compared}
        )
        print(as_text(table, named))
        refuse_needless_training(reached, params.target, params.override)
        stage.passed("baseline")


def ready_to_ask(judge: Scorer, model: Model, training: Planned) -> list[str]:
    """What the preflight found, for people at a terminal."""
    found = [tried(judge.model, training).told(training), *languages.told(judge.profiles), layout_of(model).told()]
    return [*filter(None, found)]


def enough(ordered: pl.DataFrame, evaluate: Evaluate, target: float) -> pl.DataFrame:
    """As many of these conversations as may be asked, the margins and the target considered."""
    shows = showing(ordered, evaluate.generated, target) or 0
    shows += shows // 10  # not every prompt can be said before all of them
    return ordered.head(max(evaluate.conversations, evaluate.generated, evaluate.most, shows))


def counts(conversations: pl.DataFrame) -> dict[str, int]:
    """How many there are in each language, and in all."""
    by_code = conversations.group_by("language").len().sort("language")
    return {ALL: conversations.height, **dict(by_code.iter_rows())}


@dataclass(frozen=True)
class Candidates:
    """Prompts that may answer, and what was looked for on dev."""

    arms: Mapping[str, Before]
    searched: Sequence[Found]  # by language
    shots: int
    tried: Mapping[str, float]  # loss on dev by number of shots

    @property
    def looked_at(self) -> set[str]:
        """Conversations of dev that the search for a prompt looked at."""
        return {key for one in self.searched for key in one.looked_at}


def candidates(
    judge: Scorer,
    train: pl.DataFrame,
    dev: pl.DataFrame,
    sections: Mapping[str, str],
    params: Baseline,
    version: str,
) -> Candidates:
    """Bare, written, with examples, both, and the prompt that a search finds in each language that is judged."""
    examples = {shots: few_shot(train, shots, params.shot_words) for shots in params.shots}
    shots, tried = choose_shots(judge, dev, examples, params.dev_conversations)
    material = Material(train, dev, examples[shots], params.shot_words)
    spoken = {code: text for code, text in sections.items() if code in judge.profiles and judge.profiles[code].judged}
    searched = optimise(judge, spoken, material, params.optimise, version) if params.optimise else []
    arms = arms_of(sections, examples[shots], {found.language: found.before for found in searched})
    return Candidates(arms, searched, shots, tried)


def tell(searched: Sequence[Found], stage: Stage[Baseline]) -> None:
    """What the search for a better prompt came to and what it cost; the prompts themselves, to be taken."""
    for one in searched:
        stage.say(str(one))
    stage.write_json("data/baseline/optimised.json", [one.as_json() for one in searched])
    with stage.output("data/baseline/optimised") as folder:
        folder.mkdir()
        for one in searched:
            text = json.dumps(plain(one), indent=1, ensure_ascii=False)
            (folder / f"{one.language}.json").write_text(f"{text}\n", "utf-8")


def search_figures(searched: Sequence[Found]) -> dict[str, float | int]:
    """What the search cost, and the loss on dev before and after it."""
    losses = {
        f"dev_nll_{name}_{one.language}": loss
        for one in searched
        for name, loss in (("written", one.written), ("optimised", one.optimised))
        if loss is not None
    }
    cost = {
        "prompts_tried": sum(one.prompts for one in searched),
        "prompt_tokens_read": sum(o.tokens for o in searched),
    }
    return {**losses, **cost} if searched else {}


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
