"""The map as people see it: in a real browser, with hostile and Arabic rows."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from curation.commands.atlas.server import Server
from curation.commands.explore import atlas
from curation.privacy.shown import Shown
from tests.commands.mapped import project
from tests.e2e.browser import BROWSER, PAYLOAD

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("explore")
    project(root, 200, PAYLOAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        seen = atlas(Shown(("SA",)))
    with Server(seen) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def page(browser: Any, served: Server) -> Iterator[Any]:
    """The map in English; at the end, it asked nothing elsewhere, complained of nothing and ran no row's words."""
    asked: list[str] = []
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1300, "height": 850}, locale="en-GB")
    opened = context.new_page()
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda said: complaints.append(said.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(served.address)
    opened.locator("#status:not(:empty)").wait_for()
    yield opened
    assert [url for url in asked if not url.startswith((served.address, "about:", "data:"))] == []
    assert [said for said in complaints if "'about:blank'" not in said] == []
    assert [frame.evaluate("window.ran") for frame in opened.frames] == [None] * len(opened.frames)
    context.close()


def told(page: Any) -> Any:
    """What stands beside the map of the row that is selected, once all of it has come."""
    row_id = page.locator("#why").inner_text().removeprefix("qirat why ")
    frame = page.locator("#told").element_handle().content_frame()
    frame.wait_for_url("**/row/*")  # before it left about:blank, its sandbox refuses Playwright aloud
    frame.wait_for_function("(id) => document.title === id && document.readyState === 'complete'", arg=row_id)
    return frame.locator("body")


def select(page: Any, row_id: str) -> None:
    """By its id in the search, and the key for the next row in sight."""
    page.locator("#clear").click()
    page.fill("#words", row_id)
    page.keyboard.press("Enter")
    page.locator("#status").get_by_text(re.compile("^1 of ")).wait_for()
    page.locator("#map").focus()
    page.keyboard.press("n")
    page.locator("#why").get_by_text(row_id).wait_for()


def test_hostile_words_are_shown_as_words_in_the_direction_of_their_script(page: Any, served: Server) -> None:
    read = served.atlas.results["ingested/conversations"].sort("row_id")
    for language, direction in (("ar", "rtl"), ("en", "ltr")):
        row = read.filter(pl.col("language") == language)["row_id"][-1]
        select(page, row)
        beside = told(page)
        assert "<img src=x onerror=window.ran=2>" in beside.inner_text()
        first = page.frame_locator("#told").locator(".talk [dir=auto]").first
        assert first.evaluate("e => getComputedStyle(e).direction") == direction
        assert "+44 20" not in beside.inner_text()
    page.locator("summary").get_by_text("Reviewer").click()
    assert "<script>" in page.locator("#facets details[open] bdi").filter(has_text="ليلى").inner_text()


def test_a_click_on_a_point_opens_its_row_and_escape_closes_it(page: Any, served: Server) -> None:
    drawn = served.atlas.map("en")
    bottom, row = max(10_000, *drawn["y"]), drawn["rows"].index("chats.jsonl:902")
    box = page.locator("#map").bounding_box()
    scale = 0.94 * min(box["width"] / 10_000, box["height"] / bottom)
    across = (drawn["x"][row] - 5_000) * scale + box["width"] / 2
    down = (drawn["y"][row] - bottom / 2) * scale + box["height"] / 2
    page.locator("#map").click(position={"x": across, "y": down})
    assert page.locator("#why").inner_text() == "qirat why chats.jsonl:902"
    assert "Unreadable" in told(page).inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#nothing").is_visible()


def test_filters_and_colors_work_together_and_last_into_the_other_language(page: Any, served: Server) -> None:
    outcomes = served.atlas.rows.select(pl.col("outcome").list.first(), arabic=pl.col("language").list.contains("ar"))
    held = outcomes.filter(outcome="held")
    page.get_by_label("Held for people").check()
    assert page.locator("#status").inner_text() == f"{held.height} of {outcomes.height} rows in sight"
    page.select_option("#color", "language")
    page.get_by_label("Arabic").check()
    left = held.filter("arabic").height
    assert page.locator("#status").inner_text() == f"{left} of {outcomes.height} rows in sight"
    page.get_by_role("link", name="العربية").click()
    page.locator("html[lang=ar][dir=rtl] #status:not(:empty)").wait_for()
    assert page.locator("#status").inner_text() == f"الصفوف الظاهرة: {left} من {outcomes.height}"
    assert page.locator("#color").input_value() == "language"
    page.get_by_role("button", name="إزالة المرشحات").click()
    assert page.locator("#facets :checked").count() == 0
    assert page.locator("#status").inner_text() == f"الصفوف الظاهرة: {outcomes.height} من {outcomes.height}"


@pytest.mark.parametrize("width", [390, 1300])
def test_the_map_is_no_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
