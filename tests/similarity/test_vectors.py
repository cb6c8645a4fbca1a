from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from curation.similarity import neighbours
from curation.similarity.neighbours import BLOCK, copies, nearest
from curation.similarity.vectors import SIDES, Stored, Vectors
from tests.similarity.test_neighbours import planted

ROWS = 1_200  # more than are compared at a time
IDS = [f"{n:04x}" for n in np.random.default_rng(1).permutation(ROWS)]


TABLE = pl.DataFrame({"conversation_id": IDS, **{side: planted(ROWS, 40, 5 * n) for n, side in enumerate(SIDES)}})


@given(st.lists(st.integers(0, ROWS), max_size=4), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_rows_are_those_of_their_conversations_however_they_came(tmp_path_factory, cuts: Sequence[int], seed: int):
    ends = [0, *sorted(cuts), ROWS]
    parts = [TABLE[start:end] for start, end in pairwise(ends)]
    stored = Vectors.on_disk(tmp_path_factory.mktemp("vectors"), parts)
    asked = TABLE.sample(300, shuffle=True, seed=seed)
    for side in SIDES:
        assert np.array_equal(stored.rows(asked, side)[:300], asked[side].to_numpy())
        assert np.array_equal(stored.rows(asked, side)[7:9], Vectors.of(TABLE).rows(asked, side)[7:9])


@pytest.mark.parametrize("exact", [ROWS, BLOCK])
def test_neighbours_and_copies_are_the_same_from_disk(exact: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "EXACT", exact)
    on_disk = Vectors.on_disk(tmp_path, [TABLE])
    left, right = (on_disk.rows(TABLE, side) for side in SIDES)
    said, replied = (TABLE[side].to_numpy() for side in SIDES)
    for got, expected in [
        (nearest(left, 5), nearest(said, 5)),
        (copies(left, right, 0.9, 7), copies(said, replied, 0.9, 7)),
    ]:
        assert [one.tobytes() for one in got] == [one.tobytes() for one in expected]
    assert (copies(left, right, 0.9, 7)[0] >= 0).any()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not tell which pages are held")
def test_what_was_read_does_not_stay_in_memory(tmp_path: Path):
    path = tmp_path / "rows.f32"
    np.ones((5_000, 64), np.float32).tofile(path)
    stored = Stored.on_disk(path, 64)
    assert stored[np.arange(5_000)].sum() == 5_000 * 64
    _, _, mapped = Path("/proc/self/smaps").read_text().partition(str(path))
    assert next(line.split()[1] for line in mapped.splitlines() if line.startswith("Rss:")) == "0"


@pytest.mark.parametrize("strange", [None, float("nan")])
def test_vectors_that_no_check_can_use_stop_the_stage(strange: float | None, tmp_path: Path):
    first = TABLE["vector"].to_list()[0]
    vectors = [strange and [strange, *first[1:]], *TABLE["vector"].to_list()[1:3]]
    broken = TABLE[:3].with_columns(reply=pl.Series(vectors, dtype=TABLE.schema["reply"]))
    with pytest.raises(QiratError, match="dvc repro embed"):
        Vectors.on_disk(tmp_path, [TABLE[3:5], broken])
    with pytest.raises(QiratError, match="dvc repro embed"):
        Vectors.on_disk(tmp_path, [TABLE[3:5]]).rows(TABLE, "vector")
