import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.harness import memory
from curation.score.near import near
from curation.similarity import neighbours
from curation.similarity.neighbours import nearest


def vectors_of(rows: int, *, alike: bool):
    found = np.random.default_rng(0).normal(size=(rows, 24)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found[np.arange(rows) // 9 * 9] if alike else found


@settings(deadline=None)
@given(
    then=st.sets(st.integers(0, 89), min_size=45),
    now=st.sets(st.integers(0, 89), min_size=45),
    sampled=st.booleans(),
    alike=st.booleans(),
)
def test_what_was_told_before_of_rows_that_stayed_changes_nothing(
    then: set[int], now: set[int], sampled: bool, alike: bool
):
    vectors = vectors_of(90, alike=alike)
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        patched.setattr(memory, "CACHE", Path(folder))
        for name, value in {"TILE": 32, "EXACT": 40 if sampled else 90, "SAMPLE": 30}.items():
            patched.setattr(neighbours, name, value)
        for rows in (sorted(then), sorted(now)):
            ids = pl.Series([f"{row:03}" for row in rows], dtype=pl.String)
            again = near(memory.Memory("score"), "1", "all", ids, vectors[rows], 4)
        anew = nearest(vectors[sorted(now)], 4)
    assert (again.places == anew.places).all()
    assert (again.distances == anew.distances).all()
