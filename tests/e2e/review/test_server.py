"""What the real Argilla server keeps when it is killed, when data changes and when several write at once."""

import os
import signal
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from curation.core.record.conversation import message
from curation.review.embedded import process
from tests.e2e.review.conftest import ARABIC, ENGLISH, Project
from tests.review.server.argilla import Api, Person


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
    assert project.review("pull").startswith("1 new answers, 1 new decisions")
    for words, expected in {"blender -parcel": ["en"], "متأخر* الثلاثاء": ["ar"], "zeppelin": []}.items():
        query = {"query": {"text": {"q": words}}}
        found = project.api("POST", f"me/{place}/search", query)["items"]
        assert [item["record"]["external_id"] for item in found] == [ids[name] for name in expected], words

    project.queue(ar=ARABIC)  # the data has the English one no more, the Arabic one is answered
    assert project.review("push").startswith("0 new, 0 changed, 0 set aside, 1 deleted")
    assert [r["external_id"] for r in project.api("GET", place)["items"]] == [ids["ar"]]


def test_what_is_no_longer_doubted_is_set_aside_comes_back_and_is_shown_as_it_is_doubted(project: Project) -> None:
    ids = project.queue(en=ENGLISH, ar=ARABIC)
    project.review("push")
    owner = Api(project.url, process.credentials(project.home)["api_key"])
    place = f"datasets/{owner.get('me/datasets')['items'][0]['id']}/records"

    def held() -> dict[str, Any]:
        items = owner.get(place, params={"include": "suggestions"})["items"]
        return {item["external_id"]: item for item in items}

    queue = project.folder / "data/routed/queue.parquet"
    project.queue(turn=None, en=ENGLISH, ar=ARABIC)  # the conversation as a whole is doubted, no single reply
    pl.read_parquet(queue).filter(conversation_id=ids["ar"]).write_parquet(queue)
    assert project.review("push").startswith("0 new, 1 changed, 1 set aside, 0 deleted, 0 as")
    assert project.review("push").startswith("0 new, 0 changed, 0 set aside, 0 deleted, 1 as")
    assert project.review("status").startswith("1 pending, 0 completed, 1 set aside")
    assert held()[ids["ar"]]["suggestions"] == [], "there is nothing to edit in place any more"
    assert held()[ids["en"]]["metadata"]["aside"] and held()[ids["en"]]["fields"]["conversation"]

    project.queue(en=ENGLISH, ar=ARABIC)
    assert project.review("push").startswith("0 new, 2 changed, 0 set aside, 0 deleted, 0 as")
    assert all(len(item["suggestions"]) == 1 and "aside" not in item["metadata"] for item in held().values())


def test_pushes_killed_while_people_answer_end_with_every_record_once_and_every_answer(project: Project) -> None:
    talks = {f"en_{n}": [message("user", f"Where is order {n}?"), message("assistant", "Soon.")] for n in range(450)}
    project.queue(**dict(list(talks.items())[:20]))
    project.review("push")
    owner = Api(project.url, process.credentials(project.home)["api_key"])
    place = f"datasets/{owner.get('me/datasets')['items'][0]['id']}/records"
    [workspace] = owner.get("me/workspaces")["items"]
    people = [owner.annotator(workspace["id"]) for _ in range(3)]
    ids = project.queue(**talks)

    done = threading.Event()
    with ThreadPoolExecutor() as pool:
        working = [pool.submit(answers_until, done, person, place) for person in people]
        for point in (100, 300):
            push = project.start("push")
            while push.poll() is None and owner.get(place, params={"limit": 1})["total"] < point:
                time.sleep(0.02)
            push.kill()
            push.wait()
        project.review("push")
        done.set()
        acknowledged = {
            (person.id, record) for person, one in zip(people, working, strict=True) for record in one.result()
        }

    held = owner.get(place, params={"limit": 1000, "include": "responses"})["items"]
    assert sorted(item["external_id"] for item in held) == sorted(ids.values())
    given = [(response["user_id"], item["id"]) for item in held for response in item["responses"]]
    assert len(given) > 20 and sorted(given) == sorted(acknowledged)
    assert project.review("push").startswith("0 new, 0 changed, 0 set aside, 0 deleted, 450")


def answers_until(done: threading.Event, person: Person, place: str) -> set[str]:
    """Somebody who answers whatever is there; returns the records whose answers the server took."""
    pending = {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": ["pending"]}
    taken: set[str] = set()
    while not done.is_set():
        found = person.post(f"me/{place}/search", {"filters": {"type": "and", "and": [pending]}})["items"]
        for item in found[:5]:
            assert person.answer(item["record"]["id"], "keep").status_code == 201
            taken.add(item["record"]["id"])
    return taken


def test_secrets_are_their_owners_alone_and_no_default_user_exists(project: Project) -> None:
    readable_by_others = [p.name for p in project.home.iterdir() if p.stat().st_mode & 0o077]
    assert readable_by_others == []
    for name, secret in process.credentials(project.home).items():
        assert name == "username" or secret not in (project.home / "server.log").read_text()
    assert [user["username"] for user in project.api("GET", "users")["items"]] == ["owner"]
    request = urllib.request.Request(f"{project.url}/api/v1/version", headers={"Origin": "http://other.invalid"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers.get("Access-Control-Allow-Origin") is None
