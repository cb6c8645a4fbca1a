"""What hangs together: groups out of pairs."""

from collections.abc import Iterable

import polars as pl


def groups(ids: pl.Series, pairs: Iterable[tuple[str, str]]) -> pl.Series:
    """The smallest of the ids that each id hangs together with by `pairs`, itself included."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ordered = sorted(set(ids))
    place = {key: number for number, key in enumerate(ordered)}
    ends = np.array([(place[left], place[right]) for left, right in pairs], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(len(place), len(place)))
    _, group = connected_components(graph, directed=False)
    _, first = np.unique(group, return_index=True)
    return pl.Series([ordered[first[group[place[key]]]] for key in ids], dtype=pl.String)
