"""Nothing alike across the parts; too few examples stop the road with advice."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.gate import Gate, help_for, shortfalls
from curation.ledger import entries
from curation.split import Split, assert_apart, assigned, groups, related
from curation.stage import QiratError
from tests.builders import record, talk

PARAMS = Split(test=0.2, dev=0.2, largest_group=0.1, seed=1)


def curated(count: int, **columns) -> pl.DataFrame:
    table = record(*(talk(f"question {n}", "answer") for n in range(count)), **columns)
    return table.with_columns(parent_id=pl.lit(None, pl.String))


def parts_of(table: pl.DataFrame, pairs: pl.DataFrame, params: Split = PARAMS) -> pl.DataFrame:
    grouped = table.with_columns(cluster_id=groups(table, related(table, pairs)))
    return grouped.with_columns(part=assigned(grouped, params))


def pairs_of(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema={"left": pl.String, "right": pl.String}, orient="row")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=40), st.integers(0, 5))
def test_pairs_and_customers_never_cross(links: list[tuple[int, int]], seed: int):
    table = curated(60, customer=[f"c{n % 25}" if n % 3 else None for n in range(60)])
    ids = table["conversation_id"].to_list()
    params = PARAMS.model_copy(update={"seed": seed})
    found = parts_of(table, pairs_of(*((ids[x], ids[y]) for x, y in links)), params)
    part = dict(found.select("conversation_id", "part").iter_rows())
    assert all(part[ids[x]] == part[ids[y]] for x, y in links)
    assert (
        found.filter(pl.col("customer").is_not_null()).group_by("customer").agg(pl.col("part").n_unique())["part"].max()
        == 1
    )


def test_an_edited_row_stays_with_what_its_parent_was_like():
    table = curated(40)
    ids = table["conversation_id"].to_list()
    edited = table.with_columns(parent_id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("f" * 32)))
    found = parts_of(edited, pairs_of(("f" * 32, ids[1])))
    assert found["cluster_id"][0] == found["cluster_id"][1]


def test_adding_unrelated_data_moves_no_group():
    before, after = parts_of(curated(200), pairs_of()), parts_of(curated(300), pairs_of())
    both = before.join(after, on="conversation_id")
    assert both.height == 200
    assert (both["part"] == both["part_right"]).all()


def test_shares_are_about_those_asked_for():
    sizes = parts_of(curated(3000), pairs_of())["part"].value_counts()
    assert dict(sizes.iter_rows())["test"] == pytest.approx(600, rel=0.15)


def test_a_customer_with_a_tenth_of_all_rows_stays_in_train():
    table = curated(100, customer=["busy"] * 20 + [None] * 80)
    for seed in range(10):
        found = parts_of(table, pairs_of(), PARAMS.model_copy(update={"seed": seed}))
        assert set(found.filter(pl.col("customer") == "busy")["part"]) == {"train"}


def test_an_empty_part_is_an_error_with_a_cure():
    rows = curated(1).with_columns(cluster_id=pl.lit("a"))
    with pytest.raises(QiratError, match=r"fell into dev and test.*split.dev"):
        assert_apart({"train": rows, "dev": rows.clear(), "test": rows.clear()})


def test_a_conversation_in_two_parts_is_an_error():
    rows = curated(1).with_columns(cluster_id=pl.lit("a"))
    with pytest.raises(QiratError, match="two parts"):
        assert_apart({"train": rows, "dev": rows, "test": rows})


def test_the_gate_says_how_many_are_missing():
    (fault,) = shortfalls(900, {"en": 900}, {}, Gate(min_clean=1000, min_per_language=0, min_per_label=0))
    assert "900 clean training examples, 100 fewer than gate.min_clean: 1,000" in fault
    assert shortfalls(1000, {"en": 900}, {}, Gate(min_clean=1000, min_per_language=100, min_per_label=0)) == []


def test_the_gate_names_the_language_and_the_label_that_are_short():
    faults = shortfalls(
        1000, {"en": 990, "ar": 10}, {"refund": 3}, Gate(min_clean=1, min_per_language=100, min_per_label=5)
    )
    assert "ar 10" in faults[0]
    assert "refund 3" in faults[1]


def test_the_gate_says_what_would_help():
    closed = [
        ("a", "held", "pii_email"),
        ("b", "dropped", "empty_reply"),
        ("c", "quarantined", "unreadable"),
        ("d", "accepted", None),
    ]
    ledger = entries(pl.DataFrame(closed, schema=["row_id", "outcome", "code"], orient="row"), "curate")
    advice = help_for(ledger, 1)
    assert "1 doubtful rows wait for people (`qirat review push`)" in advice
    assert "empty_reply 1" in advice
    assert "25% end as training examples" in advice
