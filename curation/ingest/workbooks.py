"""Rows out of Excel workbooks (.xlsx, .xlsm): each sheet a table, its rows numbered as Excel shows them."""

import functools
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, time
from typing import IO, Any

from curation.ingest.archives import DAMAGED, bomb
from curation.ingest.layout import (
    TITLES,
    TOTALS_LINE,
    cut_number,
    is_cut,
    is_id,
    is_total,
    lines_above,
    named_apart,
    titles_told,
)
from curation.ingest.rows import EXCEL, Chunk, Given, Opened, RawRow
from curation.ingest.unpacking import SizeLimits, Source, TornError

ROWS_A_CHUNK = 2000
MOST_EMPTY = 20_000_000  # cells of a sheet: memory holds the whole rectangle up to the last one
DIGITS_KEPT = 10**15  # Excel holds numbers to fifteen digits: of longer ids the end is lost
Cells = list[list[str]]
_OTHERS = ("content.xml", "xl/workbook.bin")  # of documents that the library would read as well
_CELL = re.compile(  # that holds anything, with its place
    rb"""<(?:[\w.-]+:)?c\s(?:[^<>]*?\s)?r\s*=\s*["']([A-Za-z]{1,9})(\d{1,19})["'][^<>]*(?<!/)>"""
)
_UNPLACED = re.compile(rb"<(?:[\w.-]+:)?c(?:\s(?![^<>]*?\br\s*=)[^<>]*)?(?<!/)>")  # it stands behind the one before
_ROW = re.compile(rb"""<(?:[\w.-]+:)?row\s(?:[^<>]*?\s)?r\s*=\s*["'](\d{1,19})["']""")
_BLOCK = 2**20  # bytes of a sheet looked at in one go
_TAG = 2**12  # bytes from which on a tag is none


def is_workbook(path: Source, head: bytes) -> bool:
    """Whether a file is a workbook, whatever it is called."""
    if not head.startswith(b"PK\3\4"):
        return False
    try:
        with zipfile.ZipFile(path.open("rb")) as archive:
            names = set(archive.namelist())
            return "xl/workbook.xml" in names and names.isdisjoint(_OTHERS)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def sheets_of(path: Source) -> list[str]:
    """The names of the sheets that hold anything, hidden ones too; none where that cannot be told."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with path.open("rb") as handle:
            if not is_workbook(path, handle.read(4)):
                return []
        _refuse_unbounded(path)
        with CalamineWorkbook.from_filelike(path.open("rb")) as book:
            return [name for name in book.sheet_names if book.get_sheet_by_name(name).total_height]
    except (OSError, ValueError, CalamineError, TornError):
        return []


def workbook(path: Source, limits: SizeLimits, sheet: str) -> Opened:
    """A sheet of a workbook, the first that holds anything where none is named; TornError where it cannot be read.

    Titles and blank rows above the header are no records; a cell merged over rows stands in each of them. Numbers and
    times are the texts that a CSV export has.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    with zipfile.ZipFile(path.open("rb")) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > limits.unpacked_bytes:
        raise TornError(f"it unpacks to {unpacked:,} bytes (params.yaml: ingest.max_unpacked_bytes)")
    _refuse_unbounded(path)
    try:
        with CalamineWorkbook.from_filelike(path.open("rb")) as book:
            name = sheet or next((n for n in book.sheet_names if book.get_sheet_by_name(n).total_height), "")
            if not name:
                return Opened(EXCEL, iter([]))
            found = book.get_sheet_by_name(name)
            cells = [list(map(_text, row)) for row in found.to_python(skip_empty_area=False)]
            _spread(cells, found.merged_cell_ranges or ())
    except (OSError, ValueError, CalamineError) as error:
        raise TornError(f"the workbook cannot be read ({error}); save it again as .xlsx, or as CSV") from None
    return _table(cells, name)


def _refuse_unbounded(path: Source) -> None:
    """Raises TornError for what no memory holds: the library makes room for all cells up to the last one of a sheet."""
    try:
        with zipfile.ZipFile(path.open("rb")) as archive:
            members = archive.infolist()
            if said := bomb(sum(m.file_size for m in members), sum(m.compress_size for m in members), len(members)):
                raise TornError(said)
            for member in members:
                with archive.open(member) as sheet:
                    rows, columns, filled = _extent(sheet)
                if (empty := rows * columns - filled) > MOST_EMPTY:
                    raise TornError(
                        f"a sheet reaches to row {rows:,} and column {columns:,} with {empty:,} empty cells before; "
                        "delete what stands alone there (Ctrl+End leads to it), or save the sheet as CSV"
                    )
    except DAMAGED as error:
        raise TornError(f"the workbook cannot be read ({error}); save it again as .xlsx, or as CSV") from None


def _extent(sheet: IO[bytes]) -> tuple[int, int, int]:
    """The last row and column of a sheet's XML in which something stands, and how many such cells there are."""
    rows, columns, filled, rest = 0, 0, 0, b""
    while block := sheet.read(_BLOCK):
        text = rest + block
        cut = text.rfind(b"<")
        cut = cut if cut > len(text) - _TAG else len(text)
        text, rest = text[:cut], text[cut:]
        cells = _CELL.findall(text)
        rows = max([rows, *(int(row) for _, row in cells)])
        columns = max([columns, *map(_number, {column for column, _ in cells})])
        filled += len(cells)
        if unplaced := len(_UNPLACED.findall(text)):
            rows, columns = max([rows, *map(int, _ROW.findall(text))]), max(columns, 1)
            filled += unplaced
    return rows, columns, filled


def _number(column: bytes) -> int:
    """1 for A, 27 for AA."""
    return functools.reduce(lambda n, letter: 26 * n + letter - 64, column.upper(), 0)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return f"{value:.5E}" if abs(value) >= DIGITS_KEPT else str(int(value))
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _spread(cells: Cells, merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Puts what stands in a cell that is merged over rows into each of them."""
    for (top, left), (bottom, _) in merged:
        for row in cells[top + 1 : bottom + 1]:
            row[left] = row[left] or cells[top][left]


def _table(cells: Cells, sheet: str) -> Opened:
    above = lines_above(cells[: TITLES + 2])
    titles = sum(any(row) for row in cells[:above])
    header = named_apart([name.strip() or f"column {place}" for place, name in enumerate(cells[above], 1)])
    ids = [place for place, name in enumerate(header) if is_id(name)]
    rows = [
        _row(number, header, ids, row)
        for number, row in enumerate(cells[above + 1 :], above + 2)
        if any(cell.strip() for cell in row)
    ]
    if rows and is_total([str(value or "") for value in rows[-1].value.values()]):
        rows[-1] = RawRow(rows[-1].number, rows[-1].value, TOTALS_LINE)
    notes = (f'the sheet is "{sheet}"', *titles_told(titles))
    return Opened(EXCEL, _chunks(rows), columns=header, notes=notes)


def _row(number: int, header: Sequence[str], ids: Sequence[int], cells: Sequence[str]) -> RawRow:
    value = {name: cell or None for name, cell in zip(header, cells, strict=True)}
    cut = next((place for place in ids if is_cut(cells[place])), None)
    return RawRow(number, value, None if cut is None else cut_number(header[cut], cells[cut]))


def _chunks(rows: Sequence[RawRow]) -> Iterator[Chunk]:
    return (Given(rows[start : start + ROWS_A_CHUNK]) for start in range(0, len(rows), ROWS_A_CHUNK))
