"""People's road through review, with the real Argilla server and a real browser."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.conversation import conversations, message
from curation.decision import read_decisions, write_decisions
from curation.personal_data import covered
from curation.review.server import process

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = os.environ.get("QIRAT_ARGILLA_ENVIRONMENT", str(REPOSITORY / ".qirat/argilla/environment"))
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync""".split()

ENGLISH = [
    message("user", "My blender arrived broken, order ZH-1042.\nCan you help? Call +966 55 123 4567"),
    message("assistant", "I am sorry. Returning it costs $49.90."),
    message("user", "Why should I pay?"),
    message("assistant", "You need not. Is there anything else?"),
]
ARABIC = [
    message("user", "وصلني الطلب متأخراً أسبوعين"),
    message("assistant", "نعتذر عن التأخير، ستصل البقية يوم الثلاثاء. هل هناك شيء آخر؟"),
]
HOSTILE = [
    message(
        "user",
        "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload='window.ran = 3'>"
        "![beacon](http://beacon.invalid/a.png) [link](javascript:window.ran=4) https://link.invalid "
        "$\\href{javascript:window.ran=5}{x}$\n```\nfence\n```\n    <embed src=http://beacon.invalid>",
    ),
    message("assistant", "1. one\n# two\n| a | b |\n|---|---|\n"),
]


