"""What Qirat and its annotators rely on from Argilla's search, whichever engine is behind it.

QIRAT_TEST_ARGILLA_URL=https://… QIRAT_TEST_ARGILLA_API_KEY=… pytest tests/review/server/test_contract.py

points it at another server, such as one backed by Elasticsearch; it makes workspaces, data sets and users there.
"""

import os
from typing import Any

import pytest

from tests.review.server.argilla import Api, Dataset, Person, between, dataset, metadata, record, terms

embedded_only = pytest.mark.skipif(
    "QIRAT_TEST_ARGILLA_URL" in os.environ, reason="more than Elasticsearch's standard analyzer does"
)


@pytest.fixture(scope="module")
def texts(any_argilla: Api) -> Dataset:
    made = dataset(any_argilla)
    made.write(
        record("late", "the parcel arrived late", why="price, promise"),
        record("broken", "The parcel is broken, refund me"),
        record("arabic", "الطلب متأخر أسبوعين", why="وعد"),
        record("marked", "وَصَلَ الطَّلَبُ مكسورًا إلى المدينة"),
        record("code", "order ZH-1042 for a@b.example"),
    )
    return made


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("parcel", {"late", "broken"}),
        ("PARCEL", {"late", "broken"}),
        ("parcel late", {"late"}),
        ("late parcel", {"late"}),
        ("late | broken", {"late", "broken"}),
        ("parcel -late", {"broken"}),
        ('"parcel is"', {"broken"}),
        ('"is parcel"', set()),
        ("arriv*", {"late"}),
        ("1042", {"code"}),
        ("nowhere", set()),
        ("الطلب", {"arabic"}),
        ('"الطلب متأخر"', {"arabic"}),
        ("متأخر | مكسورًا", {"arabic", "marked"}),
        ("أسبوع*", {"arabic"}),
    ],
)
def test_words_find_records(texts: Dataset, q: str, expected: set[str]) -> None:
    found = texts.text(q)
    assert found - {"marked"} == expected - {"marked"} and expected <= found


@embedded_only
@pytest.mark.parametrize("q", ["الطلب", "الي المدينه", "مكسورا", "إلى المدينة", "الـطـلـب"])
def test_arabic_is_found_however_it_is_spelled(texts: Dataset, q: str) -> None:
    assert "marked" in texts.text(q)


def test_words_can_be_sought_in_one_field(texts: Dataset) -> None:
    assert texts.text("promise", field="why") == {"late"}
    assert texts.text("promise", field="chat") == set()
    assert texts.api.ask(
        "POST", f"{texts.place}/records/search", json={"query": {"text": {"q": "a", "field": "no"}}}
    ).is_client_error


def test_who_said_it_is_not_a_word(texts: Dataset) -> None:
    assert texts.text("assistant") == set()


def test_replaced_words_are_found_and_their_former_ones_not(any_argilla: Api) -> None:
    made = dataset(any_argilla)
    made.write(record("a", "first"), record("b", "first"))
    made.write(record("a", "second"))
    assert (made.text("first"), made.text("second")) == ({"b"}, {"a"})
    [gone] = [item["id"] for item in any_argilla.get(f"{made.place}/records")["items"] if item["external_id"] == "b"]
    any_argilla.delete(f"records/{gone}")
    assert made.text("first") == set()


# -- filters, sorts, counts --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reviewed(any_argilla: Api) -> tuple[Dataset, dict[str, str], Person, Person]:
    """Six records, of which two annotators have answered some."""
    made = dataset(any_argilla, min_submitted=2)
    suggested = [("keep", 0.9, "model-a"), ("drop", 0.2, "model-b")]
    suggestions = [
        [{"question_id": made.question, "value": value, "score": score, "agent": agent}]
        for value, score, agent in suggested
    ]
    about: list[dict[str, Any]] = [
        {"metadata": {"language": "en", "rank": 1, "priority": 0.5}, "suggestions": suggestions[0]},
        {"metadata": {"language": "ar", "rank": 2, "priority": 0.25}, "suggestions": suggestions[1]},
        {"metadata": {"language": ["en", "ar"], "rank": 3, "priority": 1.5}},
        {"metadata": {"language": "fr", "rank": 30}},
        {"metadata": {"rank": 10, "purpose": "gold"}},
        {},
    ]
    written = made.write(*(record(f"r{n}", f"text {n}", **details) for n, details in enumerate(about)))
    ids = {item["external_id"]: item["id"] for item in written}
    sara, omar = made.api.annotator(made.workspace), made.api.annotator(made.workspace)
    for person, key, decision, status in (
        (sara, "r0", "keep", "submitted"),
        (omar, "r0", "drop", "submitted"),
        (sara, "r1", "drop", "submitted"),
        (sara, "r2", "edit", "draft"),
        (omar, "r3", "keep", "discarded"),
    ):
        assert person.answer(ids[key], decision, status).is_success
    return made, ids, sara, omar


