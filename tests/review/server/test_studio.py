"""The embedded Label Studio: what annotators can and cannot do, and see, in a real browser. STUDIO=1 runs it."""

import http.client
import os
import stat
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from curation.consensus.consensus import Review
from curation.review.embedded import process
from curation.review.embedded.process import Address
from curation.review.pairs import pairs_form
from curation.review.present import answers
from curation.review.push import push
from curation.review.studio_client import StudioPeople, StudioServer
from tests.e2e.browser import BROWSER
from tests.e2e.conftest import browser  # noqa: F401 - a fixture
from tests.review.server.studio import Session, signed_in
from tests.review.server.test_backends import COUNTRIES, TALKS, queue

pytestmark = pytest.mark.skipif("STUDIO" not in os.environ, reason="STUDIO=1 runs it (make studio)")


@pytest.fixture
def server(studio: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudioServer:
    """With the queue of all conversations."""
    monkeypatch.chdir(tmp_path)
    queue(tmp_path)
    params = Review(workspace=f"w{uuid.uuid4().hex[:8]}", min_submitted=2)
    made = StudioServer(studio, params)
    push(made, params, COUNTRIES)
    return made


@pytest.fixture
def person(server: StudioServer, studio: Address) -> Session:
    assert server._project
    name = f"سارة{uuid.uuid4().hex[:6]}"
    return signed_in(studio.url, name, server.add_annotator(name), server._project["id"])


def test_an_annotator_answers_and_changes_nothing_else(person: Session, server: StudioServer, studio: Address) -> None:
    task = person.next()
    assert task and person.answer(task["id"], decision="keep").status_code == 201
    [theirs] = [r for one in server.present() if one.id == str(task["id"]) for r in one.responses]
    assert theirs["values"] == {"decision": {"value": "keep"}}
    number = person.project
    asked = [
        ("GET", f"/api/projects/{number}/export?exportType=JSON&download_all_tasks=true", None),
        ("POST", f"/api/projects/{number}/import", [{"data": {"conversation": "x"}}]),
        ("PATCH", f"/api/projects/{number}/", {"expert_instruction": "x"}),
        ("DELETE", f"/api/projects/{number}/", None),
        ("POST", "/api/projects/", {"title": "x"}),
        ("DELETE", f"/api/tasks/{task['id']}/", None),
        ("PATCH", f"/api/tasks/{task['id']}/", {"data": {}}),
        ("POST", f"/api/dm/actions/?id=delete_tasks&project={number}", {"selectedItems": {"all": True}}),
        ("POST", f"/api/dm/actions/?id=next_task&id=delete_tasks&project={number}", {"selectedItems": {"all": True}}),
        ("GET", f"/qirat/records/{number}/", None),
        ("GET", "/qirat/people/", None),
        ("POST", "/qirat/people/", {"name": "x", "password": "y"}),
        ("GET", "/api/invite", None),
        ("GET", "/api/current-user/token", None),
        ("POST", "/api/token/", {}),
        ("POST", "/api/users/", {"email": "x@localhost"}),
        ("POST", "/api/storages/localfiles", {"project": number, "path": "/etc"}),
        ("POST", "/api/storages/s3", {"project": number, "bucket": "b"}),
        ("POST", "/api/ml/", {"project": number, "url": "http://127.0.0.1"}),
        ("POST", "/api/webhooks/", {"url": "http://127.0.0.1"}),
        ("GET", "/admin/", None),
        ("GET", "/data/local-files/?d=etc/passwd", None),
    ]
    for method, place, content in asked:
        assert person.http.request(method, place, json=content).status_code == 403, f"{method} {place}"
    assert len(server.present()) == len(TALKS)


def test_an_annotator_sees_neither_what_others_said_nor_why_a_row_is_there(
    server: StudioServer, studio: Address, person: Session
) -> None:
    assert server._project
    task = person.next()
    assert task
    given = person.answer(task["id"], decision="drop").json()
    other = f"omar{uuid.uuid4().hex[:6]}"
    second = signed_in(studio.url, other, server.add_annotator(other), person.project)
    seen = second.http.get(f"/api/tasks/{task['id']}/", params={"project": person.project}).json()
    assert seen["annotations"] == [] and "meta" not in seen and "annotators" not in seen
    assert not {"purpose", "round", "digest", "codes"} & {*seen["data"]}
    assert second.http.get(f"/api/annotations/{given['id']}/").status_code == 403
    assert second.http.patch(f"/api/annotations/{given['id']}/", json={"result": []}).status_code == 403
    filters = {"conjunction": "and", "items": [{"filter": "filter:tasks:annotations_results"}]}
    probing = {"params": {"id": "next_task", "project": person.project}, "json": {"filters": filters}}
    assert second.http.post("/api/dm/actions/", **probing).status_code == 403
    assert second.http.get("/api/tasks/", params={"project": person.project}).json()["total"] == 0


def test_nobody_gets_in_without_an_account_and_who_is_removed_is_out(
    server: StudioServer, studio: Address, person: Session
) -> None:
    assert server._project
    with httpx.Client(base_url=studio.url, trust_env=False, timeout=60) as nobody:
        assert nobody.get("/api/projects/").status_code == 401
        assert nobody.post("/user/signup/", data={"email": "x@y.example", "password": "long-enough"}).status_code == 403
        assert nobody.get("/api/projects/", headers={"Host": "elsewhere.example"}).status_code == 400
        origin = {"Origin": "https://elsewhere.example", "Authorization": f"Token {studio.api_key}"}
        assert "access-control-allow-origin" not in nobody.get("/api/projects/", headers=origin).headers
    people = StudioPeople(studio)
    name = next(one.name for one in people.all() if one.name.startswith("سارة") and one.member)
    people.remove(name)
    assert [one.member for one in people.all() if one.name == name] == [False]
    password = people.readmit(name)
    assert password and signed_in(studio.url, name, password, person.project).http.get("/api/projects/").is_success
    for _ in range(5):
        with pytest.raises(AssertionError, match="password"):
            signed_in(studio.url, name, "wrong")
    with pytest.raises(AssertionError, match="password"):
        signed_in(studio.url, name, password)  # who guesses waits, and so does whoever is right


def test_pages_are_for_this_machine_and_run_their_own_scripts(studio: Address) -> None:
    host = urlsplit(studio.url)
    connection = http.client.HTTPConnection("127.0.0.2", host.port, timeout=5)
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/user/login/")
    page = httpx.get(f"{studio.url}/user/login/", trust_env=False)
    policy = page.headers["content-security-policy"]
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0] and "http" not in policy


