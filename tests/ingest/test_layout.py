"""CSV as exports write it: separators, what stands above and below, quotes, ids that Excel cut."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.containers import open_chunks
from curation.ingest.layout import layout_of, with_quotes_doubled
from curation.ingest.rows import Opened, RawRow
from curation.ingest.unpacking import SizeLimits

ROWS = [("T1", "customer", "Where is it, please?"), ("T1", "agent", 'It is "on its way"; soon')]


def opened(folder: Path, text: str | bytes, name: str = "a.csv") -> tuple[Opened, list[RawRow]]:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = open_chunks(folder / name, SizeLimits())
    assert found is not None
    return found, [row for chunk in found.chunks for row in chunk.rows()]


def values(rows: list[RawRow]) -> list[tuple[Any, ...]]:
    assert [row.fault for row in rows if row.fault] == []
    return [tuple(row.value.values()) for row in rows]


def written(sign: str, end: str = "\n", quote: str = '""') -> str:
    def cell(text: str) -> str:
        return f'"{text.replace(chr(34), quote)}"'

    return "".join(sign.join(map(cell, row)) + end for row in [("ticket_id", "author", "body"), *ROWS])


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", ['""', '\\"'])
@pytest.mark.parametrize(
    "above", ["", "Report created 2024-03-14 by Sara\n\n", "\ufeff", "تقرير التذاكر لشهر آذار\n\n"]
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, sign: str, end: str, quote: str, above: str):
    found, rows = opened(tmp_path, above.replace("\n", end) + written(sign, end, quote))
    assert found.columns == ("ticket_id", "author", "body")
    assert values(rows) == ROWS
    assert [row.number for row in rows] == [1, 2]
    assert bool(found.notes) == bool(above.strip("\ufeff"))


@pytest.mark.parametrize(
    ("text", "columns", "notes"),
    [
        ('a;b;"tags (a, b)"\n1;x, y;z\n', ("a", "b", "tags (a, b)"), 0),
        ('"a;1","b;2"\nx,"y;z"\n', ("a;1", "b;2"), 0),
        ("sep=;\r\na;b\r\n1,5;2\r\n", ("a", "b"), 0),
        ('"sep=\\t"\na\tb\n1\t2\n', ("a", "b"), 0),
        ("Tickets\n\na,b,c\n1,2,3\n", ("a", "b", "c"), 1),
        ("Report,,\nCreated: 2024-03-14,,\na,b,c\n1,2,3\n", ("a", "b", "c"), 2),
        ("\n\na,b\n1,2\n", ("a", "b"), 0),
        ("a,b\n1,2\n", ("a", "b"), 0),
        ("text\nHello, there\nYes, ok\n", ("text",), 0),  # one column, whatever its rows look like
        (",text,label\n0,Hello you,a\n", ("", "text", "label"), 0),  # as pandas writes its index
        ("question,answer\nI want, please, it,Sure\nI want, please, it,Sure\n", ("question", "answer"), 0),
        ("a|b\n1, 2|3\n", ("a", "b"), 0),
    ],
)
def test_the_header_and_the_separator_are_told(tmp_path: Path, text: str, columns: tuple[str, ...], notes: int):
    found, _ = opened(tmp_path, text)
    assert found.columns == columns
    assert sum(int(note.split()[0]) for note in found.notes) == notes


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), st.sampled_from(",;|\t"))
def test_any_quoted_table_keeps_its_separator(rows: list[tuple[str, str, str]], sign: str):
    lines = [
        sign.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) + "\n" for row in [("a", "b", "c"), *rows]
    ]
    assert layout_of(lines, True, ",").separator == sign


def test_a_backslash_before_the_last_quote_is_a_backslash_where_no_quote_is_escaped(tmp_path: Path):
    _, rows = opened(tmp_path, 'a,b\n"C:\\dir\\",x\n"D:\\",y\n')
    assert values(rows) == [("C:\\dir\\", "x"), ("D:\\", "y")]
    assert with_quotes_doubled('"a \\"b\\" c\\\\"') == '"a ""b"" c\\\\"'


@pytest.mark.parametrize(
    "last", ["Total,,2", "Grand total,,17.5", "Total rows: 2,,", "المجموع,,٢", "الإجمالي الكلي,,2"]
)
def test_a_line_of_totals_is_no_message_and_is_told(tmp_path: Path, last: str):
    _, rows = opened(tmp_path, f"ticket_id,author,body\nT1,customer,Hi\n{last}\n")
    assert [bool(row.fault) for row in rows] == [False, True]
    assert "totals" in str(rows[1].fault)


@pytest.mark.parametrize("last", ["Total,customer,Hi", "T9,customer,Total", "totalled,agent,Hello"])
def test_a_message_about_totals_is_a_message(tmp_path: Path, last: str):
    _, rows = opened(tmp_path, f"ticket_id,author,body\nT1,customer,Hi\n{last}\n")
    assert [row.fault for row in rows] == [None, None]


@pytest.mark.parametrize(
    "column", ["ticket_id", "Ticket ID", "customer_id", "case number", "رقم_التذكرة", "conversation id"]
)
@pytest.mark.parametrize("cut", ["1.23457E+17", "1,23457E+17", "9E+15", "1.2e+16"])
def test_ids_that_excel_cut_are_refused_by_column_and_with_the_cure(tmp_path: Path, column: str, cut: str):
    _, rows = opened(tmp_path, f'{column},author,body\n"{cut}",customer,Hi\nT1,agent,Hello\n')
    assert str(rows[0].fault).startswith(f'{column} is "{cut}", a number that Excel cut short')
    assert "as text" in str(rows[0].fault)
    assert rows[1].fault is None


def test_figures_in_other_columns_are_nobodys_id(tmp_path: Path):
    _, rows = opened(tmp_path, "ticket_id,body,distance\n12E4,The part 1.5E+10,1.2E+10\n1e5x,Hi,1\n")
    assert [row.fault for row in rows] == [None, None]
