"""What a person should know of a file that was read, told from its conversations."""

from collections import Counter

import polars as pl

from curation.ingest.provenance import TIMES_UNREAD


class Seen:
    """Counts over the conversations of one file, table by table."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()

    def look_at(self, conversations: pl.DataFrame) -> None:
        """Counts what these conversations show."""
        unread = conversations["metadata"].drop_nulls()
        unread = unread.filter(unread.str.contains(f'"{TIMES_UNREAD}":', literal=True))
        self.times.update(unread.str.json_path_match(f"$.{TIMES_UNREAD}").drop_nulls())

    def notes(self) -> list[str]:
        """A sentence for each thing that stands out."""
        return [f"the times of {count:,} conversations cannot be relied on, {why}" for why, count in self.times.items()]
