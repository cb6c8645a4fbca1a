"""One page that tells analysts what happened and what it amounts to, and the cards of data set and model.

    python -m curation.report

Works on whatever has run so far: a section whose stage has not run says so.
"""

import polars as pl

from curation.harness.stage import Stage
from curation.privacy.params import Privacy
from curation.report.cards import dataset_card, model_card
from curation.report.examples import Picking, Report
from curation.report.page import render
from curation.report.results import Results, load


def main() -> None:
    """Gather what there is, write the page, the cards and the curves for `dvc plots`."""
    with Stage("report", Report) as stage:
        results = load(stage)
        picking = Picking(**stage.params.model_dump(), countries=stage.section("privacy", Privacy).countries)
        for path, text in {
            "reports/index.html": render(results, picking),
            "reports/dataset_card.md": dataset_card(results),
            "reports/model_card.md": model_card(results),
            "reports/plots/loss.csv": losses(results, "loss").write_csv(),
            "reports/plots/dev_loss.csv": losses(results, "dev_loss").write_csv(),
            "reports/plots/reasons.csv": reasons(results).write_csv(),
        }.items():
            with stage.output(path) as file:
                file.write_text(text, "utf-8")
        stage.say("open reports/index.html in a browser")


def losses(results: Results, column: str) -> pl.DataFrame:
    """step and the loss of the column at the steps that measured it."""
    if results.missing("training/log"):
        return pl.DataFrame(schema={"step": pl.Int64, column: pl.Float64})
    return results["training/log"].select("step", column).drop_nulls().sort("step")


def reasons(results: Results) -> pl.DataFrame:
    """reason, rows: raw rows each reason kept out."""
    if results.missing("ledger", "ingested/conversations"):
        return pl.DataFrame(schema={"reason": pl.String, "rows": pl.Int64})
    table = results.reasons().group_by(reason="code").len("rows")
    return table.sort("rows", "reason", descending=[True, False])


if __name__ == "__main__":
    main()
