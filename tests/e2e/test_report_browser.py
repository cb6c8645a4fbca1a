"""The pages as people see them: in a real browser, without a network."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from curation.report.__main__ import drawing_library
from curation.report.examples import Picking
from curation.report.page import render
from tests.builders import ROOT
from tests.e2e.browser import BROWSER, PAYLOAD
from tests.report.example import finished

PICKING = Picking(seed=1, examples=2, reasons=20, pairs=3, turns=6, characters=400, countries=("SA",))

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")


@dataclass
class Visit:
    """An open page, and all it asked for and complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: Path, anchor: str = "") -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{path.as_uri()}{anchor}")

    def attribute(self, name: str) -> str:
        found: str = self.page.evaluate(f"document.documentElement.{name}")
        return found


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale="en-GB")
    yield Visit(context.new_page())
    context.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(render(finished(poison=PAYLOAD), PICKING), "utf-8")
    return path


def test_the_report_asks_for_nothing_but_itself_and_complains_of_nothing(visit: Visit, report: Path) -> None:
    visit.open(report)
    assert visit.requests == [report.as_uri()]
    assert visit.complaints == []
    assert visit.page.evaluate("window.ran") is None
    assert visit.page.locator("article:visible").count() == 1


def test_the_switch_turns_the_whole_page_round(visit: Visit, report: Path) -> None:
    visit.open(report)
    assert (visit.attribute("lang"), visit.attribute("dir")) == ("en", "ltr")
    visit.page.get_by_role("link", name="العربية").click()
    visit.page.wait_for_selector("html[lang=ar][dir=rtl]")
    assert visit.page.title() == "تقرير البيانات والنموذج"
    assert visit.page.get_by_role("heading", level=1).inner_text() == "تقرير البيانات والنموذج"
    visit.page.get_by_role("link", name="English").click()
    visit.page.wait_for_selector("html[lang=en][dir=ltr]")


def test_a_link_opens_the_report_in_a_language_at_a_section(visit: Visit, report: Path) -> None:
    visit.open(report, "#ar-training")
    assert visit.attribute("dir") == "rtl"
    assert visit.page.locator("#ar-training").bounding_box()["y"] < 900
    assert visit.page.locator("#ar-training svg[role=img]").is_visible()


def test_a_table_is_searched_in_any_spelling_and_shows_all_rows_without_words(visit: Visit, report: Path) -> None:
    visit.open(report, "#ar-reasons")
    rows = visit.page.locator("#ar-reasons table >> nth=0").locator("tbody tr")
    field = visit.page.locator("#ar-reasons input[type=search] >> nth=0")
    every = rows.count()
    field.fill("نُسخَه مطابقة")
    assert {row.locator("th code").inner_text() for row in rows.all() if row.is_visible()} == {"near", "exact"}
    field.fill("")
    assert sum(row.is_visible() for row in rows.all()) == every >= 8


