"""Rows out of Parquet and Arrow tables."""

import io
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars import selectors

from curation.ingest.archives import bomb
from curation.ingest.rows import Chunk, Given, Opened, RawRow
from curation.ingest.unpacking import SizeLimits, TornError

ROWS_A_CHUNK = 2000
BYTES_A_CHUNK = 256 * 2**20  # of the longest text of a column, in as many rows
# Fields that hold objects of any shape: a table gives all of them the keys of all, and null where one had none.
PADDED = frozenset(
    ("tool_calls", "function_call", "functionCall", "arguments", "args", "input", "tools", "functions", "parameters")
)
ROWS_BELIEVED = 1_000_000  # beyond, a row must take a byte of the file
# What the libraries raise on damaged files. A panic of polars is no Exception, but no reason to stop either.
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError, KeyError)


@dataclass(frozen=True)
class TableFile:
    """Some rows of a table."""

    first: int
    frame: pl.DataFrame

    def rows(self) -> Iterator[RawRow]:
        nested = any(dtype.is_nested() for dtype in self.frame.dtypes)
        made = _unpadded if any(map(_is_padded, self.frame.schema.items())) else _finite
        try:
            values = self.frame.rows(named=True)
        except BROKEN:  # a value that Python cannot hold, such as the year 20292
            yield from map(_alone, itertools.count(self.first), self.frame.iter_slices(1))
            return
        for number, value in enumerate(values, self.first):
            yield RawRow(number, made(value) if nested else value)

    def count(self) -> int:
        return self.frame.height


def _alone(number: int, frame: pl.DataFrame) -> RawRow:
    try:
        return RawRow(number, _unpadded(frame.row(0, named=True)))
    except BROKEN as error:
        return RawRow(number, None, f"a value cannot be read ({error}); export the row again", "")


def parquet(source: Path | bytes, limits: SizeLimits) -> Opened:
    """A Parquet file, row group by row group."""
    return _opened("Parquet", _parquet_frames(source, limits))


def arrow(source: Path | bytes, limits: SizeLimits) -> Opened:
    """An Arrow file or stream, such as Hugging Face datasets keep on disk, batch by batch."""
    return _opened("Arrow", _arrow_frames(source))


def _opened(container: str, frames: Iterator[pl.DataFrame]) -> Opened:
    try:
        first = next(frames)
    except BROKEN as error:
        raise TornError(_reason(container, error)) from None
    return Opened(container, _chunks(container, itertools.chain([first], frames)), tuple(first.columns))


def _chunks(container: str, frames: Iterator[pl.DataFrame]) -> Iterator[Chunk]:
    number = 1
    try:
        for frame in frames:
            whole = frame.with_columns(_missing_where_not_finite(frame))
            for part in whole.iter_slices(_rows_a_chunk(whole)):
                yield TableFile(number, part)
                number += part.height
    except BROKEN as error:
        yield Given([RawRow(number, None, _reason(container, error), "")])


def _rows_a_chunk(frame: pl.DataFrame) -> int:
    """Fewer where texts are long: a file holds a text once that stands in all its rows, Python in each of them."""
    longest = frame.select(pl.max_horizontal(selectors.string().str.len_bytes().max(), 1)).item() if frame.width else 1
    return max(1, min(ROWS_A_CHUNK, BYTES_A_CHUNK // (longest or 1)))


def _parquet_frames(source: Path | bytes, limits: SizeLimits) -> Iterator[pl.DataFrame]:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(source if isinstance(source, Path) else io.BytesIO(source))
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    unpacked = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if unpacked > limits.unpacked_bytes or metadata.num_rows > max(ROWS_BELIEVED, size):
        raise ValueError(f"it claims {metadata.num_rows:,} rows of {unpacked:,} bytes in a file of {size:,}")
    if said := bomb(unpacked, size, 1):
        raise ValueError(said)
    table = pl.scan_parquet(source)
    yield table.head(0).collect()
    yield from table.collect_batches(chunk_size=ROWS_A_CHUNK, maintain_order=True)


def _arrow_frames(source: Path | bytes) -> Iterator[pl.DataFrame]:
    import pyarrow as pa

    stream = pa.memory_map(str(source)) if isinstance(source, Path) else pa.BufferReader(source)
    is_file = stream.read(6) == b"ARROW1"
    stream.seek(0)
    if is_file:
        reader = pa.ipc.open_file(stream)
        batches = map(reader.get_batch, range(reader.num_record_batches))
    else:
        reader = pa.ipc.open_stream(stream)
        batches = iter(reader)
    yield pl.DataFrame(pl.from_arrow(reader.schema.empty_table()))
    for batch in batches:
        batch.validate(full=True)  # else damaged offsets are read as addresses
        yield pl.DataFrame(pl.from_arrow(batch))


def _missing_where_not_finite(frame: pl.DataFrame) -> list[pl.Expr]:
    """NaN and infinities say that a number is missing; JSON, which keeps the metadata, has none."""
    floats = selectors.expand_selector(frame, selectors.float())
    return [pl.when(pl.col(name).is_finite()).then(pl.col(name)).name.keep() for name in floats]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_padded(field: tuple[str, Any]) -> bool:
    """Whether a column holds objects of one shape for all rows where each row had an object of its own."""
    name, dtype = field
    while isinstance(dtype, pl.List | pl.Array):
        dtype = dtype.inner
    if not isinstance(dtype, pl.Struct):
        return False
    return name in PADDED or any(_is_padded((inner.name, inner.dtype)) for inner in dtype.fields)


def _unpadded(value: Any, inside: bool = False) -> Any:
    """As _finite, and without the nulls that a table puts for the keys that only other rows' calls and schemas have."""
    if isinstance(value, dict):
        kept = {key: _unpadded(item, inside or key in PADDED) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} if inside else kept
    if isinstance(value, list):
        return [_unpadded(item, inside) for item in value]
    return _finite(value)


def _reason(container: str, error: BaseException) -> str:
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return f"the {container} file cannot be read ({first_line}); export it again"
