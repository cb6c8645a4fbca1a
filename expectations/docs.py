"""The Data Docs: what Great Expectations renders of its results, on pages of ours that open anywhere.

The pages it would write itself load their looks from five servers, are blank without them, and differ at every run.
"""

import copy
import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult as SuiteResult


def write_docs(results: Sequence["SuiteResult"], folder: Path) -> None:
    """index.html and one page a suite: no scripts, no links to load from, the same bytes for the same results."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView(custom_views_directory=str(Path(__file__).parent))
    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    folder.mkdir()
    suites = [
        {"name": result.suite_name, "success": result.success, "statistics": result.statistics} for result in results
    ]
    for result in results:
        document = renderer.render(_escaped(result))
        # The first section repeats the statistics, the last holds times and fingerprints of the run.
        document.sections = document.sections[1:-1]
        page = view.render(document, template="docs.html.jinja", suites=suites, suite=result.suite_name)
        (folder / f"{result.suite_name}.html").write_text(page, "utf-8")
    index = view.env.get_template("docs.html.jinja").render(suites=suites)
    (folder / "index.html").write_text(index, "utf-8")


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
