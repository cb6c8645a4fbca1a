"""Tables some rows at a time: the texts of all rows are never in memory together, whatever their number.

What a table holds does not depend on the size of the parts it came in, nor do its bytes: row groups have ROWS_A_GROUP
rows, and how many of them are read at once is the machine's.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curation.harness.damage import no_table, refuse_misplaced
from curation.harness.errors import QiratError
from curation.harness.files import removed

ROWS_A_GROUP = 20_000  # of a Parquet file
ROWS_A_SHELF = 20_000
FEW = 4  # one row of so many: the others' texts are not worth their room
OLDEST = pl.CompatLevel.oldest()


def height_of(path: Path) -> int:
    """How many rows a table has, by its footer."""
    with _readable(path):
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def read_parts(path: Path, columns: Sequence[str] | None = None, at_once: int = ROWS_A_GROUP) -> Iterator[pl.DataFrame]:
    """The rows of a table in their order, at most `at_once` together; one part without rows where there are none."""
    height = height_of(path)
    for start in range(0, max(height, 1), at_once):
        yield read_slice(path, start, at_once, columns)


def read_slice(path: Path, start: int, rows: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """So many rows of a table from one place on; only the row groups that hold them are read."""
    with _readable(path):
        table = pl.scan_parquet(path).slice(start, rows)
        return (table if columns is None else table.select(columns)).collect()


def write_parts(path: Path, told: Mapping[str, str], frames: Iterable[pl.DataFrame], schema: pl.Schema) -> int:
    """A Parquet file and what is `told` of it, its bytes by the rows alone, not by how they came. Returns the rows."""
    rows = 0
    with taker(path, told, schema) as take:
        for frame in frames:
            take(frame)
            rows += frame.height
    return rows


@contextlib.contextmanager
def taker(path: Path, told: Mapping[str, str], schema: pl.Schema) -> Iterator[Callable[[pl.DataFrame], None]]:
    """What takes the rows of a Parquet file one part after another; written whole when the block ends well."""
    import pyarrow.parquet as pq

    held = schema.to_frame()
    with pq.ParquetWriter(path, held.to_arrow(compat_level=OLDEST).schema, compression="zstd") as file:

        def take(frame: pl.DataFrame, least: int = ROWS_A_GROUP) -> None:
            nonlocal held
            held = held.vstack(frame)
            while held.height >= least:
                held = held.rechunk()
                file.write_table(held.head(ROWS_A_GROUP).to_arrow(compat_level=OLDEST).combine_chunks())
                held = held.slice(ROWS_A_GROUP)

        yield take
        if held.height:
            take(held.clear(), 1)
        file.add_key_value_metadata(dict(told))


def in_parts(rows: Iterable[pl.DataFrame], at_once: int) -> Iterator[pl.DataFrame]:
    """The same rows, at most `at_once` together."""
    for part in rows:
        yield from part.iter_slices(at_once) if part.height > at_once else (part,)


def kept(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own: a few rows of a table otherwise keep the texts of all of it."""
    own = pl.from_arrow(rows.to_arrow(compat_level=OLDEST))
    assert isinstance(own, pl.DataFrame)
    return own.cast(rows.schema)


def among(part: pl.DataFrame, wanted: pl.DataFrame, on: str | Sequence[str]) -> pl.DataFrame:
    """The rows of a part that are wanted. Only the part is hashed, since wanted may be rows of all parts."""
    here = wanted.join(part, on=on, how="semi")
    return part.join(here, on=on, how="semi")


def between(rows: pl.DataFrame, part: pl.DataFrame, by: str) -> pl.DataFrame:
    """Of rows in the order of their ids those from the least to the last id of a part: others need not be hashed."""
    if part.is_empty():
        return rows.clear()
    least, most = part.select(least=pl.col(by).min(), most=pl.col(by).max()).row(0)
    first, last = rows[by].search_sorted(least, "left"), rows[by].search_sorted(most, "right")
    return rows[first:last]


def chosen(part: pl.DataFrame, wanted: pl.DataFrame, on: str) -> pl.DataFrame:
    """The rows of a part that are wanted; few of them in memory of their own."""
    some = among(part, wanted, on)
    return some if FEW * some.height > part.height else kept(some)


class Shelves:
    """Rows put away on disk by the beginning of an id, to come back in the order of the ids.

    `ids` are hex digits that hashes begin with, so that shelves are of like size: some ROWS_A_SHELF rows each.
    When all are put away they are read, as often as wanted (`parts`, `holding`) or once (iteration, which clears them).
    """

    def __init__(self, folder: Path, schema: pl.Schema, by: str, rows: int) -> None:
        self._folder, self._schema, self._by = folder, schema, by
        self._count = max(1, -(-rows // ROWS_A_SHELF))
        self._files: dict[int, Any] = {}

    def put(self, rows: pl.DataFrame) -> None:
        """Appends to the shelves that these rows belong to."""
        placed = rows.with_columns(_shelf=self._shelf())
        for (number,), some in placed.partition_by("_shelf", as_dict=True).items():
            self._file(number).write(some.drop("_shelf").to_arrow(compat_level=OLDEST))

    def clear(self) -> None:
        """Takes everything off."""
        self._close()
        for number in self._files:
            self._path(number).unlink()
        self._files = {}

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """What each shelf holds, in the order of the ids' beginnings and within a shelf as it was put."""
        self._close()
        for number in sorted(self._files):
            yield self._read(number)
            self._path(number).unlink()

    def parts(self) -> Iterator[pl.DataFrame]:
        """The same, and the shelves stay full."""
        self._close()
        return (self._read(number) for number in sorted(self._files))

    def holding(self, wanted: pl.DataFrame, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Of the rows whose ids stand in `wanted`, some of the columns; at least one part."""
        self._close()
        ids = wanted.select(self._by)
        there = sorted(set(ids.select(self._shelf()).to_series().unique()) & set(self._files))
        for number in there:
            yield self._read(number, columns).join(ids, on=self._by, how="semi", maintain_order="left")
        if not there:
            yield self._schema.to_frame().select(columns or self._schema.names())

    def _shelf(self) -> pl.Expr:
        begins = pl.col(self._by).str.head(8).str.to_integer(base=16, dtype=pl.Int64)
        return (begins * self._count // 2**32).cast(pl.Int64).alias("_shelf")

    def _close(self) -> None:
        for file in self._files.values():
            file.close()

    def _read(self, number: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        return pl.read_ipc(self._path(number), columns=list(columns) if columns else None)

    def _file(self, number: int) -> Any:
        import pyarrow as pa

        if number not in self._files:
            schema = self._schema.to_frame().to_arrow(compat_level=OLDEST).schema
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._files[number] = pa.ipc.new_file(self._path(number), schema, options=options)
        return self._files[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.arrow"


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """An empty folder for what a stage puts away while it runs; a run that was killed leaves it to the next one."""
    removed(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        removed(folder)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        refuse_misplaced(path)
        yield
    except pl.exceptions.PolarsError as error:
        raise QiratError(no_table(path, error)) from None