Reviewed = tuple[Dataset, dict[str, str], Person, Person]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (terms(metadata("language"), "en"), "r0 r2"),
        (terms(metadata("language"), "en", "fr"), "r0 r2 r3"),
        (terms(metadata("language"), "EN"), ""),
        (between(metadata("rank"), ge=2, le=10), "r1 r2 r4"),
        (between(metadata("rank"), ge=4), "r3 r4"),
        (between(metadata("priority"), le=0.5), "r0 r1"),
        (terms({"entity": "record", "property": "status"}, "completed"), "r0"),
        (terms({"entity": "record", "property": "status"}, "pending"), "r1 r2 r3 r4 r5"),
        (terms({"entity": "record", "property": "external_id"}, "r4", "r9"), "r4"),
        (between({"entity": "record", "property": "inserted_at"}, ge="2001-01-01T00:00:00"), "r0 r1 r2 r3 r4 r5"),
        (between({"entity": "record", "property": "inserted_at"}, le="2001-01-01T00:00:00"), ""),
        (terms({"entity": "response", "property": "status"}, "submitted"), "r0 r1"),
        (terms({"entity": "response", "property": "status"}, "pending"), "r4 r5"),
        (terms({"entity": "response", "property": "status"}, "discarded", "pending"), "r3 r4 r5"),
        (terms({"entity": "response", "question": "decision"}, "drop"), "r0 r1"),
        (terms({"entity": "suggestion", "question": "decision", "property": "value"}, "keep"), "r0"),
        (terms({"entity": "suggestion", "question": "decision", "property": "agent"}, "model-b"), "r1"),
        (between({"entity": "suggestion", "question": "decision", "property": "score"}, ge=0.5), "r0"),
    ],
)
def test_filters_let_through(reviewed: Reviewed, asked: dict[str, Any], expected: str) -> None:
    assert reviewed[0].filtered(asked) == set(expected.split())


def test_filters_hold_together_and_with_words(reviewed: Reviewed) -> None:
    made = reviewed[0]
    english, early = terms(metadata("language"), "en"), between(metadata("rank"), le=2)
    assert made.filtered(english, early) == {"r0"}
    assert made.text("text", filters={"and": [english]}) == {"r0", "r2"}
    assert made.text("2", filters={"and": [english, early]}) == set()


def test_a_filter_by_what_is_not_there_is_refused(reviewed: Reviewed) -> None:
    made = reviewed[0]
    for scope in (metadata("no"), {"entity": "response", "question": "no"}):
        asked = {"filters": {"and": [terms(scope, "x")]}}
        assert made.api.ask("POST", f"{made.place}/records/search", json=asked).status_code == 422


def test_annotators_filter_by_their_own_answers(reviewed: Reviewed) -> None:
    made, _, sara, omar = reviewed
    submitted = terms({"entity": "response", "property": "status"}, "submitted")
    pending = terms({"entity": "response", "property": "status"}, "pending")
    drop = terms({"entity": "response", "question": "decision"}, "drop")
    assert made.filtered(submitted, by=sara) == {"r0", "r1"}
    assert made.filtered(submitted, by=omar) == {"r0"}
    assert made.filtered(pending, by=sara) == {"r3", "r4", "r5"}
    assert made.filtered(drop, by=sara) == {"r1"}
    assert made.filtered(drop, by=omar) == {"r0"}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (metadata("rank"), "r0 r1 r2 r4 r3"),
        (metadata("priority"), "r1 r0 r2"),
        ({"entity": "record", "property": "external_id"}, "r0 r1 r2 r3 r4 r5"),
        ({"entity": "suggestion", "question": "decision", "property": "score"}, "r1 r0"),
    ],
)
def test_sorts_go_either_way_with_missing_values_last(reviewed: Reviewed, scope: dict[str, Any], expected: str) -> None:
    known = expected.split()
    for order, wanted in (("asc", known), ("desc", known[::-1])):
        found = reviewed[0].search(sort=[{"scope": scope, "order": order}]).ids
        assert found[: len(wanted)] == wanted and len(found) == 6


def test_a_second_sort_breaks_ties_of_the_first(reviewed: Reviewed) -> None:
    status = {"scope": {"entity": "record", "property": "status"}, "order": "asc"}
    rank = {"scope": metadata("rank"), "order": "desc"}
    assert reviewed[0].search(sort=[status, rank]).ids == ["r0", "r3", "r4", "r2", "r1", "r5"]


def test_progress_and_metrics_count(reviewed: Reviewed) -> None:
    made, _, sara, _ = reviewed
    progress = made.api.get(f"{made.place}/progress")
    assert (progress["total"], progress["completed"], progress["pending"]) == (6, 1, 5)
    mine = sara.get(f"me/{made.place}/metrics")["responses"]
    assert (mine["total"], mine["submitted"], mine["pending"]) == (6, 2, 3)
    properties = {item["name"]: item["id"] for item in made.api.get(f"me/{made.place}/metadata-properties")["items"]}
    metrics = {name: made.api.get(f"metadata-properties/{key}/metrics") for name, key in properties.items()}
    assert (metrics["rank"]["min"], metrics["rank"]["max"]) == (1, 30)
    assert (metrics["priority"]["min"], metrics["priority"]["max"]) == (0.25, 1.5)
    assert {value["term"]: value["count"] for value in metrics["language"]["values"]} == {"en": 2, "ar": 2, "fr": 1}
    assert metrics["language"]["total"] == 5


