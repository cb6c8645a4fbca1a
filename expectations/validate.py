"""Hold the tables to the expectations written in expectations/*.json, and say so in the Data Docs.

    python -m expectations.validate

Three suites: what ingest promises of what it read, what must hold of what may be trained on, and the law of the
ledger. Expectations of severity "critical" stop the road; the others only report. docs/validation.md tells how to
add one.
"""

import functools
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from curation.core.record.ledger import FINDING
from curation.harness.errors import QiratError
from curation.harness.params import Params
from curation.harness.stage import Stage
from expectations import views
from expectations.deferred import deferred
from expectations.docs import translations, write_docs

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationSuiteValidationResult as SuiteResult

SUITES = Path("expectations")
A_ROW = 900  # bytes of memory that a raw row takes: its line of the widest view, some columns of it as pandas
LARGE = 50_000  # rows of a view that is judged some columns at a time
CHARTS = (
    "altair",
    "scipy.stats",
)  # what Great Expectations draws and compares distributions with: no suite of ours does
ROWS_NAMED_BY = "row_id"  # a column of every view

RESULTS = pl.Schema(
    {
        "suite": pl.String(),
        "expectation": pl.String(),
        "column": pl.String(),
        "severity": pl.String(),  # critical, warning, info
        "description": pl.String(),
        "translations": pl.String(),  # JSON text of the description in other languages, by their code
        "success": pl.Boolean(),
        "observed": pl.String(),  # JSON text of the observed value; null for expectations on single rows
        "rows": pl.Int64(),
        "unexpected": pl.Int64(),  # rows that break it
        "examples": pl.List(pl.String),  # row_ids of some of them
    }
)


class Validate(Params):
    """The section `validate` of params.yaml."""

    examples: int = Field(default=5, ge=1, le=100)  # row ids shown for each broken expectation


def main() -> None:
    """Judge, write what was found, and only then stop when a critical expectation is broken."""
    with Stage("validate", Validate) as stage:
        stage.refuse_too_little("ingested/conversations", A_ROW)
        judgements = [
            judge(load_suite(stage.input(SUITES / f"{name}.json")), view(stage), stage.params.examples)
            for name, view in stage.progress(VIEWS.items(), "suites", unit="suites")
        ]
        results = table_of(judgements)
        stage.write("validated/results", results)
        stage.write_metrics(metrics(results))
        with stage.output("reports/expectations") as folder:
            newest = stage.read("ingested/conversations", ["created_at"])["created_at"].max()
            write_docs(judgements, results, folder, newest.date() if isinstance(newest, datetime) else None)
        stop_when_broken(results)
        stage.passed("validated")


def ingested_view(stage: Stage[Validate]) -> pl.DataFrame:
    """`views.ingested`, its texts read part by part."""
    quarantine = stage.read("ingested/quarantine", ["row_id"])
    return pl.concat(views.ingested(part, quarantine) for part in stage.parts("ingested/conversations"))


def curated_view(stage: Stage[Validate]) -> pl.DataFrame:
    """`views.curated`, its texts read part by part."""
    rows = pl.concat(views.curated_rows(part) for part in stage.parts("curated/conversations"))
    return views.closed_as(rows, closing(stage, "conversation_id"))


def ledger_view(stage: Stage[Validate]) -> pl.DataFrame:
    """`views.raw_rows`, of ids alone."""
    tables = ("ingested/conversations", "ingested/quarantine", "ingested/parts")
    raw = pl.concat(stage.read(table, ["row_id"])["row_id"] for table in tables)
    ledger = closing(stage, "code", "evidence")
    return views.raw_rows(raw, ledger, stage.read("curated/conversations", ["row_id"]))


def closing(stage: Stage[Validate], *columns: str) -> pl.DataFrame:
    """What closes each raw row, by the ledger."""
    return stage.read("ledger", ["row_id", "outcome", *columns], pl.col("outcome") != FINDING)


# By suite. One at a time, since Great Expectations wants each as a whole.
VIEWS = {"ingested": ingested_view, "curated": curated_view, "ledger": ledger_view}


def load_suite(path: Path) -> "ExpectationSuite":
    """A suite from JSON. Great Expectations leaves out, silently, what it has no class for; this does not."""
    gx = _great_expectations()
    try:
        written: dict[str, Any] = json.loads(path.read_text("utf-8"))
        expectations = written["expectations"]
    except (ValueError, KeyError, TypeError) as error:
        raise QiratError(f"{path} is not a suite of expectations ({error}); see docs/validation.md") from None
    faulty = [e.get("type") for e in expectations if not gx.ExpectationSuite(name="one", expectations=[e]).expectations]
    if faulty:
        raise QiratError(
            f"{path}: Great Expectations cannot read {', '.join(map(str, faulty))}; "
            "check the spelling and the arguments, or write the class in expectations/custom.py"
        )
    suite: ExpectationSuite = gx.ExpectationSuite(**written)
    return suite


def judge(suite: "ExpectationSuite", view: pl.DataFrame, examples: int) -> "SuiteResult":
    """The suite's expectations on a flat view. One that cannot be computed is an error, and no verdict on the data."""
    result = _joined([_judged(some, view.select(columns), examples) for columns, some in _apart(suite, view)])
    for one in result.results:
        if not one.success and not one.result:
            name = one.expectation_config.type if one.expectation_config else "an expectation"
            raise QiratError(
                f"expectations/{suite.name}.json: {name} cannot be computed: {_cause(one)}; "
                f"the view has the columns {', '.join(view.columns)}"
            )
    return result


