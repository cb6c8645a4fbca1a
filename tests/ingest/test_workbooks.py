"""Workbooks: sheets as tables, rows numbered as Excel shows them."""

import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
import pytest

from curation.ingest.files import raw_files
from curation.ingest.reading import Ingest, part_of, tasks_of
from tests.builders import params

TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts><font/></fonts><fills><fill/></fills><borders><border/></borders>'
    '<cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>'
)
Sheet = list[list[Any]]
DAY = ("day", 45365.4271)  # 14 March 2024, 10:15


def cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f'<c r="{place}" s="1"><v>{value[1]}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def related(*targets: tuple[str, str, str]) -> str:
    """Relationships, each by its id, kind and target."""
    listed = "".join(f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{to}"/>' for key, kind, to in targets)
    return f'<Relationships xmlns="{RELATIONS}">{listed}</Relationships>'


def sheet_xml(rows: Sheet, merged: str) -> str:
    """A sheet; a row that is empty is left out, as Excel does."""
    cells = [[cell(f"{chr(65 + c)}{r}", value) for c, value in enumerate(row)] for r, row in enumerate(rows, 1)]
    listed = "".join(f'<row r="{r}">{"".join(row)}</row>' for r, row in enumerate(cells, 1) if row)
    merges = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{listed}</sheetData>{merges}</worksheet>'


def workbook(path: Path, sheets: dict[str, Sheet], merged: str = "") -> Path:
    """An .xlsx file."""
    names = list(enumerate(sheets, 1))
    listed = "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"/>' for n, name in names)
    parts = [(f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in names]
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("[Content_Types].xml", TYPES)
        book.writestr("_rels/.rels", related(("a", "officeDocument", "xl/workbook.xml")))
        about = f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>'
        book.writestr("xl/workbook.xml", about)
        book.writestr("xl/_rels/workbook.xml.rels", related(*parts, ("s", "styles", "styles.xml")))
        book.writestr("xl/styles.xml", STYLES)
        for n, name in names:
            book.writestr(f"xl/worksheets/sheet{n}.xml", sheet_xml(sheets[name], merged))
    return path


def read(folder: Path, **more: Any) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    ingest = Ingest.model_validate({**params("ingest"), **more})
    parts = [part_of(task, ingest, frozenset()) for file in raw_files(folder) for task in tasks_of(file, ingest)]
    notes = list(dict.fromkeys(note for part in parts for note in part.head.notes))
    return pl.concat(p.conversations for p in parts), pl.concat(p.quarantine for p in parts), notes


HEADER = ["ticket_id", "author", "body", "created_at"]


def test_rows_are_numbered_as_excel_shows_them_under_titles_and_blank_rows(tmp_path: Path):
    talk: Sheet = [
        ["Report of March"],
        [],
        HEADER,
        [17, "customer", "My lamp hums", DAY],
        [],
        [17, "agent", "Turn it", DAY],
    ]
    workbook(tmp_path / "a.xlsx", {"تذاكر": talk})
    found, quarantine, notes = read(tmp_path)
    assert found.select("row_id", "source_id").rows() == [("a.xlsx:4", "17")]
    assert str(found["created_at"][0])[:16] == "2024-03-14 10:15"
    assert [m["content"] for m in found["messages"][0]] == ["My lamp hums", "Turn it"]
    assert quarantine.is_empty()
    assert notes == ['the sheet is "تذاكر"', "1 line above the header is no record"]


def test_every_sheet_that_holds_something_is_a_file_of_its_own(tmp_path: Path):
    faq: Sheet = [["question", "answer"], ["Where is it?", 5]]
    workbook(tmp_path / "a.xlsx", {"one": faq, "empty": [], "two": [["question", "answer"], ["When?", True]]})
    found, _, _ = read(tmp_path)
    assert found["row_id"].to_list() == ["a.xlsx/one:2", "a.xlsx/two:2"]
    assert [messages[1]["content"] for messages in found["messages"].to_list()] == ["5", "true"]
    mapped, _, _ = read(tmp_path, columns={"a.xlsx": {"text": "answer", "answer": "question"}})
    assert mapped["messages"].to_list()[0][0]["content"] == "5"


def test_a_cell_merged_over_rows_stands_in_each_of_them(tmp_path: Path):
    talk: Sheet = [HEADER, [17, "customer", "Hi"], [None, "agent", "Hello"]]
    workbook(tmp_path / "a.xlsx", {"s": talk}, merged="A2:A3")
    found, quarantine, _ = read(tmp_path)
    assert found["source_id"].to_list() == ["17"]
    assert quarantine.is_empty()


def test_ids_beyond_what_excel_holds_and_totals_are_refused_by_row(tmp_path: Path):
    talk: Sheet = [
        HEADER,
        [123456789012345678, "customer", "Hi"],
        [5, "customer", "Hi"],
        [5, "agent", "Hello"],
        ["Total", None, None, 3],
    ]
    workbook(tmp_path / "a.xlsx", {"s": talk})
    found, quarantine, _ = read(tmp_path)
    assert found["source_id"].to_list() == ["5"]
    assert quarantine["source_row"].to_list() == [2, 5]
    assert "Excel cut short" in quarantine["reason"][0] and "totals" in quarantine["reason"][1]


@pytest.mark.parametrize("name", ["export", "export.csv", "a.xlsm"])
def test_a_workbook_is_one_whatever_it_is_called(tmp_path: Path, name: str):
    workbook(tmp_path / name, {"s": [["question", "answer"], ["Where is it?", "Here."]]})
    found, _, _ = read(tmp_path)
    assert found.height == 1


def test_a_damaged_workbook_is_a_reason_and_no_crash(tmp_path: Path):
    whole = workbook(tmp_path / "a.xlsx", {"s": [["question", "answer"], ["Where is it?", "Here."]]}).read_bytes()
    (tmp_path / "a.xlsx").write_bytes(whole.replace(b"<sheetData>", b"<sheetDatb>"))
    (tmp_path / "b.xlsx").write_bytes(whole[: len(whole) // 2])
    found, quarantine, _ = read(tmp_path)
    assert found.is_empty()
    assert set(quarantine["source_file"]) == {"a.xlsx", "b.xlsx"}
