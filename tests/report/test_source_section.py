"""Where rows are lost: the worst file first, every month in its place, and each reason leading to its examples."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from curation.checks.codes import codes
from curation.report.blocks import Note, Table
from curation.report.data_sections import reason_notes
from curation.report.examples import Picking
from curation.report.page import render
from curation.report.results import REMOVED, USED, Results
from curation.report.source_section import REASONS, by_file, months, worst_file, worst_first
from curation.report.words import languages
from tests.report.example import figure, finished

DONE = finished(rows=150)
PICKING = Picking(seed=1, examples=1, reasons=20, pairs=1, turns=4, characters=200, countries=("SA",))
MONTHS = (datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None)


def dated() -> Results:
    read = DONE["ingested/conversations"]
    at = pl.Series("created_at", [MONTHS[n % 3] for n in range(read.height)], dtype=read.schema["created_at"])
    return replace(DONE, tables={**DONE.tables, "ingested/conversations": read.with_columns(at)})


def test_the_file_that_loses_most_beyond_its_part_comes_first_and_a_single_bad_row_leads_none() -> None:
    fates = [("big", "dropped")] * 40 + [("big", "accepted")] * 60 + [("good", "accepted")] * 99 + [("one", "dropped")]
    rows = pl.DataFrame(fates, ["file", "outcome"], orient="row")
    assert worst_first(rows, "file")["file"].to_list() == ["big", "one", "good"]


def test_reasons_of_a_file_are_counted_beside_its_rows() -> None:
    rows = DONE.rows()
    lost = rows.filter(pl.col("outcome").is_in(REMOVED))["code"].value_counts()
    for words in languages():
        table = by_file(DONE, DONE.worded(words))
        assert sum(figure(row[1]) for row in table.rows) == rows.height
        shown = [sum(map(figure, column)) for column in list(zip(*table.rows, strict=True))[4:]]
        assert shown == lost["count"].sort(descending=True).to_list()[:REASONS]


def test_months_stand_in_the_order_of_time_with_the_undated_last() -> None:
    for words in languages():
        gist, table = months(dated(), DONE.worded(words))
        assert isinstance(gist, Note)
        assert isinstance(table, Table)
        assert [re.sub("<.*?>", "", str(row[0])) for row in table.rows] == ["2025-12", "2026-01", words("none")]
        assert "2025-12" in gist.text
    assert [type(block) for block in months(DONE, languages()[0])] == [Note]


def test_the_worst_file_and_the_frequent_reasons_stand_on_top_in_words() -> None:
    for words in (DONE.worded(words) for words in languages()):
        assert "chats.jsonl" in worst_file(DONE, words).text or "tickets.csv" in worst_file(DONE, words).text
        [note] = reason_notes(DONE, words)
        most = DONE.reasons()["code"].value_counts().sort("count", "code", descending=[True, False])["code"][0]
        assert words.titled(most) in note.text
    clean = replace(DONE, tables={**DONE.tables, "ledger": DONE["ledger"].filter(pl.col("outcome").is_in(USED))})
    assert worst_file(clean, languages()[0]).kind == "good"
    assert reason_notes(clean, languages()[0]) == []
    none = replace(DONE, tables={**DONE.tables, "ledger": DONE["ledger"].clear()})
    assert worst_file(none, languages()[0]).kind == "good"


def test_every_reason_that_has_examples_leads_to_them_and_every_number_to_its_rows() -> None:
    page = render(DONE, PICKING)
    for words in languages():
        led = set(re.findall(rf'href="#({words.code}-examples-[\w-]+)"', page))
        assert led
        assert all(page.count(f'<h4 id="{anchor}"') == 1 for anchor in led)
    assert '<code dir="ltr">qirat why --dropped --code mojibake</code>' in page
    assert '<code dir="ltr">qirat why --accepted</code>' in page


def test_every_code_has_a_title_in_its_own_script_in_every_language() -> None:
    for name, code in codes().items():
        assert re.search("[\u0620-\u064a]", code.called(name, "ar")), name
        assert re.fullmatch("[A-Za-z '-]+", code.called(name, "en")), name
        assert name not in (code.called(name, "ar"), code.called(name, "en")) or name in ("gibberish", "echo")