def test_an_answer_changed_or_taken_back_counts_as_it_stands(any_argilla: Api) -> None:
    made = dataset(any_argilla)
    [written] = made.write(record("a", "text"))
    sara = any_argilla.annotator(made.workspace)
    status = {"entity": "response", "property": "status"}
    answer = sara.answer(written["id"], "keep").json()
    assert made.filtered(terms(status, "submitted"), by=sara) == {"a"}
    assert any_argilla.get(f"{made.place}/progress")["completed"] == 1
    sara.delete(f"responses/{answer['id']}")
    assert made.filtered(terms(status, "pending"), by=sara) == {"a"}
    assert any_argilla.get(f"{made.place}/progress")["completed"] == 0


@pytest.mark.parametrize("annotator", [False, True])
def test_pages_show_every_record_once(any_argilla: Api, annotator: bool) -> None:
    made = dataset(any_argilla)
    keys = {f"k{n}" for n in range(57)}
    made.write(*(record(key, "text") for key in sorted(keys)))
    by = any_argilla.annotator(made.workspace) if annotator else None
    pages = [made.search(by, offset=offset, limit=10) for offset in range(0, 60, 10)]
    assert sorted(key for page in pages for key in page.ids) == sorted(keys)
    assert {page.total for page in pages} == {57}
    assert made.search(by, offset=60).ids == []


# -- find similar ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def placed(any_argilla: Api) -> tuple[Dataset, dict[str, str]]:
    made = dataset(any_argilla)
    vectors = {"east": [1, 0, 0], "far-east": [7, 0.7, 0], "north": [0, 1, 0], "west": [-1, 0, 0]}
    written = made.write(
        *(
            record(key, f"text {key}", vectors={"words": vector}, metadata={"language": key[0]})
            for key, vector in vectors.items()
        ),
        record("nowhere", "text"),
    )
    return made, {item["external_id"]: item["id"] for item in written}


Placed = tuple[Dataset, dict[str, str]]


def similar(**asked: Any) -> dict[str, Any]:
    return {"vector": {"name": "words", **asked}}


def test_the_most_similar_come_first_with_half_of_one_plus_cosine(placed: Placed) -> None:
    found = placed[0].search(query=similar(value=[2, 0, 0]))
    assert found.ids == ["east", "far-east", "north", "west"]
    assert found.scores == pytest.approx([1, (1 + 7 / 49.49**0.5) / 2, 0.5, 0], abs=1e-3)


def test_the_least_similar_are_the_most_similar_to_the_opposite(placed: Placed) -> None:
    found = placed[0].search(query=similar(value=[2, 0, 0], order="least_similar"))
    assert found.ids == ["west", "north", "far-east", "east"]
    assert found.scores == sorted(found.scores, reverse=True)


def test_records_similar_to_a_record_leave_it_out(placed: Placed) -> None:
    made, ids = placed
    assert made.search(query=similar(record_id=ids["north"])).ids[0] == "far-east"
    sara = made.api.annotator(made.workspace)
    assert made.search(sara, query=similar(record_id=ids["east"])).ids == ["far-east", "north", "west"]


def test_similar_records_pass_filters_and_words(placed: Placed) -> None:
    made, ids = placed
    wanted = {"and": [terms(metadata("language"), "n", "w")]}
    assert made.search(query=similar(value=[2, 0, 0]), filters=wanted).ids == ["north", "west"]
    assert made.search(query={"text": {"q": "west"}, **similar(value=[2, 0, 0])}).ids == ["west"]
    assert made.search(query=similar(record_id=ids["east"]), limit=2).ids == ["far-east", "north"]


def test_pages_of_similar_records_follow_each_other(placed: Placed) -> None:
    pages = [placed[0].search(query=similar(value=[2, 0, 0]), offset=offset, limit=2).ids for offset in (0, 2)]
    assert pages == [["east", "far-east"], ["north", "west"]]


def test_similar_to_what_is_not_there_is_refused(placed: Placed) -> None:
    made, ids = placed
    for asked in ({"name": "no", "value": [1, 0, 0]}, {"name": "words", "record_id": ids["nowhere"]}):
        answer = made.api.ask("POST", f"{made.place}/records/search", json={"query": {"vector": asked}})
        assert answer.status_code == 422


def test_find_similar_follows_what_is_written_and_deleted(any_argilla: Api) -> None:
    made = dataset(any_argilla)
    first, _ = made.write(
        record("a", "text", vectors={"words": [1, 0, 0]}), record("b", "text", vectors={"words": [0.5, 0.5, 0]})
    )
    assert made.search(query=similar(value=[1, 0, 0])).ids == ["a", "b"]
    made.write(record("a", "text", vectors={"words": [0, 0, 1]}), record("c", "text", vectors={"words": [1, 0.1, 0]}))
    assert made.search(query=similar(value=[1, 0, 0])).ids == ["c", "b", "a"]
    any_argilla.delete(f"records/{first['id']}")
    assert made.search(query=similar(value=[1, 0, 0])).ids == ["c", "b"]
