import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.review.embedded.sqlite_argilla.text_query import text_match

TEXTS = {1: "the parcel arrived late", 2: "the parcel is broken", 3: "الطلب متأخر", 4: "طلب جديد"}


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE texts USING fts5(f0, f1)")
    database.executemany("INSERT INTO texts (rowid, f0, f1) VALUES (?, ?, 'same')", TEXTS.items())
    return database


def found(index: sqlite3.Connection, query: str, column: str | None = None) -> set[int]:
    match = text_match(query, column)
    rows = (
        {n for (n,) in index.execute("SELECT rowid FROM texts WHERE texts MATCH ?", [match.wanted])}
        if match.wanted
        else set(TEXTS)
    )
    if match.unwanted:
        rows -= {n for (n,) in index.execute("SELECT rowid FROM texts WHERE texts MATCH ?", [match.unwanted])}
    return rows


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("parcel", {1, 2}),
        ("parcel late", {1}),
        ("late | broken", {1, 2}),
        ("parcel -late", {2}),
        ("-parcel", {3, 4}),
        ('"parcel is"', {2}),
        ('"is parcel"', set()),
        ("arriv*", {1}),
        ("الطلب", {3}),
        ("متأخر | جديد", {3, 4}),
        ("NOT", set()),
        ("late OR", set()),
    ],
)
def test_a_query_finds_what_argilla_says_it_means(index: sqlite3.Connection, query: str, expected: set[int]) -> None:
    assert found(index, query) == expected


def test_a_query_can_be_limited_to_one_field(index: sqlite3.Connection) -> None:
    assert found(index, "same", "f1") == set(TEXTS)
    assert found(index, "same", "f0") == set()


def test_nothing_but_punctuation_asks_for_nothing() -> None:
    assert text_match('?! - "" *').wanted is None


@given(
    st.text(
        st.one_of(st.sampled_from("\"'*|-() :^ab"), st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    )
)
def test_no_input_is_a_syntax_error(query: str) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE texts USING fts5(f0, f1)")
    found(database, query, "f0")
