"""Tables in parts: what is written and read does not depend on how many rows are at hand at once."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.harness import parts
from curation.harness.parts import Shelves, between, chosen, in_parts, read_parts, scratch, write_parts

SCHEMA = pl.Schema({"id": pl.String, "said": pl.List(pl.Struct({"text": pl.String, "learnt": pl.Boolean}))})
IDS = st.integers(0, 255).map(lambda number: f"{number:02x}000000")
SAID = st.lists(
    st.fixed_dictionaries({"text": st.sampled_from(["", "سلام", "hello"]), "learnt": st.none()}), max_size=2
)
ROWS = st.integers(0, 25).flatmap(lambda number: st.lists(st.tuples(IDS, SAID), min_size=number, max_size=number))
CUTS = st.integers(1, 30)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_A_GROUP", 4)
    monkeypatch.setattr(parts, "ROWS_A_SHELF", 3)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with scratch(tmp_path / "scratch") as found:
        yield found


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, CUTS, CUTS)
def test_a_table_is_the_same_bytes_and_rows_however_it_is_cut(
    folder: Path, rows: list[tuple[str, list]], one: int, other: int
) -> None:
    table = pl.DataFrame(rows, SCHEMA, orient="row")
    paths = folder / "one" / "said.parquet", folder / "other" / "said.parquet"
    for path, cut in zip(paths, (one, other), strict=True):
        path.parent.mkdir(exist_ok=True)
        assert write_parts(path, {}, in_parts([table.clear(), table], cut), SCHEMA) == table.height
        read = list(read_parts(path, at_once=other))
        assert pl.concat(read).equals(table)
        assert max(part.height for part in read) <= other
    assert paths[0].read_bytes() == paths[1].read_bytes()


@settings(max_examples=15, deadline=None)
@given(ROWS, CUTS, st.randoms(use_true_random=False))
def test_shelves_give_rows_back_in_the_order_of_their_ids_whatever_the_order_they_come_in(rows, cut, draw) -> None:
    table = pl.DataFrame(rows, SCHEMA, orient="row")
    mixed = table.sample(fraction=1, shuffle=True, seed=draw.randrange(99))
    with tempfile.TemporaryDirectory() as place:
        shelves = Shelves(Path(place), SCHEMA, "id", table.height)
        for part in in_parts([mixed], cut):
            shelves.put(part)
        wanted = mixed.select("id").unique().head(draw.randrange(table.height + 1))
        held = pl.concat(shelves.holding(wanted, ["id"]))
        assert sorted(held["id"]) == sorted(table.join(wanted, on="id", how="semi")["id"])
        kept_there = list(shelves.parts())
        found = list(shelves)
        assert not list(Path(place).iterdir())
        assert all(one.equals(other) for one, other in zip(kept_there, found, strict=True))
    ordered = pl.concat([SCHEMA.to_frame(), *(shelf.sort("id", pl.col("said").list.len()) for shelf in found)])
    assert ordered["id"].to_list() == sorted(table["id"])
    assert all(max(one["id"]) < min(other["id"]) for one, other in itertools.pairwise(found))


def test_what_a_killed_run_put_away_is_gone_in_the_next(tmp_path: Path) -> None:
    left = tmp_path / "scratch"
    (left / "deep").mkdir(parents=True)
    with scratch(left) as empty:
        assert not list(empty.iterdir())
    assert not left.exists()


def test_a_few_rows_of_a_part_do_not_keep_the_texts_of_the_others() -> None:
    part = pl.DataFrame({"id": [f"{n}" for n in range(400)], "said": [[f"{n} " * 1_000] for n in range(400)]})
    one, half = (chosen(part, part.head(count), "id") for count in (1, 200))
    assert one.equals(part.head(1)) and half.equals(part.head(200))
    assert one.to_arrow(compat_level=pl.CompatLevel.newest()).get_total_buffer_size() < 10_000


@given(st.lists(st.text("0af", max_size=4)), st.lists(st.text("0af", max_size=4)))
def test_between_the_ids_of_a_part_lie_all_rows_that_it_has(ids: list[str], of_part: list[str]):
    rows = pl.DataFrame({"id": sorted(ids)}, {"id": pl.String})
    part = pl.DataFrame({"id": of_part}, {"id": pl.String})
    near = between(rows, part, "id")
    assert near["id"].to_list() == [id_ for id_ in sorted(ids) if of_part and min(of_part) <= id_ <= max(of_part)]
    assert near.join(part, on="id", how="semi").equals(rows.join(part, on="id", how="semi"))
