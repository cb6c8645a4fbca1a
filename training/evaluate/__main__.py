"""The adapter against the prompts, on the same test conversations, and the verdict.  python -m training.evaluate"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from curation.core.record import pairs
from curation.core.record.playbook import Playbook
from curation.harness.errors import QiratError
from curation.harness.memory import CACHE, version_of
from curation.harness.stage import Stage
from curation.privacy.params import Privacy
from training.evaluate import conditions, fabrication, looks, preference
from training.evaluate.clock import Clock
from training.evaluate.findings import Reach, Supply
from training.evaluate.memorisation import memorised
from training.evaluate.promote import Kept, comparisons, verdict
from training.evaluate.rivals import rivals
from training.evaluate.seeds import seeds_behind
from training.evaluate.slices import Talks, slices, voice
from training.judge import forgetting
from training.judge.arms import ADAPTER, bare, prompt_arms
from training.judge.facts import PATH as HOUSE
from training.judge.facts import House, fabricated
from training.judge.generation import ReplyMemory
from training.judge.languages import LANGUAGES, LanguageProfile, read_profiles
from training.judge.metrics import described
from training.judge.reasons import as_line
from training.judge.rules import outcomes, rule_table
from training.judge.scoring import ALL, Evaluate, Scorer, arm_table, as_text, best_arm, corpus_table, reply_scores
from training.judge.target import good_shares, may_reach
from training.model.adapter import TRAINED_ON, read_provenance, refuse_damaged, weights_hash
from training.model.base import Model, weights_id
from training.model.layout import layout_of
from training.model.seeds import PATH as SEEDS
from training.model.seeds import read_seeds

ADAPTER_PLACE = Path("models/adapter")
RESERVE = pl.Schema({"conversation_id": pl.String})


@dataclass(frozen=True)
class Replied:
    """Test conversations, and PREDICTIONS of what the adapter wrote in them."""

    conversations: pl.DataFrame
    predictions: pl.DataFrame

    def beside(self, other: "Replied") -> "Replied":
        """Both together."""
        conversations = pl.concat([self.conversations, other.conversations])
        return Replied(conversations, pl.concat([self.predictions, other.predictions]))

    def good(self, playbook: Playbook) -> pl.DataFrame:
        """target.GOOD of them."""
        return good_shares(reply_scores(self.predictions, self.conversations, playbook), self.conversations)


@dataclass(frozen=True)
class Measured:
    """All arms on the same test conversations."""

    asked: pl.DataFrame  # test conversations that stand behind a score
    answered: pl.DataFrame  # those of them that were answered freely
    scores: pl.DataFrame  # SCORES of all arms
    written: pl.DataFrame  # PREDICTIONS of all arms
    further: Replied  # by the adapter alone
    able: pl.DataFrame  # forgetting.ANSWERS of base and adapter
    profiles: Mapping[str, LanguageProfile]  # by language


def main() -> None:
    """Measure the adapter as the baseline measured the prompts, compare in pairs, decide."""
    with Stage("evaluate", Evaluate) as stage:
        params = stage.params
        looks.read_looks()  # a fault in them stops before all that takes time
        playbook = Playbook.load(stage.input("playbook.yaml"))
        baseline = stage.read_json("data/baseline/verdict.json")
        train, test = stage.read("splits/train"), stage.read("splits/test")
        refuse_damaged(folder := stage.input(ADAPTER_PLACE))
        house = House.of_json(stage.read_json(HOUSE))
        found = measured(stage, playbook, house, folder, test, baseline)
        answered, scores, written = found.answered, found.scores, found.written
        seen = only(train, pl.read_parquet(folder / TRAINED_ON), "data/splits/train.parquet")
        learnt = train.join(seen, on="conversation_id", how="semi")

        number = looks.looked(looks.Look.at(test, weights_hash(folder), stage.read("baseline/predictions"), params))
        reach = Reach.of_look(number)
        going = ~pl.col("arm").is_in(list(baseline["early"]))  # who stopped early has answered fewer
        said = written.filter(going)
        arms = pl.concat([arm_table(scores, found.asked, params.redraws), corpus_table(said, answered)])
        compared = comparisons(scores, found.asked, said)
        whole = Replied(answered, written.filter(arm=ADAPTER)).beside(found.further)
        kept = Kept(
            forgetting.table(found.able, ADAPTER, "base", params.redraws),
            memorised(whole.predictions, whole.conversations, learnt, stage.section("privacy", Privacy).countries),
            whole.good(playbook),
        )
        at_this_look = comparisons(scores, found.asked, said, reach.now)
        rival = best_arm(arms, params.primary, prompt_arms(said["arm"].unique()))
        sliced = slices(Talks(scores, written, found.asked, playbook, house), rival, params, reach.now)
        people = preference.heard(pairs.read_judgements(stage.input(pairs.PATH)), written, rival, test, reach.now)
        voices = [
            preference.voice(people),
            voice(sliced),
            fabrication.voice(at_this_look, rival),
            rivals(baseline),
            conditions.voice(train, test, answered, found.profiles),
            looks.voice(number),
            seeds_behind(read_provenance(folder), read_seeds(stage.input(SEEDS))),
        ]
        able = forgetting.table(found.able, ADAPTER, "base", params.redraws, reach.now)
        supply = Supply(baseline["there"], forgetting.there_are(able["language"].unique()))
        sure = replace(kept, forgetting=able, reach=reach, supply=supply)
        word = verdict(arms.filter(going), at_this_look, baseline, sure, params, voices)

        tables = {
            "predictions": written,
            "scores": scores,
            "arms": arms.sort("arm", "metric", "language"),
            "comparisons": compared,
            "slices": sliced,
            "rules": rule_table(outcomes(written, answered, playbook), answered),
            "facts": fabricated(written, answered, house),
            "forgetting": kept.forgetting,
            "memorised": kept.memorised,
        }
        for name, table in tables.items():
            stage.write(f"evaluated/{name}", table)
        told = {"metrics": described(), "preference": preference.as_json(people), "verdict": word}
        for name, value in told.items():
            stage.write_json(f"data/evaluated/{name}.json", value)
        numbers = figures(arms, compared, kept, word["verdict"])
        stage.write_metrics(numbers | conditions.figures(train, test) | {"looks": number})
        print(as_text(arms, (*prompt_arms(arms["arm"].unique()), ADAPTER)))
        stage.say(as_line(word))
        if params.require_promotion:
            refuse_what_is_not_promoted(word)


def measured(
    stage: Stage[Evaluate],
    playbook: Playbook,
    house: House,
    folder: Path,
    test: pl.DataFrame,
    baseline: Mapping[str, Any],
) -> Measured:
    """The adapter on what the baseline asked the prompts, beside them."""
    model = stage.section("model", Model)
    theirs, predicted = stage.read("baseline/scores"), stage.read("baseline/predictions")
    asked, answered, weighed = (only(test, table) for table in (theirs, predicted, theirs.filter(metric="nll")))
    profiles = read_profiles(stage.read_json(LANGUAGES))
    version = version_of(stage.name, weights_id(model), weights_hash(folder))
    memory = ReplyMemory(CACHE / stage.name / "replies", version)
    if laid_out := layout_of(model).told():
        stage.say(laid_out)
    judge = Scorer.of(model, playbook, stage.params, stage.progress, memory, folder)
    judge = replace(judge, profiles=profiles)
    clock = Clock(version)
    predictions, likely = judge.write_and_weigh(ADAPTER, answered, weighed, bare)
    clock.stop()
    anew = [*memory.anew]
    first = Replied(answered, predictions)
    further = answered_further(judge, first, only(test, pl.DataFrame(baseline["reserve"], RESERVE)), baseline["target"])
    scores = [theirs, likely, reply_scores(predictions, answered, playbook, house)]
    able = [stage.read("baseline/forgetting"), forgetting.answers(ADAPTER, judge)]
    memory.forget_unused()
    written = pl.concat([predicted, predictions])
    clock.note(written, anew)
    return Measured(asked, answered, pl.concat(scores), written, further, pl.concat(able), profiles)


def answered_further(judge: Scorer, first: Replied, reserve: pl.DataFrame, target: float) -> Replied:
    """The adapter on the conversations that it takes to show the target, unless it is shown to miss it already.

    Their number was fixed before it answered one, so no look is added.
    """
    asked = reserve if may_reach(first.good(judge.playbook), ADAPTER, target) else reserve.clear()
    return Replied(asked, judge.write(ADAPTER, asked, bare))


def only(split: pl.DataFrame, named: pl.DataFrame, place: str = "data/splits/test.parquet") -> pl.DataFrame:
    """The conversations that baseline or training named, in one order. Raises QiratError where the split lacks any."""
    wanted = named.select("conversation_id").unique()
    if lacking := wanted.join(split, on="conversation_id", how="anti").height:
        raise QiratError(
            f"{place} lacks {lacking:,} of {wanted.height:,} conversations that baseline or training had of it, so it "
            "is of another run; run `dvc repro`"
        )
    return split.join(wanted, on="conversation_id").sort("conversation_id")


def refuse_what_is_not_promoted(found: Mapping[str, Any]) -> None:
    """Makes `dvc repro` fail, for roads that end in a release."""
    if found["verdict"] != "promote":
        raise QiratError(
            f"{found['verdict']}: {found['reasons'][0]}. Everything is written; params.yaml: "
            "evaluate.require_promotion makes the stage fail"
        )


def figures(arms: pl.DataFrame, compared: pl.DataFrame, kept: Kept, word: str) -> dict[str, float | int]:
    """The adapter's figures, and what it gains over each prompt arm, over all languages."""
    mine = arms.filter((pl.col("language") == ALL) & (pl.col("arm") == ADAPTER))
    gained = compared.filter(pl.col("language") == ALL)
    lost = kept.forgetting.filter(pl.col("against").is_not_null())
    return {
        **{f"{ADAPTER}_{metric}": value for metric, value in mine.select("metric", "value").iter_rows()},
        **{
            f"{metric}_difference_to_{against}": value
            for against, metric, value in gained.select("against", "metric", "difference").iter_rows()
        },
        **{f"ability_difference_{code}": value for code, value in lost.select("language", "value").iter_rows()},
        "verbatim_replies": kept.memorised.filter(what="verbatim").height,
        "personal_data_repeated": kept.memorised.filter(what="personal").height,
        "promoted": int(word == "promote"),
    }


if __name__ == "__main__":
    main()
