"""Windows that are worked out together are the windows."""

import numpy as np
import pytest

from curation.similarity.convolution import STEP, Convolution

TILES, WIDTH = 8, 16


@pytest.mark.parametrize("places", [2, 3, 5])
def test_each_window_is_its_rows_times_their_weights(places: int):
    rng = np.random.default_rng(places)
    weights = rng.standard_normal((places * WIDTH, WIDTH)).astype(np.float32)
    convolution = Convolution(weights, TILES)
    rows = rng.standard_normal((convolution.length, WIDTH)).astype(np.float32)
    found = convolution.of(rows).transpose(1, 0, 2).reshape(-1, WIDTH)
    windows = [rows[start : start + places].reshape(-1) for start in range(STEP * TILES)]
    assert found == pytest.approx(np.array(windows, np.float64) @ weights, abs=1e-4)