def _judged(suite: "ExpectationSuite", view: pl.DataFrame, examples: int) -> "SuiteResult":
    context = _great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": view.to_pandas()})
    result: SuiteResult = batch.validate(
        context.suites.add(suite),
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": examples,
            "unexpected_index_column_names": [ROWS_NAMED_BY],
        },
    )
    return result


def _apart(suite: "ExpectationSuite", view: pl.DataFrame) -> Iterator[tuple[list[str], "ExpectationSuite"]]:
    """The suite with all columns, or of a large view a suite for each set of columns that an expectation names.

    Great Expectations copies its table several times, and a text is an object of Python's there.
    """
    if view.height < LARGE:
        yield view.columns, suite
        return
    of_columns = defaultdict[tuple[str, ...], list[Any]](list)
    written: Any = suite.to_json_dict()
    for expectation in written["expectations"]:
        asked = json.dumps(expectation["kwargs"], default=str)
        named = [name for name in view.columns if name in asked]
        of_columns[tuple(dict.fromkeys([ROWS_NAMED_BY, *named]) if named else view.columns)].append(expectation)
    for columns, expectations in of_columns.items():
        yield list(columns), _great_expectations().ExpectationSuite(name=suite.name, expectations=expectations)


def _joined(results: Sequence["SuiteResult"]) -> "SuiteResult":
    """One result of all, as Great Expectations gives it of a suite that is judged at once."""
    first, *others = results
    if not others:
        return first
    every = [one for result in results for one in result.results]
    passed = sum(bool(one.success) for one in every)
    first.results, first.success = every, passed == len(every)
    first.statistics = {
        "evaluated_expectations": len(every),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(every) - passed,
        "success_percent": passed / len(every) * 100,
    }
    return first


def table_of(judgements: Sequence["SuiteResult"]) -> pl.DataFrame:
    """RESULTS, one row an expectation: suite after suite, what stops the road first."""
    rows = [_row(suite.suite_name, one) for suite in judgements for one in suite.results]
    suites = pl.Enum([suite.suite_name for suite in judgements])
    return pl.DataFrame(rows, schema=RESULTS, orient="row").sort(
        pl.col("suite").cast(suites), "severity", "expectation", "column"
    )


def metrics(results: pl.DataFrame) -> dict[str, int]:
    """Flat numbers for metrics/validate.json."""
    broken = results.filter(~pl.col("success"))
    return {
        "expectations": results.height,
        "passed": results.height - broken.height,
        "failed": broken.filter(pl.col("severity") == "critical").height,
        "warnings": broken.filter(pl.col("severity") != "critical").height,
        "unexpected_rows": int(broken["unexpected"].sum()),
    }


def stop_when_broken(results: pl.DataFrame) -> None:
    """Raises with the first broken critical expectation, the rows that break it and where to read on."""
    broken = results.filter(~pl.col("success") & (pl.col("severity") == "critical"))
    if broken.is_empty():
        return
    first = broken.row(0, named=True)
    rows = f": {first['unexpected']:,} rows, such as {', '.join(first['examples'])}" if first["examples"] else ""
    others = [f"{suite}.{name}" for suite, name in broken[1:].select("suite", "expectation").iter_rows()]
    more = f"; so are {', '.join(others)}" if others else ""
    raise QiratError(
        f'{first["suite"]}.{first["expectation"]} ({first["column"]}) is broken: "{first["description"]}"{rows}{more}. '
        "Look at reports/expectations/index.html and at `qirat why ROW_ID`; mend data/raw or drop the rows in review, "
        f"or, if the expectation asks too much of your data, change expectations/{first['suite']}.json"
    )


def _row(suite: str, judged: Any) -> dict[str, Any]:
    asked, found = judged.expectation_config, judged.result
    observed = found.get("observed_value")
    cases = [] if judged.success else found.get("partial_unexpected_index_list") or []
    return {
        "suite": suite,
        "expectation": asked.type,
        "column": _column(asked.kwargs),
        "severity": str(asked.severity.value),
        "description": asked.description or "",
        "translations": json.dumps(translations(asked.type, asked.meta or {}), ensure_ascii=False),
        "success": bool(judged.success),
        "observed": None if observed is None else json.dumps(observed),
        "rows": found.get("element_count"),
        "unexpected": found.get("unexpected_count") or 0,
        "examples": sorted({str(case[ROWS_NAMED_BY]) for case in cases}),
    }


def _column(kwargs: Mapping[str, Any]) -> str:
    """The column judged, both of a pair, or "" for the table as a whole."""
    return ", ".join(str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs)


def _cause(one: Any) -> str:
    """The message at the bottom of what Great Expectations raised."""
    info = one.exception_info
    causes = [info] if "exception_message" in info else list(info.values())
    return "; ".join(sorted({str(cause["exception_message"]) for cause in causes}))


@functools.cache  # what lives is set aside from collection once
def _great_expectations() -> Any:
    """The library, silent and with our own expectations registered."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with deferred(*CHARTS):
        import great_expectations

        import expectations.custom  # noqa: F401  registers the classes

    return great_expectations


if __name__ == "__main__":
    main()
