"""`qirat facts` and the gate's and the page's words for the same table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from curation.commands.facts import as_text, facts
from curation.curate.fates import CURATED
from curation.curate.knowledge import FACTS, knowledge, statements
from curation.gate import most_told
from curation.harness.errors import QiratError
from curation.report.blocks import Note, Table
from curation.report.knowledge_section import knowledge as section
from curation.report.words import languages
from tests.builders import record, save, talk
from tests.report.example import finished

SAID = [
    *["The delivery fee is 25 SAR."] * 4,
    *["The delivery fee is 30 SAR."] * 4,
    *(f"Your order total is {n} SAR." for n in (411, 385, 902, 77)),
    *["Call us at 0501234567."] * 4,
]
HOUSE, OTHER = "0501234567", "0507654321"


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    said = [*SAID, f"I have called {OTHER}."]
    at = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(len(said))]
    read = record(*(talk(f"Question {chr(97 + n)}x?", one) for n, one in enumerate(said)), created_at=at)
    curated = read.with_columns(origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String)).select(CURATED.names())
    return knowledge(statements(curated), 4, ("SA",))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: pl.DataFrame) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, "facts/facts", table)


@pytest.mark.usefixtures("project")
def test_a_contradiction_is_told_as_a_story() -> None:
    said = as_text(facts(None, contradictions=True, house=False, most=40)).splitlines()
    assert said[0] == "price of delivery (en), one after the other: The delivery fee is ___."
    assert said[1].split() == "25 SAR 2025-01-01 to 2025-01-04 4 conversations".split()
    assert said[2].split() == "30 SAR 2025-01-05 to 2025-01-08 4 conversations".split()
    assert "in 1 contexts values contradict" in said[-1]


@pytest.mark.usefixtures("project")
def test_facts_are_listed_by_kind_and_of_the_house_and_the_rest_is_counted() -> None:
    assert {row["kind"] for row in facts("price", contradictions=False, house=False, most=40)["rows"]} == {"price"}
    confirmed = facts(None, contradictions=False, house=True, most=40)
    assert {row["words"] for row in confirmed["rows"]} == {"25 SAR", "30 SAR", HOUSE}
    said = as_text(facts(None, contradictions=False, house=False, most=2))
    assert "more (--most" in said
    assert OTHER not in as_text(facts(None, contradictions=False, house=False, most=40))


@pytest.mark.usefixtures("project")
def test_a_kind_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(QiratError, match="did you mean price"):
        facts("prices", contradictions=False, house=False, most=1)


def test_the_gate_names_what_is_most_told(table: pl.DataFrame) -> None:
    named = most_told(table)
    assert "price of delivery (2 values)" in named
    assert f"contact of Call us ({HOUSE})" in named or any(HOUSE in one for one in named)
    assert most_told(table.clear()) == ()


@pytest.mark.parametrize("code", ["en", "ar"])
def test_the_page_shows_contradictions_what_varies_and_what_to_confirm(table: pl.DataFrame, code: str) -> None:
    words = next(words for words in languages() if words.code == code)
    told, warned, contradictions, volatile, house = section(replace(finished(), tables={"facts/facts": table}), words)
    assert isinstance(told, Note) and isinstance(warned, Note) and warned.kind == "warning"
    assert isinstance(contradictions, Table) and isinstance(volatile, Table) and isinstance(house, Table)
    assert [[cell for cell in row if "SAR" in cell] for row in contradictions.rows] == [
        ['<bdi dir="auto">25 SAR</bdi>'],
        ['<bdi dir="auto">30 SAR</bdi>'],
    ]
    assert any("order total" in row[1] for row in volatile.rows)
    assert any(HOUSE in "".join(row) for row in house.rows)
    empty = section(replace(finished(), tables={"facts/facts": pl.DataFrame(schema=FACTS)}), words)
    assert [note.kind for note in empty if isinstance(note, Note)] == ["plain", "good"]
