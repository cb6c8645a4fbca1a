"""Where the adapter fails, on the page in both languages and in the model card."""

from dataclasses import replace

import polars as pl
import pytest

from curation.report.blocks import Note, Table
from curation.report.cards import model_card
from curation.report.examples import Picking
from curation.report.page import sections
from curation.report.slice_section import slices
from curation.report.words import languages
from tests.builders import params
from tests.report.example import finished

ENGLISH, ARABIC = (next(words for words in languages() if words.code == code) for code in ("en", "ar"))
DONE = finished()
TABLE = DONE["evaluated/slices"]


def with_slices(table: pl.DataFrame) -> list[Note | Table]:
    return [
        b for b in slices(replace(DONE, tables={"evaluated/slices": table}), ENGLISH) if isinstance(b, Note | Table)
    ]


@pytest.mark.parametrize(
    ("words", "kind", "named", "said"),
    [(ENGLISH, "Dialect", "Gulf", "3 slices and metrics"), (ARABIC, "اللهجة", "الخليجية", "والمقاييس 3")],
)
def test_the_worst_slices_stand_first_with_their_intervals(words: object, kind: str, named: str, said: str) -> None:
    looked_at, worse, behind, table = slices(DONE, words)  # type: ignore[arg-type]
    assert isinstance(looked_at, Note) and isinstance(worse, Note) and isinstance(table, Table)
    assert said in looked_at.text
    assert worse.kind == "bad" and "2" in worse.text
    assert isinstance(behind, Note) and behind.kind == "warning" and "1" in behind.text
    assert "payment" in table.rows[0][1] and "−0.500 … −0.100" in table.rows[0]
    assert table.rows[1][0] == kind and named in table.rows[1][1]
    assert len(table.rows) == 3


def test_where_nothing_is_worse_it_is_said_and_good() -> None:
    _, found, _ = with_slices(TABLE.with_columns(worse=False, behind=False))
    assert isinstance(found, Note) and found.kind == "good"


def test_where_every_slice_is_too_small_it_is_said() -> None:
    (only,) = with_slices(TABLE.filter(kind="length"))
    assert isinstance(only, Note) and only.kind == "warning"


def test_the_rest_of_many_is_folded_and_nothing_is_lost() -> None:
    many = with_slices(pl.concat([TABLE.drop_nulls()] * 10))
    tables = [block for block in many if isinstance(block, Table)]
    assert [(len(table.rows), table.folded) for table in tables] == [(12, False), (18, True)]


def test_what_falls_behind_the_team_has_a_table_of_its_own_and_a_line_in_the_card() -> None:
    own = TABLE.head(1).with_columns(against=pl.lit("team"), slice=pl.lit("refund"), worse=False, behind=True)
    both = replace(DONE, tables={**DONE.tables, "evaluated/slices": pl.concat([own, TABLE])})
    prompt, team = (block for block in slices(both, ENGLISH) if isinstance(block, Table))
    assert len(prompt.rows) == 3 and not team.folded
    assert "refund" in str(team.rows[0][1]) and "team" in str(team.caption)
    card = model_card(both)
    assert "4 slices and metrics were compared with prompted" in card
    assert "- intent `refund`, playbook, beside the team's own replies: -0.300" in card


def test_the_model_card_names_what_is_worse() -> None:
    card = model_card(DONE)
    assert "Where it fails: 3 slices and metrics were compared with prompted" in card
    assert "- intent `payment`, playbook: -0.300 (-0.500 … -0.100) over 14 conversations" in card
    assert "length" not in card.split("Where it fails")[1].split("What the base model")[0]
    assert "turn `last`" in card.split("Where it fails")[1].split("What the base model")[0]


def test_the_section_stands_on_the_page() -> None:
    names = [section.name for section in sections(DONE, ENGLISH, Picking(**params("report"), countries=("SA",)))]
    assert names.index("slices") == names.index("comparisons") + 1
