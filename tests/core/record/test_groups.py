"""Groups are what hangs together, and are named by their smallest id."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.groups import groups

ROWS = 20


@given(st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)), max_size=25), st.randoms())
def test_ids_share_a_group_when_pairs_lead_from_one_to_the_other(links: list[tuple[int, int]], random) -> None:
    ids = [f"{n:02}" for n in range(ROWS)]
    random.shuffle(ids)
    pairs = [(ids[left], ids[right]) for left, right in links]
    reached = {key: {key} for key in ids}
    for _ in range(ROWS):
        for left, right in pairs:
            together = reached[left] | reached[right]
            reached[left] = reached[right] = together
    assert groups(pl.Series(ids), pairs).to_list() == [min(reached[key]) for key in ids]


def test_where_nothing_is_there_nothing_hangs_together() -> None:
    assert groups(pl.Series([], dtype=pl.String), []).to_list() == []
    assert groups(pl.Series(["b", "a"]), []).to_list() == ["b", "a"]
