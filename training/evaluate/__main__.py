"""The adapter against the prompts, on the same test conversations, and the verdict.  python -m training.evaluate"""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from curation.harness.errors import QiratError
from curation.harness.memory import CACHE, version_of
from curation.harness.stage import Stage
from curation.privacy.params import Privacy
from curation.record import pairs
from curation.record.playbook import Playbook
from training.evaluate import conditions, looks, preference
from training.evaluate.clock import Clock
from training.evaluate.memorisation import memorised
from training.evaluate.promote import Kept, comparisons, verdict
from training.evaluate.rivals import rivals
from training.evaluate.seeds import seeds_behind
from training.evaluate.slices import Talks, slices, voice
from training.judge import forgetting
from training.judge.arms import ADAPTER, bare, prompt_arms
from training.judge.generation import ReplyMemory
from training.judge.languages import LANGUAGES, LanguageProfile
from training.judge.metrics import described
from training.judge.reasons import Voice, as_line
from training.judge.rules import outcomes, rule_table
from training.judge.scoring import ALL, Evaluate, Scorer, arm_table, as_text, best_arm, corpus_table, reply_scores
from training.judge.target import good_shares
from training.model.adapter import TRAINED_ON, load_adapter, read_provenance
from training.model.base import Model, weights_id
from training.model.seeds import PATH as SEEDS
from training.model.seeds import read_seeds

ADAPTER_PLACE = Path("models/adapter")


def main() -> None:
    """Measure the adapter as the baseline measured the prompts, compare in pairs, decide."""
    with Stage("evaluate", Evaluate) as stage:
        params, model = stage.params, stage.section("model", Model)
        playbook = Playbook.load(stage.input("playbook.yaml"))
        theirs = stage.read("baseline/scores")
        predicted = stage.read("baseline/predictions")
        train, test = stage.read("splits/train"), stage.read("splits/test")
        asked, answered = (only(test, table) for table in (theirs, predicted))
        folder = stage.input(ADAPTER_PLACE)
        trained_on = pl.read_parquet(folder / TRAINED_ON)
        learnt = train.join(trained_on, on="conversation_id", how="semi")

        memory = ReplyMemory(
            CACHE / stage.name / "replies", version_of(stage.name, weights_id(model), adapter_id(folder))
        )
        judge = Scorer.of(model, playbook, params, stage.progress, memory)
        profiles = {code: LanguageProfile(**its) for code, its in stage.read_json(LANGUAGES).items()}
        judge = dataclasses.replace(judge, model=load_adapter(judge.model, folder, model), profiles=profiles)
        clock = Clock(fresh=not memory.folder.exists())
        predictions = judge.write(ADAPTER, answered, bare)
        clock.stop()
        weighed = only(test, theirs.filter(metric="nll"))
        ours = pl.concat([judge.likelihood(ADAPTER, weighed, bare), reply_scores(predictions, answered, playbook)])
        able = forgetting.answers(ADAPTER, judge)
        memory.forget_unused()

        scores, written = pl.concat([theirs, ours]), pl.concat([predicted, predictions])
        arms = pl.concat([arm_table(scores, asked, params.redraws), corpus_table(written, answered)])
        baseline = stage.read_json("data/baseline/verdict.json")
        going = ~pl.col("arm").is_in(list(baseline["early"]))  # who stopped early has answered too few to be compared
        compared = comparisons(scores.filter(going), asked, written.filter(going))
        both_able = pl.concat([stage.read("baseline/forgetting"), able])
        kept = Kept(
            forgetting.table(both_able, ADAPTER, "base", params.redraws),
            memorised(predictions, answered, learnt, stage.section("privacy", Privacy).countries),
            good_shares(ours, answered),
        )
        rival = best_arm(arms, params.primary, prompt_arms(arms["arm"].unique()))
        sliced = slices(Talks(scores, written, asked, playbook), rival, params)
        number = looks.looked(looks.Look.at(test, adapter_id(folder), predicted, params))
        people = preference.heard(pairs.read_judgements(stage.input(pairs.PATH)), written, rival)
        voices: list[Voice] = [
            preference.voice(people),
            voice(sliced),
            rivals(baseline),
            conditions.voice(train, test, answered, profiles),
            looks.voice(number),
            seeds_behind(read_provenance(folder), read_seeds(stage.input(SEEDS))),
        ]
        sure = dataclasses.replace(kept, forgetting=looks.widened(kept.forgetting, number))
        found = verdict(arms, looks.widened(compared, number), baseline, sure, params, voices)

        stage.write("evaluated/predictions", written)
        stage.write("evaluated/scores", scores)
        stage.write("evaluated/arms", arms.sort("arm", "metric", "language"))
        stage.write("evaluated/comparisons", compared)
        stage.write("evaluated/slices", sliced)
        stage.write("evaluated/rules", rule_table(outcomes(written, answered, playbook), answered))
        stage.write("evaluated/forgetting", kept.forgetting)
        stage.write("evaluated/memorised", kept.memorised)
        stage.write_json("data/evaluated/metrics.json", described())
        stage.write_json("data/evaluated/preference.json", preference.as_json(people))
        stage.write_json("data/evaluated/verdict.json", found)
        told = conditions.figures(train, test) | {"looks": number}
        stage.write_metrics(figures(arms, compared, kept, found["verdict"]) | told)
        print(as_text(arms, (*prompt_arms(arms["arm"].unique()), ADAPTER)))
        clock.note(written)
        stage.say(as_line(found))
        if params.require_promotion:
            refuse_what_is_not_promoted(found)


def only(test: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The conversations that the baseline asked about, in one order."""
    return test.join(named.select("conversation_id").unique(), on="conversation_id").sort("conversation_id")


def adapter_id(folder: Path) -> str:
    """A hash of the adapter's weights and configuration."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), folder / "adapter_config.json"]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


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
