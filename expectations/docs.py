"""The Data Docs: what Great Expectations renders of its results, on pages of ours that open anywhere.

The pages it would write itself load their looks from five servers, are blank without them, and differ at every run.
"""

import copy
import html
import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult as SuiteResult

WORDS = Path(__file__).with_name("words.yaml")
ENGLISH = "en"


def write_docs(results: Sequence["SuiteResult"], told: pl.DataFrame, folder: Path, until: date | None) -> None:
    """index.html and one page a suite in every language: no scripts, the same bytes for the same results.

    `told` are RESULTS of the same suites, out of which the pages of other languages are made, since Great Expectations
    renders English. `until` is the day of the newest conversation, for the pages are of these data and not of an hour.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView(custom_views_directory=str(Path(__file__).parent))
    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    folder.mkdir()
    suites = [
        {"name": result.suite_name, "success": result.success, "statistics": result.statistics} for result in results
    ]
    frames = {language: _frame(language, until) | {"suites": suites} for language in catalogue()}
    for result in results:
        document = renderer.render(_escaped(result))
        # The first section repeats the statistics, the last holds times and fingerprints of the run.
        document.sections = document.sections[1:-1]
        page = view.render(document, template="docs.html.jinja", suite=result.suite_name, **frames[ENGLISH])
        (folder / f"{result.suite_name}.html").write_text(page, "utf-8")
    template = view.env.get_template("docs.html.jinja")
    for language, frame in frames.items():
        (folder / f"index{suffix(language)}.html").write_text(template.render(**frame), "utf-8")
        for suite in (one["name"] for one in suites if language != ENGLISH):
            sentences = _sentences(told.filter(suite=suite), language)
            page = template.render(suite=suite, told=sentences, **frame)
            (folder / f"{suite}{suffix(language)}.html").write_text(page, "utf-8")


@cache
def catalogue() -> Mapping[str, Mapping[str, Any]]:
    """The words of every language, English first."""
    found: Mapping[str, Mapping[str, Any]] = yaml.safe_load(WORDS.read_text("utf-8"))
    return found


def translations(expectation: str, meta: Mapping[str, Any]) -> dict[str, str]:
    """The sentence of an expectation in the languages that have one: its own in the suite, else that of its kind."""
    found = {}
    for language, words in catalogue().items():
        if sentence := meta.get(language) or words.get("expectations", {}).get(expectation):
            found[language] = str(sentence)
    return found


def suffix(language: str) -> str:
    """What stands behind the name of a page in a language."""
    return "" if language == ENGLISH else f".{language}"


def _frame(language: str, until: date | None) -> dict[str, Any]:
    others = [(code, words["name"]) for code, words in catalogue().items() if code != language]
    words = catalogue()[language]
    return {"language": language, "words": words, "others": others, "until": until, "suffix": suffix}


def _sentences(told: pl.DataFrame, language: str) -> list[dict[str, Any]]:
    """What each expectation says and what breaks it, the broken ones first."""
    ordered = told.sort("success", maintain_order=True).to_dicts()
    return [row | {"sentence": json.loads(row["translations"]).get(language, row["description"])} for row in ordered]


def _escaped(result: "SuiteResult") -> "SuiteResult":
    """A copy whose observed values are safe in HTML: the renderers put them into tables as they are."""
    safe = copy.deepcopy(result)
    for one in safe.results:
        one.result = _escape(one.result)
    return safe


def _escape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escape(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_escape(inner) for inner in value)
    if hasattr(value, "item"):  # a numpy scalar, which would show as np.True_
        return value.item()
    return html.escape(value) if isinstance(value, str) else value