# What analysts ask -> the section that they unfold and what they read there, of the ten of docs/report.md.
QUESTIONS = {
    "Which source is worst, and why?": ("files", r"loses most beyond its part: \d+ of \d+ rows are clean"),
    "What would I gain by relaxing a limit?": ("values", r"\d+ conversations are kept out by one reason alone"),
    "What do we lack?": ("thin", r"pairs of intent and language have fewer than 30 clean conversations"),
    "Did last month change?": ("drift", r"What changed by month is told from 30 dated rows on"),
    "Who disagrees?": ("people", r"sara"),
    "Which rows cost us most?": ("budget", r"Most tokens are learned from: "),
    "Is the adapter worth it, and where not?": ("slices", r"payment"),
    "Which facts are stale?": ("knowledge", r"contradict one another"),
    "Is any personal data left?": ("personal", r"Of what was seen nothing is left|left as it was written"),
    "Can I trust the checks here?": ("audit", r"Blind here: of “exchanged roles” in Arabic, 1 of 10 were found"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_analysts_ask_is_answered_by_one_click(visit: Visit, report: Path, question: str) -> None:
    name, answer = QUESTIONS[question]
    visit.open(report)
    visit.page.locator(f"article:visible nav.contents a[href='#en-{name}']").click()
    section = visit.page.locator(f"#en-{name}")
    assert re.search(answer, section.inner_text())
    assert section.bounding_box()["y"] < 900
    if asked := section.locator("details.rows").all():
        asked[0].locator("summary").click()
        assert asked[0].locator("code").inner_text().startswith("qirat ")


def test_texts_run_in_the_direction_of_their_own_script(visit: Visit, report: Path) -> None:
    visit.open(report)
    directions = visit.page.evaluate(
        """Array.from(document.querySelectorAll('article[lang=en] .talk [dir=auto]'))
             .map(e => [/[\\u0600-\\u06ff]/.test(e.textContent), getComputedStyle(e).direction])"""
    )
    assert [True, "rtl"] in directions
    assert [False, "ltr"] in directions
    assert [True, "ltr"] not in directions


@pytest.mark.parametrize("width", [390, 1200])
def test_no_page_is_wider_than_the_screen(visit: Visit, report: Path, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.open(report, "#ar")
    assert visit.attribute("scrollWidth") <= width  # type: ignore[operator]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_on_a_phone_a_row_is_a_card_of_which_every_cell_is_in_sight(visit: Visit, report: Path, language: str) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 900})
    visit.open(report, f"#{language}-reasons")
    row = visit.page.locator(f"#{language}-reasons table >> nth=0").locator("tbody tr >> nth=0")
    boxes = [cell.bounding_box() for cell in row.locator("td").all() if cell.is_visible()]
    assert len(boxes) >= 7
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert visit.attribute("scrollHeight") < 40_000  # type: ignore[operator]


def test_the_contents_stay_in_sight(visit: Visit, report: Path) -> None:
    for width in (390, 1200):
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.open(report, "#en-versions")
        assert visit.page.locator("article:visible nav.contents a >> nth=0").bounding_box()["y"] >= 0


def test_text_can_be_read_on_light_and_dark_paper(visit: Visit, report: Path) -> None:
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        visit.open(report)
        colours = visit.page.evaluate(
            """['.soft', '.note.good', '.note.warning', 'mark', 'td', 'a', 'h1'].map(kind => {
                 let e = document.querySelector(kind), ink = getComputedStyle(e).color;
                 while (getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)') e = e.parentElement;
                 return [kind, ink, getComputedStyle(e).backgroundColor];
               })"""
        )
        for kind, ink, paper in colours:
            assert contrast(ink, paper) >= 4.5, (scheme, kind, ink, paper)


def test_the_data_docs_ask_for_nothing_but_themselves(visit: Visit, tmp_path: Path) -> None:
    from expectations import validate, views
    from expectations.docs import write_docs
    from tests.expectations.test_validate import CLOSED, CURATED, READ, SUITES

    view = views.raw_rows(READ["row_id"], CLOSED.head(2), CURATED)
    judged = [validate.judge(validate.load_suite(SUITES / "ledger.json"), view, 5)]
    write_docs(judged, validate.table_of(judged), tmp_path / "docs", date(2026, 1, 31))
    visit.open(tmp_path / "docs/index.html")
    assert visit.page.get_by_text("2026-01-31").is_visible()
    assert visit.page.get_by_role("link", name="The report").get_attribute("href") == "../index.html#en-validation"
    visit.page.get_by_role("link", name="ledger").first.click()
    assert visit.page.get_by_text("Every raw row is closed exactly once").is_visible()
    visit.page.get_by_role("link", name="العربية").click()
    assert (visit.attribute("lang"), visit.attribute("dir")) == ("ar", "rtl")
    assert visit.page.get_by_text("لكل صف خام مصير واحد، فلا ضائع ولا معدود مرتين").is_visible()
    assert visit.page.locator("tbody td[dir=auto]").filter(has_not_text=re.compile("[\u0620-\u064a]")).count() == 0
    assert all(url.startswith(tmp_path.as_uri()) for url in visit.requests)
    assert visit.complaints == []


def test_dvc_draws_its_plots_in_a_clone_without_a_network(visit: Visit, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed; `dvc plots` would be blank")
    shutil.copytree(ROOT / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    subprocess.run([shutil.which("git") or "git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "loss.csv").write_text("step,loss\n1,3.5\n2,2.9\n")
    (tmp_path / "dvc.yaml").write_text("plots:\n  - Loss:\n      x: step\n      y: {loss.csv: loss}\n")
    subprocess.run([sys.executable, "-m", "dvc", "plots", "show"], cwd=tmp_path, check=True, capture_output=True)
    page = tmp_path / "dvc_plots/index.html"
    visit.open(page)
    assert "dvc repro report" in visit.page.inner_text("body")  # before there is anything to draw with
    library = tmp_path / "reports/plots/vega.js"
    library.parent.mkdir(parents=True)
    library.write_text(drawing_library(), "utf-8")
    visit.requests.clear()
    visit.page.reload()
    visit.page.wait_for_selector("svg.marks, canvas.marks")
    assert visit.requests == [page.as_uri(), library.as_uri()]


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two CSS rgb() colours."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
