"""One page that tells analysts what happened and what it amounts to, and the cards of data set and model.

    python -m curation.report

Works on whatever has run so far: a section whose stage has not run says so.
"""

import functools
from collections.abc import Mapping

import polars as pl

from curation.core.record.ledger import counts
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
            "reports/plots/vega.js": drawing_library(),
        }.items():
            with stage.output(path) as file:
                file.write_text(text, "utf-8")
        stage.write_metrics(compared(results))
        stage.say("open reports/index.html in a browser")


def compared(results: Results) -> Mapping[str, float]:
    """The few figures that `dvc metrics show` and `dvc exp show` put side by side; what has not run is left out.

    All others of a stage stand in its own metrics/STAGE.json.
    """
    found: dict[str, float] = {}
    if not results.missing("ledger"):
        found["raw"] = counts(results["ledger"])["raw"]
    if not results.missing("curated/conversations"):
        found["curated"] = results["curated/conversations"].height
    if results.gate:
        found["clean"] = results.gate["clean"]
    if not results.missing("training/log") and (measured := losses(results, "dev_loss")["dev_loss"].to_list()):
        found["dev_loss"] = min(measured)
    if results.verdict:
        found["promoted"] = int(results.verdict["verdict"] == "promote")
    return found


@functools.cache
def drawing_library() -> str:
    """Vega-Embed with Vega and the Vega-Lite 5 that DVC writes charts for, as one script for .dvc/plots/page.html."""
    import vl_convert

    version = next(v for v in reversed(vl_convert.get_vegalite_versions()) if v.startswith("5."))
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return f"(function () {{\n{script}\n}})();\n"


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
