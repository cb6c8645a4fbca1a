"""The adapter against every prompt arm on the same test conversations, and the verdict.  python -m training.evaluate"""

import dataclasses

import polars as pl

from curation.playbook import Playbook
from curation.stage import Stage
from training.adapter import load_adapter
from training.arms import ADAPTER, PROMPT_ARMS
from training.model import Model
from training.promote import comparisons, verdict
from training.scoring import ALL, Evaluate, Judge, arm_table, as_text, reply_scores


def main() -> None:
    """Measure the adapter as the baseline measured the prompts, compare in pairs, decide."""
    with Stage("evaluate", Evaluate) as stage:
        params, model = stage.params, stage.section("model", Model)
        playbook = Playbook.load(stage.input("playbook.yaml"))
        theirs = stage.read("baseline/scores")
        predicted = stage.read("baseline/predictions")
        test = stage.read("splits/test")
        asked = only(test, theirs)
        answered = only(test, predicted)

        judge = Judge.of(model, playbook, params, stage.progress)
        judge = dataclasses.replace(judge, model=load_adapter(judge.model, stage.input("models/adapter"), model))
        predictions = judge.write(ADAPTER, answered, {})
        ours = pl.concat([judge.likelihood(ADAPTER, asked, {}), reply_scores(predictions, answered, playbook)])
        scores = pl.concat([theirs, ours])
        arms = arm_table(scores, asked, params.redraws)
        compared = comparisons(scores, asked, params)
        found = verdict(arms, compared, stage.read_json("data/baseline/verdict.json"), params)

        stage.write("evaluated/predictions", pl.concat([predicted, predictions]))
        stage.write("evaluated/scores", scores)
        stage.write("evaluated/arms", arms)
        stage.write("evaluated/comparisons", compared)
        stage.write_json("data/evaluated/verdict.json", found)
        stage.write_metrics(metrics(arms, compared, found["verdict"]))
        print(as_text(arms, (*PROMPT_ARMS, ADAPTER)))
        stage.say(f"{found['verdict']}: {'; '.join(found['reasons'])}")


def only(test: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The conversations that the baseline asked about, in one order."""
    return test.join(named.select("conversation_id").unique(), on="conversation_id").sort("conversation_id")


def metrics(arms: pl.DataFrame, compared: pl.DataFrame, word: str) -> dict[str, float | int]:
    """The adapter's figures, and what it gains over each prompt arm, over all languages."""
    mine = arms.filter((pl.col("language") == ALL) & (pl.col("arm") == ADAPTER))
    gained = compared.filter(pl.col("language") == ALL)
    return {
        **{f"{ADAPTER}_{metric}": value for metric, value in mine.select("metric", "value").iter_rows()},
        **{
            f"{metric}_difference_to_{against}": value
            for against, metric, value in gained.select("against", "metric", "difference").iter_rows()
        },
        "promoted": int(word == "promote"),
    }


if __name__ == "__main__":
    main()
