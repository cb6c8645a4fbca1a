"""What hangs together: groups out of pairs."""

from collections.abc import Iterable

import polars as pl


def groups(ids: pl.Series, pairs: Iterable[tuple[str, str]]) -> pl.Series:
    """The smallest of the ids that each id hangs together with by `pairs`, itself included (union-find)."""
    nearer = {key: key for key in ids}  # of each id one that is smaller, in the same group; itself if there is none

    def smallest(key: str) -> str:
        while (other := nearer[key]) != key:
            nearer[key] = key = nearer[other]
        return key

    for left, right in pairs:
        small, large = sorted((smallest(left), smallest(right)))
        nearer[large] = small
    return pl.Series([smallest(key) for key in ids], dtype=pl.String)
