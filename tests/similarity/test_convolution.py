"""Windows that are worked out together are the windows."""

import numpy as np
import pytest

from curation.similarity.convolution import STEP, Convolution

TILES, WIDTH = 8, 16


@pytest.mark.parametrize("places", [2, 3, 5])
def test_each_window_is_its_rows_times_their_weights(places: int):
    rng = np.random.default_rng(places)
    weights = rng.standard_normal((places * WIDTH, WIDTH)).astype(np.float32)
    bias = rng.standard_normal(WIDTH).astype(np.float32)
    convolution = Convolution(weights, bias, TILES)
    rows = rng.standard_normal((60, WIDTH)).astype(np.float32)
    seen = rng.integers(0, len(rows), (convolution.reach, TILES))
    windows = np.array([rows[seen[place : place + places]].swapaxes(0, 1).reshape(TILES, -1) for place in range(STEP)])
    assert convolution.of(rows, seen) == pytest.approx(windows.astype(np.float64) @ weights + bias, abs=1e-4)
