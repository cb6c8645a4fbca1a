"""What somebody can do who has an annotator's key, no key, or an account on the same machine."""

import http.client
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from curation.harness.errors import QiratError
from curation.review.embedded import process
from tests.review.server.argilla import Api, Dataset, Person, dataset, metadata, record, terms


@pytest.fixture(scope="module")
def ours(owner: Api) -> Dataset:
    made = dataset(owner)
    made.write(record("a", "text", metadata={"purpose": "gold", "language": "en", "digest": "d"}), record("b", "text"))
    return made


@pytest.fixture(scope="module")
def theirs(owner: Api) -> tuple[Dataset, str]:
    made = dataset(owner)
    [written] = made.write(record("secret", "secret", vectors={"words": [1, 0, 0]}))
    return made, written["id"]


@pytest.fixture(scope="module")
def sara(ours: Dataset) -> Person:
    return ours.api.annotator(ours.workspace)


def test_an_annotator_sees_the_own_workspace_only(sara: Person, ours: Dataset, theirs: tuple[Dataset, str]) -> None:
    other, secret = theirs
    assert [item["id"] for item in sara.get("me/workspaces")["items"]] == [ours.workspace]
    assert [item["id"] for item in sara.get("me/datasets")["items"]] == [ours.id]
    asked: list[tuple[str, str, Any]] = [
        ("GET", other.place, None),
        ("GET", f"{other.place}/fields", None),
        ("GET", f"{other.place}/records", None),
        ("GET", f"{other.place}/progress", None),
        ("GET", f"me/{other.place}/metrics", None),
        ("POST", f"me/{other.place}/records/search", {}),
        ("POST", f"{other.place}/records/search", {}),
        ("POST", f"me/{other.place}/records/search", {"query": {"vector": {"name": "words", "value": [1, 0, 0]}}}),
        ("GET", f"records/{secret}", None),
        ("POST", f"records/{secret}/responses", {"values": {"decision": {"value": "keep"}}, "status": "submitted"}),
        ("GET", f"workspaces/{other.workspace}", None),
        ("GET", f"workspaces/{other.workspace}/users", None),
    ]
    for method, place, content in asked:
        assert sara.ask(method, place, json=content).status_code in (403, 404), place
    [refused] = sara.post("me/responses/bulk", {"items": [{"record_id": secret, "status": "discarded"}]})["items"]
    assert refused["item"] is None


def test_an_annotator_changes_nothing_but_the_own_answers(sara: Person, ours: Dataset) -> None:
    [known] = ours.search(query={"text": {"q": "text"}}, limit=1).ids
    key = next(item["id"] for item in ours.api.get(f"{ours.place}/records")["items"] if item["external_id"] == known)
    asked: list[tuple[str, str, Any]] = [
        ("GET", "users", None),
        ("POST", "users", {"first_name": "x", "username": "x", "role": "owner", "password": "12345678"}),
        ("PATCH", f"users/{sara.id}", {"role": "owner"}),
        ("POST", "workspaces", {"name": "x"}),
        ("POST", f"workspaces/{ours.workspace}/users", {"user_id": sara.id}),
        ("PUT", f"{ours.place}/records/bulk", {"items": [record("c", "text")]}),
        ("PATCH", f"records/{key}", {"metadata": {}}),
        ("DELETE", f"records/{key}", None),
        ("DELETE", f"{ours.place}/records?ids={key}", None),
        ("PATCH", ours.place, {"guidelines": "x"}),
        ("DELETE", ours.place, None),
        ("GET", f"{ours.place}/records", None),
        ("POST", f"{ours.place}/records/search", {}),
        ("POST", f"{ours.place}/questions", {"name": "q", "title": "q", "settings": {"type": "text"}}),
        ("POST", "webhooks", {"url": "http://127.0.0.1", "events": ["record.created"]}),
        ("GET", "webhooks", None),
    ]
    for method, place, content in asked:
        assert sara.ask(method, place, json=content).status_code == 403, f"{method} {place}"


def test_what_is_hidden_from_annotators_can_neither_be_read_nor_asked_for(sara: Person, ours: Dataset) -> None:
    found = sara.post(f"me/{ours.place}/records/search", {})["items"]
    assert all({*(item["record"]["metadata"] or {})} <= {"language"} for item in found)
    for item in found:
        alone = sara.get(f"records/{item['record']['id']}")
        assert {*(alone["metadata"] or {})} <= {"language"}, "what is hidden, or no property declares, is for owners"
        assert all(answer["user_id"] == sara.id for answer in alone["responses"])
    hidden = (
        {"filters": {"and": [terms(metadata("purpose"), "gold")]}},
        {"sort": [{"scope": metadata("purpose"), "order": "asc"}]},
        {"filters": {"and": [terms(metadata("digest"), "d")]}},
    )
    for asked in hidden:
        assert sara.ask("POST", f"me/{ours.place}/records/search", json=asked).status_code == 422
    assert ours.filtered(terms(metadata("purpose"), "gold")) == {"a"}
    assert ours.filtered(terms(metadata("language"), "en"), by=sara) == {"a"}


