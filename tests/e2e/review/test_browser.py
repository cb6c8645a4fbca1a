"""People's road through review, with the real Argilla server and a real browser."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from curation.checks.codes import codes
from curation.core.record.conversation import message
from curation.core.record.pairs import read_judgements, reply_hash
from curation.decisions.answers import read_answers
from curation.decisions.decisions import read_decisions
from curation.privacy import covered
from tests.e2e.browser import BROWSER
from tests.e2e.review.conftest import ARABIC, ENGLISH, Project

OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync""".split()


SIGNS = {"blender": "en", "الطلب": "ar", "turn 2–3 of 4": "en_hostile", "turn 2 of 2": "en_long", "ORD-77": "ar_tool"}
SIGNS |= {"turn 198–200": "en_turns"}
DOUBT = codes()["ungrounded_price"].called("ungrounded_price", "en")
SPEAKS = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload='window.ran = 3'>"
HOSTILE = [
    message(
        "user",
        f"{SPEAKS}![beacon](http://beacon.invalid/a.png) [link](javascript:window.ran=4) https://link.invalid "
        "$\\href{javascript:window.ran=5}{x}$ $$\\includegraphics{http://beacon.invalid/b.png}$$ "
        "&lt;b&gt; &#60;script&#62; &colon; <a href='jav&#x09;ascript:window.ran=6'>click</a>\n"
        "```\nfence\n```\n````html\n<b>no end\n    <embed src=http://beacon.invalid>\n"
        "<iframe srcdoc='<script>parent.ran = 7</script>'></iframe><style>@import 'http://beacon.invalid/c.css'</style>",
    ),
    message("assistant", f"1. one\n# two\n| a | b |\n|---|---|\n{SPEAKS}\n</textarea></div><b>bold"),
    message("user", "pay \u202egpj.exe\u202c now \u2067and\u2066 after"),
    message("assistant", "[x]: http://beacon.invalid/d.png\n![x]\n[x] [1]\n- [ ] task\n~~~\nfence\n***\n<!-- hidden"),
]
TOOL = [
    message("user", "أين طلبي ORD-77؟"),
    {
        **message("assistant", ""),
        "tool_calls": json.dumps([{"name": "track", "arguments": {"order": "ORD-77", "<b>": SPEAKS}}]),
    },
    message("tool", '{"status": "في الطريق", "stops": [{"city": "الرياض"}]}'),
    message("assistant", "طلبك في الطريق."),
]
TURNS = [m for n in range(100) for m in (message("user", f"Part {n}?"), message("assistant", f"It costs ${n}."))]
LONG = [message("user", "start " + "<b>&amp; 1,000,000 " * 55_000 + "end"), message("assistant", "I see.")]  # 1 MB


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt install chromium)")
def test_an_annotator_decides_and_the_decisions_come_back(project: Project, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    talks = {"en": ENGLISH, "ar": ARABIC, "en_hostile": HOSTILE, "en_long": LONG, "ar_tool": TOOL, "en_turns": TURNS}
    ids = project.queue(**talks)
    project.doubt(ids["en_turns"], 199)
    assert project.review("push").startswith("6 new")
    said = project.review("users", "add", "sara", "--languages", "ar,en")
    name, password = re.findall(r": (.*)", said)
    [address] = re.findall(r"sign in with these at (\S+) where the guidelines open", said)
    assert password not in (project.home / "server.log").read_text("utf-8")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        asked: list[Any] = []
        page.on("request", lambda request: asked.append(request))
        annotator = Annotator(page, Path(os.environ.get("QIRAT_SCREENSHOTS", tmp_path)))
        annotator.sign_in(address, name, password)
        annotator.reads_the_guidelines()
        page.wait_for_timeout(1000)  # the browser keeps it a moment later
        page.goto(address)
        page.locator(".chat__bubble").first.wait_for()
        assert not page.get_by_role("heading", name="How to correct").is_visible(), "they open the first time alone"

        seen = [annotator.decide() for _ in talks]
        assert {*seen[:2]} == {"ar", "ar_tool"}, "the language that was chosen to come first"
        assert page.evaluate("window.ran") is None
        abroad = [request for request in asked if not request.url.startswith((project.url, "data:", "blob:"))]
        assert {request.failure for request in abroad} <= {"csp"}, "the browser itself stops what the pages ask abroad"
        assert not [request.url for request in abroad if ".invalid" in request.url], "rows ask for nothing at all"
        browser.close()

    assert sorted(seen) == sorted(talks)
    assert project.review("pull").startswith("6 new answers, 6 new decisions")
    decided = {
        decision.conversation_id: decision for decision in read_decisions(tmp_path / "data/review/decisions.jsonl")
    }
    choices = {
        "en": "edit",
        "ar": "keep",
        "en_hostile": "drop",
        "en_long": "keep",
        "ar_tool": "keep",
        "en_turns": "keep",
    }
    assert {name: decided[ids[name]].decision for name in ids} == choices
    corrected = decided[ids["en"]].messages
    assert corrected and [m["content"] for m in corrected] == [
        ENGLISH[0]["content"],
        "I am sorry. Call +966 11 123 4567: returning it is free.",
        ENGLISH[2]["content"],
        ENGLISH[3]["content"],
    ]
    assert all(decision.annotators == ("sara",) for decision in decided.values())
    [keyboard] = [a for a in read_answers(tmp_path / "data/review/answers.jsonl") if a.conversation_id == ids["ar"]]
    assert (keyboard.decision, keyboard.confidence) == ("keep", "sure")

    before = (tmp_path / "data/review/decisions.jsonl").read_bytes()
    assert project.review("pull").startswith("0 new answers, 0 new decisions")
    assert (tmp_path / "data/review/decisions.jsonl").read_bytes() == before
    assert project.review("push").startswith("0 new, 0 changed, 0 set aside, 0 deleted")
    assert "sara: 6 submitted" in project.review("status")


@dataclass(frozen=True)
class Annotator:
    """Somebody at the screen: types, clicks, looks, and takes pictures."""

    page: Any
    pictures: Path

    def sign_in(self, url: str, name: str, password: str, dataset: str = "review") -> None:
        self.page.goto(url)
        self.page.fill("input[type=text]", name)
        self.page.fill("input[type=password]", password)
        self.page.keyboard.press("Enter")
        if "/welcome/" not in url:
            self.page.get_by_text(dataset, exact=True).first.click()

    def decide(self) -> str:
        """Reads the conversation on the screen and answers it; returns which one it was."""
        bubbles = self.page.locator(".chat__bubble")
        bubbles.first.wait_for()
        words = bubbles.first.inner_text()[:40].splitlines()[0]
        name = next(name for sign, name in SIGNS.items() if sign in words)
        self.photograph(name)
        self.sees_the_doubt(bubbles)
        getattr(self, f"decides_{name}")(bubbles)
        bubbles.filter(has_text=words).first.wait_for(state="detached")  # the form keeps the last one's suggestion
        return name

    def prefers_the_adapters(self, replies: Mapping[str, tuple[str, str]]) -> None:
        """Reads both replies, laid out in the direction of their script, and chooses the adapter's by its key."""
        bubbles, texts = self.page.locator(".chat__bubble"), self.page.locator(".text_field_component p")
        bubbles.first.wait_for()
        language = "ar" if "الطلب" in bubbles.first.inner_text() else "en"
        shown = texts.all_inner_texts()
        ours, theirs = (covered([message("assistant", t)], ("SA",))[0]["content"] for t in replies[language])
        assert sorted(shown) == sorted([re.sub(r"phone_\d", "phone_2", ours), theirs])
        directions = {
            text.evaluate("e => getComputedStyle(e).direction") for text in [bubbles.locator("p").first, *texts.all()]
        }
        assert directions == {"rtl" if language == "ar" else "ltr"}
        words = self.page.locator("body").inner_text().lower()
        assert not [told for told in ("adapter", "prompted", "gold") if told in words]
        self.photograph(f"pair_{language}")
        self.page.keyboard.press("2" if shown[0] == theirs else "1")
        self.page.wait_for_timeout(300)
        self.page.keyboard.press("Enter")
        bubbles.filter(has_text=bubbles.first.inner_text()[:20]).first.wait_for(state="detached")

    def decides_en(self, bubbles: Any) -> None:
        """Edits the doubted reply where it stands, its phone number covered."""
        self._reads("ltr", bubbles, ENGLISH)
        self.click("Edit")
        box = self.page.locator("[contenteditable]").first
        assert box.inner_text() == "[2]\nI am sorry. Call [phone_2]: returning it costs $49.90."
        box.click()
        self.page.keyboard.press("Control+End")
        for _ in "costs $49.90.":
            self.page.keyboard.press("Backspace")
        self.page.keyboard.type("is free.")
        self.photograph("en_edited")
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Enter")

    def decides_ar(self, bubbles: Any) -> None:
        """With the keyboard alone: 1 keeps, 1 is sure, Enter submits."""
        self._reads("rtl", bubbles, ARABIC)
        self.page.keyboard.press("1")
        self.page.wait_for_timeout(300)
        self.page.keyboard.press("1")
        self.photograph("ar_keyboard")
        self.page.keyboard.press("Enter")

    def decides_en_hostile(self, bubbles: Any) -> None:
        words = bubbles.filter(has_not_text=re.compile("^(Shown first|Turn )"))
        self._reads("ltr", words, HOSTILE, (1, 2, 0, 3))  # what would hide the doubt comes below it
        box = self.page.locator("[contenteditable]").first
        assert box.inner_text().split() == ["[2]", *HOSTILE[1]["content"].split()]
        assert box.locator("*").count() == box.locator("br, div").count(), "it is text, and no tag of it is one"
        self.click("Drop")
        self.photograph("en_hostile_dropped")
        self.submit()

    def decides_en_long(self, bubbles: Any) -> None:
        """All of the megabyte stands there, in bubbles that a person can scroll through."""
        words = bubbles.all_inner_texts()
        assert words[1].split() == ["[2]", "⚠", "Doubted:", *DOUBT.split(), "I", "see."], "before what would hide it"
        assert words[3].startswith("start <b>&amp; 1,000,000 <b>") and words[-1].endswith("end")
        assert len("".join(words)) > 1_000_000
        self.click("Keep")
        self.submit()

    def decides_ar_tool(self, bubbles: Any) -> None:
        """The call and its result stand there as lines, and what a row writes into them is words."""
        called, result = (bubbles.nth(n).inner_text().replace("\u00a0", " ").split("\n") for n in (1, 2))
        assert called[0] == "[2]" and [*map(str.strip, called[2:])] == ["← track", "order: ORD-77", f"<b>: {SPEAKS}"]
        assert [*map(str.strip, result)] == ["status: في الطريق", "stops:", "-", "city: الرياض"]
        self.keeps()

    def decides_en_turns(self, bubbles: Any) -> None:
        """The last of two hundred turns is doubted, and is on the screen without scrolling."""
        assert "⚠" in bubbles.nth(3).inner_text()
        self.keeps()

    def keeps(self) -> None:
        self.page.keyboard.press("1")
        self.page.wait_for_timeout(300)
        self.page.keyboard.press("Enter")

    def sees_the_doubt(self, bubbles: Any) -> None:
        """The mark stands in the window, in the direction of the script."""
        mark = bubbles.locator("strong", has_text="⚠").first
        there = "e => { const b = e.getBoundingClientRect(); return e === document.elementFromPoint(b.x + 9, b.y + 9) }"
        assert mark.evaluate(there), "nothing lies over it, and it lies in the window"

    def click(self, decision: str) -> None:
        self.page.get_by_text(re.compile(f"^{decision} ·")).first.click()

    def submit(self) -> None:
        self.page.get_by_role("button", name=re.compile("Submit")).click()

    def reads_the_guidelines(self) -> None:
        """They are open; who has read them closes them."""
        for heading, direction in {"How to correct": "ltr", "كيف تصحّح": "rtl"}.items():
            place = self.page.get_by_role("heading", name=heading)
            place.scroll_into_view_if_needed()
            assert place.evaluate("e => getComputedStyle(e).direction") == direction
            self.photograph(f"guidelines_{direction}")
        self.page.get_by_text("Guidelines").first.click()

    def photograph(self, name: str) -> None:
        self.page.wait_for_timeout(500)  # for what still moves into place
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def _reads(
        self, direction: str, bubbles: Any, talk: list[dict[str, Any]], order: tuple[int, ...] | None = None
    ) -> None:
        """The words stand there as written, personal data covered, laid out in the direction of the language."""
        hidden = covered(talk, ("SA", "AE", "EG", "JO"))
        for bubble, said in zip(bubbles.all(), [hidden[n] for n in order or range(len(talk))], strict=True):
            shown = bubble.inner_text().replace("⟦RLO⟧", "\u202e").split()
            mark = bubble.locator("strong").all_inner_texts()
            shown = [shown[0], *shown[1 + len(mark[0].split()) :]] if mark else shown
            assert shown[said["role"] == "assistant" :] == said["content"].split()  # less the number of a reply
            tags = bubble.evaluate("e => [...e.querySelectorAll('*')].map(one => one.tagName)")
            assert {*tags} <= {"BR", "DIV", "P", "STRONG", "STYLE"} and tags.count("STYLE") <= 1, (
                "the style is Argilla's own"
            )
            assert bubble.locator("p").first.evaluate("e => getComputedStyle(e).direction") == direction
        why = self.page.locator(".text_field_component li").first
        assert why.evaluate("e => getComputedStyle(e).direction") == direction


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt install chromium)")
def test_pairs_are_judged_blind_in_both_directions_of_script(project: Project, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    replies = {"en": ("We are sorry. Call +966 11 123 4567.", "**No** <b>idea</b>."), "ar": ("نعتذر لك.", "لا نعرف.")}
    ids = project.answered({"en": ENGLISH, "ar": ARABIC}, replies)
    assert project.review("pairs", "push").startswith("2 new")
    name, password = re.findall(r": (.*)", project.review("users", "add", "sara"))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        annotator = Annotator(page, Path(os.environ.get("QIRAT_SCREENSHOTS", tmp_path)))
        annotator.sign_in(project.url, name, password, "pairs")
        for _ in replies:
            annotator.prefers_the_adapters(replies)
        browser.close()

    assert project.review("pairs", "pull").startswith("2 answers, 2 of them new")
    found = {
        judgement.conversation_id: judgement for judgement in read_judgements(tmp_path / "data/review/pairs.jsonl")
    }
    for language, (ours, _) in replies.items():
        assert found[ids[language]].preferred == reply_hash(ours)
        assert found[ids[language]].annotator == "sara"
    assert project.review("pairs", "pull").startswith("2 answers, 0 of them new")
    assert project.review("pairs", "push").startswith("0 new, 0 changed, 0 set aside, 0 deleted")
    assert project.review("status").startswith("0 pending"), "the review itself is another data set"
