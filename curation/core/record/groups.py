"""What hangs together: groups out of pairs."""

from collections.abc import Iterable

import polars as pl


def groups(ids: pl.Series, pairs: Iterable[tuple[str, str]]) -> pl.Series:
    """The smallest of the ids that each id hangs together with by `pairs`, itself included (union-find)."""
    nearer = dict[str, str]()  # of an id that has any, one that is smaller, in the same group

    def smallest(key: str) -> str:
        while (other := nearer.get(key, key)) != key:
            nearer[key] = key = nearer.get(other, other)
        return key

    for left, right in pairs:
        small, large = sorted((smallest(left), smallest(right)))
        if small != large:
            nearer[large] = small
    paired = {key: smallest(key) for key in nearer}
    return ids.replace(paired) if paired else ids
