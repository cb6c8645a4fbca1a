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
from training.evaluate import preference
from training.evaluate.memorisation import memorised
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.arms import ADAPTER, bare, prompt_arms
from training.judge.generation import ReplyMemory
from training.judge.metrics import described
from training.judge.reasons import Voice
from training.judge.rules import outcomes, rule_table
from training.judge.scoring import ALL, Evaluate, Scorer, arm_table, as_text, best_arm, corpus_table, reply_scores
from training.model.adapter import TRAINED_ON, load_adapter
from training.model.base import Model, weights_id

ADAPTER_PLACE = Path("models/adapter")


def main() -> None:
    """Measure the adapter as the baseline measured the prompts, compare in pairs, decide."""
    with Stage("evaluate", Evaluate) as stage:
        params, model = stage.params, stage.section("model", Model)
        playbook = Playbook.load(stage.input("playbook.yaml"))
        theirs = stage.read("baseline/scores")
        predicted = stage.read("baseline/predictions")
        asked, answered = (only(stage.read("splits/test"), table) for table in (theirs, predicted))
        folder = stage.input(ADAPTER_PLACE)
        trained_on = pl.read_parquet(folder / TRAINED_ON)
        learnt = stage.read("splits/train").join(trained_on, on="conversation_id", how="semi")

        memory = ReplyMemory(
            CACHE / stage.name / "replies", version_of(stage.name, weights_id(model), adapter_id(folder))
        )
        judge = Scorer.of(model, playbook, params, stage.progress, memory)
        judge = dataclasses.replace(judge, model=load_adapter(judge.model, folder, model))
        predictions = judge.write(ADAPTER, answered, bare)
        ours = pl.concat([judge.likelihood(ADAPTER, asked, bare), reply_scores(predictions, answered, playbook)])
        able = forgetting.answers(ADAPTER, judge)
        memory.forget_unused()

        scores, written = pl.concat([theirs, ours]), pl.concat([predicted, predictions])
        arms = pl.concat([arm_table(scores, asked, params.redraws), corpus_table(written, answered)])
        compared = comparisons(scores, asked, written, params)
        both_able = pl.concat([stage.read("baseline/forgetting"), able])
        kept = Kept(
            forgetting.table(both_able, ADAPTER, "base", params.redraws),
            memorised(predictions, answered, learnt, stage.section("privacy", Privacy).countries),
        )
        best = best_arm(arms, params.primary, prompt_arms(arms["arm"].unique()))
        people = preference.heard(pairs.read_judgements(stage.input(pairs.PATH)), written, best)
        voices: list[Voice] = [preference.voice(people)]
        found = verdict(arms, compared, stage.read_json("data/baseline/verdict.json"), kept, params, voices)

        stage.write("evaluated/predictions", written)
        stage.write("evaluated/scores", scores)
        stage.write("evaluated/arms", arms.sort("arm", "metric", "language"))
        stage.write("evaluated/comparisons", compared)
        stage.write("evaluated/rules", rule_table(outcomes(written, answered, playbook), answered))
        stage.write("evaluated/forgetting", kept.forgetting)
        stage.write("evaluated/memorised", kept.memorised)
        stage.write_json("data/evaluated/metrics.json", described())
        stage.write_json("data/evaluated/preference.json", preference.as_json(people))
        stage.write_json("data/evaluated/verdict.json", found)
        stage.write_metrics(figures(arms, compared, kept, found["verdict"]))
        print(as_text(arms, (*prompt_arms(arms["arm"].unique()), ADAPTER)))
        stage.say(f"{found['verdict']}: {'; '.join(found['reasons'])}")
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
