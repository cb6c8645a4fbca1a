"""The used rows on their way to the curated set: put away on disk, told apart, written."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from curation.curate.facts import FINISHED
from curation.curate.fates import NO_COPIES, distinct
from curation.curate.knowledge import STATED
from curation.curate.rows import MADE, masked_of, stated_of
from curation.harness.parts import Shelves
from curation.privacy.tables import MASKED, opaque


class UsedSet:
    """MADE of all used rows, put away on disk as its parts come, for what takes the whole of it."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._shelves = Shelves(folder, MADE, "conversation_id", rows)
        self._done = [MASKED.to_frame()]
        self._customers = [pl.Series("customer", dtype=pl.String)]
        self._copies = [NO_COPIES]

    def put(self, rows: pl.DataFrame) -> None:
        """Puts a part away."""
        self._shelves.put(rows.select(MADE.names()))
        self._done.append(masked_of(rows))
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


class Written:
    """What is to be known of rows that are written and gone: how many, how their facts are treated, what they state."""

    def __init__(self) -> None:
        self.rows = 0
        self._treated = Counter[str]()
        self._stated = [STATED.to_frame()]

    def passing(self, parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The rows of MADE as they are written: FINISHED."""
        for rows in parts:
            self.rows += rows.height
            self._treated.update(rows["facts"].explode(empty_as_null=False).struct.field("treatment").to_list())
            self._stated.append(stated_of(rows))
            yield rows.select(FINISHED.names())

    def treated(self) -> dict[str, int]:
        """Facts by what becomes of them: facts_unlearn and so on."""
        return {f"facts_{treatment}": count for treatment, count in sorted(self._treated.items())}

    def stated(self) -> pl.DataFrame:
        """STATED of all rows."""
        return pl.concat(self._stated)
