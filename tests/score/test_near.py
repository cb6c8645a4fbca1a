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


@settings(deadline=None, max_examples=60)
@given(
    come=st.sets(st.integers(0, 89), max_size=8),
    gone=st.sets(st.integers(0, 89), max_size=8),
    sampled=st.booleans(),
    alike=st.booleans(),
)
def test_what_was_told_before_of_rows_that_stayed_changes_nothing(
    come: set[int], gone: set[int], sampled: bool, alike: bool
):
    vectors = vectors_of(90, alike=alike)
    then, now = ([row for row in range(90) if row not in without] for without in (come, gone))
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        patched.setattr(memory, "CACHE", Path(folder))
        for name, value in {"TILE": 32, "EXACT": 40 if sampled else 90, "SAMPLE": 30}.items():
            patched.setattr(neighbours, name, value)
        for rows in (then, now):
            ids = pl.Series([f"{row:03}" for row in rows], dtype=pl.String)
            again = near(memory.Memory("score"), "1", "all", ids, vectors[rows], 4)
        anew = nearest(vectors[now], 4)
    assert (again.places == anew.places).all()
    assert (again.distances == anew.distances).all()
