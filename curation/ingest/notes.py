"""What a person should know of a file that was read, told from its conversations."""

from collections import Counter

import polars as pl

from curation.core.record.times import TIMES_UNREAD
from curation.core.text.direction import backwards

LOOKED_AT = 500  # conversations of a file, the first, that are asked whether they read backwards
LEAST = 2  # of them that make a file suspicious


class Seen:
    """Counts over the conversations of one file, table by table."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self.directions: Counter[str] = Counter()

    def look_at(self, conversations: pl.DataFrame) -> None:
        """Counts what these conversations show."""
        if conversations.height and self.directions.total() < LOOKED_AT:
            told = backwards(conversations.head(LOOKED_AT))["value"]
            self.directions.update({"back": int((told > 0).sum()), "forth": int((told <= 0).sum())})
        unread = conversations["metadata"].drop_nulls()
        unread = unread.filter(unread.str.contains(f'"{TIMES_UNREAD}":', literal=True))
        self.times.update(unread.str.json_path_match(f"$.{TIMES_UNREAD}").drop_nulls())

    def notes(self) -> list[str]:
        """A sentence for each thing that stands out."""
        found = [
            f"the times of {count:,} conversations cannot be relied on, {why}" for why, count in self.times.items()
        ]
        if self.directions["back"] >= LEAST and self.directions["back"] > self.directions["forth"]:
            found.append("most of its conversations read backwards; export it the oldest message first, or with times")
        return found
