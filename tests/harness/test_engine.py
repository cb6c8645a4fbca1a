"""The seam: whatever the backend and the number of processes, answers come in the order of what was given."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.harness import engine
from curation.harness.engine import Machine, map_groups, map_items, map_rows, reduce


def doubled() -> "engine.Callable[[pl.DataFrame], list[int]]":
    return lambda rows: [2 * n for n in rows["n"]]


def keyed() -> "engine.Callable[[pl.DataFrame], tuple[str, int]]":
    return lambda rows: (rows["key"][0], int(rows["n"].sum()))


@given(st.lists(st.integers(0, 99), max_size=30), st.integers(1, 40))
def test_rows_are_answered_in_order_whatever_the_part(numbers: list[int], at_once: int) -> None:
    rows = pl.DataFrame({"n": numbers}, schema={"n": pl.Int64})
    answers = list(map_rows(doubled, rows, at_once, Machine(workers=1), 10**6))
    assert [n for part in answers for n in part] == [2 * n for n in numbers]
    assert len(answers) == max(1, -(-len(numbers) // at_once))


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_change_nothing(workers: int) -> None:
    rows = pl.DataFrame({"key": ["b", "a", "b", "c"], "n": [1, 2, 3, 4]})
    machine = Machine(workers=workers)
    assert list(map_rows(doubled, rows, 3, machine, 0)) == [[2, 4, 6], [8]]
    assert list(map_groups(keyed, rows, "key", machine, 0)) == [("a", 2), ("b", 4), ("c", 4)]


def test_another_backend_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def elsewhere(prepare, items, machine, large, work):  # type: ignore[no-untyped-def]
        kernel = prepare()
        for item in items:
            asked.append(item)
            yield kernel(item)

    monkeypatch.setattr(engine, "BACKENDS", {"local": elsewhere})
    assert list(map_items(lambda: str, [1, 2], Machine(), large=True)) == ["1", "2"]
    assert asked == [1, 2]


@given(st.lists(st.lists(st.integers()), min_size=1, max_size=200))
def test_what_is_joined_keeps_its_order(parts: list[list[int]]) -> None:
    assert reduce(lambda some: [n for part in some for n in part], parts) == [n for part in parts for n in part]
