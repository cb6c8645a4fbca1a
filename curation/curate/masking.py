"""The curated set without personal data: first row by row, then what takes the whole set."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from curation.curate.fates import CURATED, NO_COPIES, distinct
from curation.harness.parts import Shelves
from curation.privacy.names import name_finder
from curation.privacy.params import Privacy
from curation.privacy.tables import MASKED, opaque, without_personal_data

CHUNK = 1_000  # conversations that a process masks in one go
LARGE = 8_000  # conversations from which starting processes pays
Masked = tuple[pl.DataFrame, pl.DataFrame]  # CURATED with tags, and MASKED


def masker(kinds: Collection[str], privacy: Privacy) -> Callable[[pl.DataFrame], Masked]:
    """The kernel: rows with tags for these kinds."""
    find_names = name_finder(privacy.names, privacy.name_model)
    return partial(without_personal_data, kinds=kinds, countries=privacy.countries, find_names=find_names)


class MaskedSet:
    """The set without personal data, put away on disk as its parts come, for what takes the whole of it."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._shelves = Shelves(folder, CURATED, "conversation_id", rows)
        self._done = [MASKED.to_frame()]
        self._customers = [pl.Series("customer", dtype=pl.String)]
        self._copies = [NO_COPIES]

    def take(self, parts: Iterable[Masked]) -> None:
        """Puts all parts away."""
        for rows, done in parts:
            self._shelves.put(rows)
            self._done.append(done)
            self._customers.append(rows["customer"].drop_nulls().unique())

    def distinct_parts(self) -> Iterator[pl.DataFrame]:
        """The rows in the order of their ids, each conversation once, with customers that are numbered."""
        customers = pl.concat(self._customers).unique()
        names = pl.DataFrame({"customer": customers, "number": opaque(customers)})
        for rows in self._shelves:
            numbered = rows.join(names, on="customer", how="left", maintain_order="left")
            named = numbered.with_columns(customer=pl.col("number")).drop("number")
            first, copies = distinct(named.sort("conversation_id", "row_id"))
            self._copies.append(copies)
            yield first

    def done(self) -> pl.DataFrame:
        """MASKED: what was replaced in which row."""
        return pl.concat(self._done).sort("row_id")

    def copies(self) -> pl.DataFrame:
        """Rows that masking made the same as another, as `distinct` tells them, when all parts have passed."""
        return pl.concat(self._copies)
