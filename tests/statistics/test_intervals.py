"""Of a share there is one interval, whoever asks for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.statistics.intervals import share, wilson


@settings(deadline=None)  # importing scipy takes a while
@given(st.integers(0, 400), st.integers(0, 400))
def test_both_are_what_wilsons_formula_gives(right: int, wrong: int) -> None:
    n = max(right + wrong, 1)
    p, z2 = right / n, 1.959963984540054**2
    middle, half = (p + z2 / (2 * n)) / (1 + z2 / n), (z2 * (p * (1 - p) + z2 / (4 * n)) / n) ** 0.5 / (1 + z2 / n)
    found = share(right, n)
    assert (found.value, found.n) == (p, n)
    assert (found.low, found.high) == (pytest.approx(max(middle - half, 0)), pytest.approx(min(middle + half, 1)))
    assert wilson(right, n) == (round(found.low, 4), round(found.high, 4))


def test_nothing_decided_leaves_everything_possible() -> None:
    assert wilson(0, 0) == (0, 1)