def test_pairs_have_their_own_project(server: StudioServer, studio: Address, tmp_path: Path) -> None:
    params = server._params
    pairs = StudioServer(studio, params, pairs_form(params))
    assert pairs.present() == []
    pairs.make_dataset()
    record: dict[str, Any] = {"external_id": "p1", "metadata": {"language": "ar", "rank": 1, "digest": "d"}}
    fields = {"conversation": [{"role": "user", "content": "مرحبا"}], "reply_a": "أ", "reply_b": "ب"}
    pairs.write([record | {"fields": fields, "corrected": None, "vectors": {}}])
    assert [one.external_id for one in pairs.present()] == ["p1"] and len(server.present()) == len(TALKS)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")
def test_people_read_and_answer_with_the_keyboard_and_no_row_runs(
    server: StudioServer,
    studio: Address,
    browser: Any,  # noqa: F811
) -> None:
    assert server._project
    name = f"nour{uuid.uuid4().hex[:6]}"
    password, asked = server.add_annotator(name), list[str]()
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{studio.url}/user/login/")
    page.fill("input[name=email]", name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url("**/projects/**")
    page.goto(f"{studio.url}/projects/{server._project['id']}/data/")  # leads to the next conversation
    page.get_by_text("Labeling Instructions").wait_for()
    page.keyboard.press("Escape")
    for talk in TALKS.values():
        said = str(talk[0]["content"]).split("\n")[0][:20]
        page.locator(".qirat-turn", has_text=said).first.wait_for()
        assert page.evaluate("window.ran") is None
        for key, chosen in (("2", "Edit"), ("w", "Invented")):
            choose(page, key, chosen)
        page.keyboard.press("Control+Enter")
        page.locator(".qirat-turn", has_text=said).first.wait_for(state="detached")
    people = {key: key for key in server.usernames()}
    given = [one for one in answers(server.present(), people) if one.annotator == f"{name}@localhost"]
    assert [(one.decision, one.reasons) for one in given] == [("edit", ("invented_fact",))] * len(TALKS)
    assert sum(one.corrected.startswith("[2]\n") for one in given) == 5, "the doubted reply is there to be mended"
    assert [url for url in asked if not url.startswith((studio.url, "data:", "blob:"))] == []


def choose(page: Any, key: str, chosen: str) -> None:
    """Presses a key once the page listens to it: it draws the conversation first and takes the keys a moment later."""
    box = page.locator("label", has_text=chosen).locator("input").first
    for _ in range(50):
        if box.is_checked():
            return
        page.keyboard.press(key)
        page.wait_for_timeout(200)
    raise AssertionError(f"{key} does not choose {chosen}")


def test_the_home_is_the_owners_alone(studio: Address, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.getbasetemp() / "studio0" / "home"
    assert process.credentials(home)["api_key"] == studio.api_key
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert not any(mode & 0o077 for mode in modes.values()), modes
    assert "ungrounded" not in (home / "server.log").read_text("utf-8")