def test_nobody_gets_in_without_a_key_or_with_those_that_argilla_is_known_for(owner: Api) -> None:
    for key in ("", "argilla.apikey", "owner.apikey", "admin.apikey", "annotator.apikey"):
        assert Api(owner.url, key).ask("GET", "me").status_code == 401
    for name in ("argilla", "owner", "admin"):
        for password in ("12345678", "1234", name):
            assert login(owner, name, password).status_code in (401, 429)


@pytest.mark.parametrize(
    "origin",
    ["https://elsewhere.example", "null", "http://localhost:6900", "http://127.0.0.1:1", "https://موقع.example"],
)
def test_other_sites_are_not_let_in(owner: Api, origin: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-argilla-api-key"}
    for method, more in (("GET", {}), ("OPTIONS", asked)):
        answer = owner.ask(method, "me", headers={"Origin": origin.encode(), **more})
        assert "access-control-allow-origin" not in answer.headers


def test_no_cookie_and_no_address_lets_anybody_in(owner: Api, home: Path) -> None:
    known = process.credentials(home)
    answer = login(owner, known["username"], known["password"])
    assert "set-cookie" not in answer.headers, "a cookie would be sent along from other sites' pages"
    token = answer.json()["access_token"]
    nobody = Api(owner.url, "")
    for name, value in (("access_token", token), ("auth._token.local", f"Bearer {token}"), ("session", token)):
        headers = {"Cookie": f"{name}={value}", "Origin": "https://elsewhere.example", "Content-Type": "text/plain"}
        assert nobody.ask("POST", "workspaces", headers=headers, content='{"name": "forged"}').status_code == 401
        assert nobody.ask("GET", "me", params={name: value}).status_code == 401
    assert nobody.ask("GET", "me", params={"api_key": owner.key}).status_code == 401


UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "%252e%252e/", ".%00./", "....//", "..;/", "%c0%ae%c0%ae/")


@pytest.mark.parametrize("below", ["/", "/_nuxt/", "/api/v1/"])
def test_no_address_leads_out_of_the_pages(owner: Api, home: Path, below: str) -> None:
    """The pages lie below the home, with the owner's password two folders up."""
    secrets = [process.credentials(home)["api_key"], (home / "auth_secret").read_text(), "root:x:", "SQLite format"]
    connection = http.client.HTTPConnection(urlsplit(owner.url).netloc, timeout=60)
    names = ("credentials.json", "auth_secret", "argilla.db", "etc/passwd")
    places = [below + up * depth + name for up in UP for depth in (2, 3, 12) for name in names]
    places += [
        f"/{home}/credentials.json",
        f"/%2f{home}/credentials.json",
        f"/{'ب'.encode().hex()}%00",
        "/" + "a" * 3000,
    ]
    for place in places:
        connection.request("GET", place)
        answer = connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
        assert answer.status in (200, 400, 404, 405), place
        assert not any(secret in said for secret in secrets), place


def test_guessing_passwords_is_slowed_down_and_harms_only_who_is_guessed(owner: Api, ours: Dataset) -> None:
    guessed, other = ours.api.annotator(ours.workspace), ours.api.annotator(ours.workspace)
    for _ in range(3):
        assert login(owner, guessed.name, guessed.password).status_code == 201  # right ones are not counted
    answers = [login(owner, guessed.name, f"wrong-{n}") for n in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
    assert login(owner, guessed.name, guessed.password).status_code == 429
    assert login(owner, other.name, other.password).status_code == 201
    assert guessed.ask("GET", "me").status_code == 200  # the key still works


def test_everything_in_the_home_is_its_owners_alone(home: Path) -> None:
    open_to_others = [path for path in [home, *home.rglob("*")] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []


def test_secrets_and_words_are_in_no_log(home: Path, owner: Api, ours: Dataset) -> None:
    secret = "utterly-secret-words"
    owner.ask("PUT", f"{ours.place}/records/bulk", json={"items": [{"fields": {"chat": secret, "no": secret}}]})
    owner.ask("POST", "token", json={"username": secret, "password": secret})
    owner.ask("PATCH", "users/not-an-id", json={"password": secret})
    owner.ask("POST", f"{ours.place}/records/search", json={"filters": {"and": [{"type": secret}]}})
    logged = "".join(path.read_text() for path in home.glob("*.log*"))
    known = process.credentials(home)
    assert "RequestValidationError" in logged  # something was logged about them
    for unwanted in (secret, known["password"], known["api_key"], (home / "auth_secret").read_text()):
        assert unwanted not in logged


def test_a_second_server_on_the_same_home_is_refused(home: Path, owner: Api) -> None:
    assert process.serve_in_background(0, home) == owner.url
    with pytest.raises(QiratError, match="runs already"):
        process.serve(0, home)


def login(api: Api, name: str, password: str) -> httpx.Response:
    return api.ask("POST", "token", data={"username": name, "password": password})
