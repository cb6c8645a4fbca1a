"""A row is named by its place, its id or the beginning of its id, and never by something that fits two."""

import polars as pl
import pytest

from curation.core.record.naming import called
from curation.harness.errors import QiratError

NAMES = pl.DataFrame(
    {"row_id": ["a:1", "a:10", "a:2", "a:3"], "conversation_id": ["abcdef01", "abcdef02", "ffffffff", None]}
)


@pytest.mark.parametrize(
    ("wanted", "rows"), [("a:1", ["a:1"]), ("a:3", ["a:3"]), ("abcdef02", ["a:10"]), ("ffffff", ["a:2"])]
)
def test_a_row_is_named_by_its_place_its_id_or_the_beginning_of_it(wanted: str, rows: list[str]) -> None:
    assert called(wanted, NAMES, "rows", "as here")["row_id"].to_list() == rows


def test_all_rows_with_the_same_words_are_named_by_their_id() -> None:
    twice = pl.concat([NAMES, NAMES.with_columns(row_id=pl.lit("b:") + pl.col("row_id"))])
    assert called("ffffff", twice, "rows", "as here").height == 2


@pytest.mark.parametrize(
    ("wanted", "count"), [("", "no"), ("fffff", "no"), ("a:", "no"), ("a:1000", "no"), ("abcdef", "2")]
)
def test_what_names_no_row_or_several_is_told_with_how_rows_are_named(wanted: str, count: str) -> None:
    how = r"give a row_id \(source_file:row\) or at least 6 digits of a conversation_id, as here"
    said = f"^{count} rows are called '{wanted}'; {how}$"
    with pytest.raises(QiratError, match=said):
        called(wanted, NAMES, "rows", "as here")


def test_where_there_are_no_places_none_is_asked_for() -> None:
    with pytest.raises(QiratError, match="; give at least 6 digits of a conversation_id, as here"):
        called("a:1", NAMES.select("conversation_id"), "rows", "as here")
