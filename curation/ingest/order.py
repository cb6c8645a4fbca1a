"""The order in which messages were said, which is not always the one in which they stand in an export."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from curation.ingest.moments import read_moments

Entry = TypeVar("Entry")


def in_order(
    entries: Sequence[Entry], times: Sequence[datetime | None], *, newest_first: bool = False
) -> Sequence[Entry]:
    """The entries by their times, one each; as they stand where one of them has no time.

    Entries of the same time stay as they stand, unless all stand the newest first, or the file is known to have them
    so: a clock without seconds does not turn a question and its answer round.
    """
    known = [time for time in times if time is not None]
    if not len(known) == len(times) == len(entries):
        return entries
    places = range(len(known))
    if is_newest_first(known) or newest_first:
        places = places[::-1]
    return [entries[place] for place in sorted(places, key=known.__getitem__)]


def is_newest_first(times: Sequence[datetime]) -> bool:
    """Whether times only go back, and do so at least once."""
    return len(times) > 1 and times[0] > times[-1] and all(a >= b for a, b in itertools.pairwise(times))


def by_said(entries: Sequence[Entry], said: Sequence[Any]) -> Sequence[Entry]:
    """The entries by what each says of its time; as they stand where that is not sure."""
    moments = read_moments(said)
    return entries if moments.else_times is not None else in_order(entries, moments.times)
