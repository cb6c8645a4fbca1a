"""The order in which messages were written."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from curation.ingest.moments import moment

Item = TypeVar("Item")


def in_order(items: Sequence[Item], written: Callable[[Item], Any]) -> list[Item]:
    """The items by when they were written, where all of them tell it, else as they came: many exports have the newest
    first. Items of one moment stay as they came.
    """
    times = [moment(written(item)) for item in items]
    known = [time for time in times if time is not None]
    if len(known) < len(items):
        return list(items)
    return [items[place] for place in sorted(range(len(items)), key=known.__getitem__)]