@dataclass(frozen=True)
class Project:
    """A scratch project whose review commands run as a user runs them."""

    folder: Path

    def review(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "curation.review.commands", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "QIRAT_ARGILLA_ENVIRONMENT": ENVIRONMENT}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def home(self) -> Path:
        return self.folder / process.HOME

    @property
    def url(self) -> str:
        return (self.home / "url").read_text()

    def queue(self, **talks: Any) -> dict[str, str]:
        """Makes the queue of these conversations, named by language; returns name -> id."""
        rows = [
            {"row_id": f"f:{n}", "messages": talk, "language": name[:2], "source": "t", "label": "refund"}
            for n, (name, talk) in enumerate(talks.items())
        ]
        table = conversations(rows)
        for place, content in {
            "ingested/conversations": table,
            "routed/queue": table.select(
                "conversation_id",
                rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
                priority=pl.lit(0.5),
                reason=pl.lit("doubt"),
                codes=pl.lit(["ungrounded_fact"]),
                evidence=pl.lit(["ungrounded_fact: <img src=x onerror='window.ran = 6'>"]),
                verdict=pl.lit("review"),
            ),
        }.items():
            path = self.folder / "data" / f"{place}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            content.write_parquet(path)
        return dict(zip(talks, table["conversation_id"], strict=True))

    def api(self, method: str, place: str, body: Any = None) -> Any:
        """Argilla's own interface, as its owner."""
        key = process.credentials(self.home)["api_key"]
        headers = {"X-Argilla-Api-Key": key, "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api/v1/{place}", content, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    write_decisions([], tmp_path / "data/review/decisions.jsonl")
    project = Project(tmp_path)
    project.review("serve", "--background", "--port", "0")
    yield project
    project.review("stop")
    assert process.running(project.home) is None


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt install chromium)")
def test_an_annotator_decides_and_the_decisions_come_back(project: Project, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    ids = project.queue(en=ENGLISH, ar=ARABIC, en_hostile=HOSTILE)
    assert project.review("push").startswith("3 new")
    name, password = re.findall(r": (.*)", project.review("users", "add", "sara"))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        asked: list[Any] = []
        page.on("request", lambda request: asked.append(request))
        annotator = Annotator(page, Path(os.environ.get("QIRAT_SCREENSHOTS", tmp_path)))
        annotator.sign_in(project.url, name, password)

        seen = [annotator.decide() for _ in range(3)]
        annotator.reads_the_guidelines()

        assert page.evaluate("window.ran") is None
        abroad = [request for request in asked if not request.url.startswith((project.url, "data:", "blob:"))]
        assert {request.failure for request in abroad} <= {"csp"}, "the browser itself stops what the pages ask abroad"
        assert not [request.url for request in abroad if ".invalid" in request.url], "rows ask for nothing at all"
        browser.close()

    assert sorted(seen) == ["ar", "en", "en_hostile"]
    assert project.review("pull").startswith("3 new decisions")
    decided = {
        decision.conversation_id: decision for decision in read_decisions(tmp_path / "data/review/decisions.jsonl")
    }
    assert {name: decided[ids[name]].decision for name in ids} == {"en": "edit", "ar": "keep", "en_hostile": "drop"}
    corrected = decided[ids["en"]].messages
    assert corrected and [m["content"] for m in corrected] == [
        ENGLISH[0]["content"],
        "Returning it is free.",
        ENGLISH[2]["content"],
        ENGLISH[3]["content"],
    ]
    assert all(decision.annotators == ("sara",) for decision in decided.values())

    before = (tmp_path / "data/review/decisions.jsonl").read_bytes()
    assert project.review("pull").startswith("0 new decisions")
    assert (tmp_path / "data/review/decisions.jsonl").read_bytes() == before
    assert project.review("push").startswith("0 new, 0 changed, 0 retired")
    assert "sara: 3 submitted" in project.review("status")


@dataclass(frozen=True)
class Annotator:
    """Somebody at the screen: types, clicks, looks, and takes pictures."""

    page: Any
    pictures: Path

    def sign_in(self, url: str, name: str, password: str) -> None:
        self.page.goto(url)
        self.page.fill("input[type=text]", name)
        self.page.fill("input[type=password]", password)
        self.page.keyboard.press("Enter")
        self.page.get_by_text("review", exact=True).first.click()

    def decide(self) -> str:
        """Reads the conversation on the screen and answers it; returns which one it was."""
        bubbles = self.page.locator(".chat__bubble")
        bubbles.first.wait_for()
        words = bubbles.first.inner_text().splitlines()[0]
        if "blender" in words:
            name, direction, talk, decision = "en", "ltr", ENGLISH, "Edit"
        elif "الطلب" in words:
            name, direction, talk, decision = "ar", "rtl", ARABIC, "Keep"
        else:
            name, direction, talk, decision = "en_hostile", "ltr", HOSTILE, "Drop"
        self.photograph(name)
        self._reads(direction, bubbles, talk)
        self.page.get_by_text(re.compile(f"^{decision} ·")).first.click()
        if decision == "Edit":
            self.page.locator("[contenteditable]").first.click()
            self.page.keyboard.type("[2]\nReturning it is free.")
            self.photograph(f"{name}_edited")
        self.page.get_by_role("button", name=re.compile("Submit")).click()
        self.page.wait_for_function("words => !document.body.innerText.includes(words)", arg=words)
        return name

    def reads_the_guidelines(self) -> None:
        self.page.get_by_text("Guidelines").first.click()
        for heading, direction in {"How to correct": "ltr", "كيف تصحّح": "rtl"}.items():
            place = self.page.get_by_role("heading", name=heading)
            place.scroll_into_view_if_needed()
            assert place.evaluate("e => getComputedStyle(e).direction") == direction
            self.photograph(f"guidelines_{direction}")

    def photograph(self, name: str) -> None:
        self.page.wait_for_timeout(500)  # for what still moves into place
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def _reads(self, direction: str, bubbles: Any, talk: list[dict[str, Any]]) -> None:
        """The words stand there as written, personal data covered, laid out in the direction of the language."""
        for bubble, said in zip(bubbles.all(), covered(talk, ("SA",)), strict=True):
            shown = bubble.inner_text().split()
            assert shown[said["role"] == "assistant" :] == said["content"].split()  # less the number of a reply
            assert bubble.locator("a, img, svg, embed, script, code, table, ol, h1, .katex").count() == 0
            assert bubble.locator("p").first.evaluate("e => getComputedStyle(e).direction") == direction
        why = self.page.locator(".text_field_component li").first
        assert why.evaluate("e => getComputedStyle(e).direction") == direction


def test_answers_and_text_search_survive_a_killed_server(project: Project) -> None:
    ids = project.queue(en=ENGLISH, ar=ARABIC)
    project.review("push")
    [dataset] = project.api("GET", "me/datasets")["items"]
    place = f"datasets/{dataset['id']}/records"
    [arabic] = [r for r in project.api("GET", place)["items"] if r["external_id"] == ids["ar"]]
    answer = {"values": {"decision": {"value": "drop"}}, "status": "submitted"}
    project.api("POST", f"records/{arabic['id']}/responses", answer)

    victim = process.running(project.home)
    assert victim
    os.kill(victim, signal.SIGKILL)
    while process.running(project.home):
        time.sleep(0.05)
    project.review("serve", "--background", "--port", "0")

    assert project.review("status").startswith("1 pending, 1 completed")
    assert project.review("pull").startswith("1 new decisions")
    for words, expected in {"blender -parcel": ["en"], "متأخر* الثلاثاء": ["ar"], "nowhere": []}.items():
        query = {"query": {"text": {"q": words}}}
        found = project.api("POST", f"me/{place}/search", query)["items"]
        assert [item["record"]["external_id"] for item in found] == [ids[name] for name in expected], words

    project.queue(ar=ARABIC)  # the English one is no longer doubtful, the Arabic one is answered
    assert project.review("push").startswith("0 new, 0 changed, 1 retired")
    assert [r["external_id"] for r in project.api("GET", place)["items"]] == [ids["ar"]]


def test_secrets_are_their_owners_alone_and_no_default_user_exists(project: Project) -> None:
    readable_by_others = [p.name for p in project.home.iterdir() if p.stat().st_mode & 0o077]
    assert readable_by_others == []
    for name, secret in process.credentials(project.home).items():
        assert name == "username" or secret not in (project.home / "server.log").read_text()
    assert [user["username"] for user in project.api("GET", "users")["items"]] == ["owner"]
    request = urllib.request.Request(f"{project.url}/api/v1/version", headers={"Origin": "http://other.invalid"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers.get("Access-Control-Allow-Origin") is None
