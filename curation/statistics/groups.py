"""What hangs together: groups out of pairs."""

from collections.abc import Iterable

import polars as pl


def groups(curated: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> pl.Series:
    """The smallest id of each row's connected group (union-find with path halving)."""
    parent = {key: key for key in curated["conversation_id"]}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    for left, right in pairs:
        low, high = sorted((root(left), root(right)))
        parent[high] = low
    return pl.Series([root(key) for key in curated["conversation_id"]], dtype=pl.String)
