import uuid

import pytest

from curation.harness.errors import QiratError
from curation.review.embedded.people import People
from curation.review.embedded.process import Address
from tests.review.server.argilla import Api, Dataset, Person, dataset, record
from tests.review.server.test_security import login


@pytest.fixture
def made(owner: Api) -> Dataset:
    return dataset(owner)


@pytest.fixture
def people(owner: Api, made: Dataset) -> People:
    name = next(item["name"] for item in owner.get("me/workspaces")["items"] if item["id"] == made.workspace)
    return People(Address(owner.url, owner.key), name)


def test_who_is_removed_gets_in_no_more_and_the_answers_stay(people: People, made: Dataset) -> None:
    [written] = made.write(record("a", "text"))
    sara = made.api.annotator(made.workspace)
    assert sara.answer(written["id"], "keep").is_success
    people.remove(sara.name)
    assert login(made.api, sara.name, sara.password).status_code == 401
    assert sara.get("me/datasets")["items"] == []
    assert sara.ask("POST", f"me/{made.place}/records/search", json={}).status_code == 403
    [kept] = made.api.get(f"{made.place}/records", params={"include": "responses"})["items"]
    assert [response["user_id"] for response in kept["responses"]] == [sara.id]
    assert [(p.member, p.role) for p in people.all() if p.name == sara.name] == [(False, "annotator")]
    people.remove(sara.name)  # again does nothing

    password = people.readmit(sara.name)
    assert password and login(made.api, sara.name, password).status_code == 201
    assert made.search(sara).ids == ["a"]
    assert people.readmit(sara.name) is None


def test_a_new_password_takes_the_place_of_the_old_one(people: People, made: Dataset) -> None:
    sara: Person = made.api.annotator(made.workspace)
    password = people.reset_password(sara.name)
    assert login(made.api, sara.name, password).status_code == 201
    assert login(made.api, sara.name, sara.password).status_code == 401


def test_owners_and_strangers_are_not_changed_from_here(people: People, made: Dataset) -> None:
    with pytest.raises(QiratError, match="owner"):
        people.remove("owner")
    lead = {"first_name": "l", "username": f"l{uuid.uuid4().hex[:8]}", "role": "admin", "password": uuid.uuid4().hex}
    made.api.post("users", lead)
    assert people.readmit(lead["username"]) is None, "no new password for somebody who is no annotator"
    assert login(made.api, lead["username"], lead["password"]).status_code == 201
    with pytest.raises(QiratError, match="users list"):
        people.reset_password("nobody")
