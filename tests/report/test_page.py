"""The page can be read in a minute: three groups, a line for each section, and all else folded."""

import re

from markupsafe import Markup

from curation.report.blocks import Note, Section, Table
from curation.report.examples import Picking
from curation.report.page import GROUPS, grouped, render, sections, verdict_notes
from curation.report.words import languages
from tests.report.example import finished

DONE = finished(rows=120)
PICKING = Picking(seed=1, examples=1, reasons=4, pairs=1, turns=4, characters=200, countries=("SA",))
PAGE = render(DONE, PICKING)


def test_the_table_of_contents_leads_to_every_section_in_three_groups_in_every_language() -> None:
    names = [section.name for section in sections(DONE, languages()[0], PICKING)]
    for words, contents in zip(
        languages(), re.findall(r'<nav class="contents".*?</nav>', PAGE, re.DOTALL), strict=True
    ):
        wanted = [words(f"groups.{group}") for group in GROUPS.values()]
        assert re.findall(r'<li><a href="#\w+-(?:data|trust|model)">(.*?)</a>', contents) == wanted
        led = re.findall(rf'href="#{words.code}-(\w+)"', contents)
        assert [name for name in led if name not in GROUPS.values()] == names
        assert all(PAGE.count(f'id="{words.code}-{name}"') == 1 for name in led)


def test_the_groups_hold_every_section_once_and_in_order() -> None:
    listed = sections(DONE, languages()[0], PICKING)
    assert [one for _, part in grouped(listed) for one in part] == listed
    assert all(part for _, part in grouped(listed))


def test_only_the_funnel_is_unfolded_and_every_other_section_says_what_it_amounts_to() -> None:
    for article in PAGE.split("<article ")[1:]:
        opened = re.findall(r'<section id="\w+-(\w+)">\n<details( open)?>', article)
        assert [name for name, is_open in opened if is_open] == ["funnel"]


def test_the_first_note_is_the_gist_and_is_told_once() -> None:
    table = Table("caption", ["a"], [])
    section = Section("gate", [table, Note("enough"), Note("more")])
    assert section.gist == Note("enough")
    assert section.body == [table, Note("more")]
    assert Section("gate", [table]).gist is None
    assert PAGE.count(str(verdict_notes(DONE, languages()[0])[0].text)) == 1


def test_what_stands_on_top_leads_to_the_section_that_has_more_on_it() -> None:
    linked = {note.section for note in verdict_notes(DONE, languages()[0])}
    assert {"funnel", "gate", "comparisons"} <= linked
    for words in languages():
        assert f'<a href="#{words.code}-gate">{words("gate.title")}</a></p>' in PAGE


# Figures of no rows of the set, by section and column: what is left or lacking, limits, planted rows, people's minutes,
# how many values there are; topics have no name to ask by, and what review.verdict_* counts is no outcome.
OF_NO_ROWS = {
    "funnel": {"funnel.left"},
    "reasons": {"reasons.limit"},
    "values": {"values.limit", "values.unlimited"},
    "thin": {"thin.more"},
    "drift": {"drift.before", "drift.now", "drift.points", "drift.between"},
    "knowledge": {"knowledge.values"},
    "audit": {"audit.planted", "audit.found", "audit.between"},
    "review": {"review.conversations"},
    "people": {"people.*"},
    "validation": {"validation.rows"},
    "gate": {"gate.value"},
}


def test_a_figure_of_rows_leads_to_its_rows() -> None:
    words = DONE.worded(languages()[0])
    linked = 0
    groups = dict(grouped(sections(DONE, words, PICKING)))
    for section in (*groups["data"], *groups["trust"]):
        free = {words(name) for name in OF_NO_ROWS.get(section.name, ()) if "*" not in name}
        every = any("*" in name for name in OF_NO_ROWS.get(section.name, ()))
        for table in (block for block in section.blocks if isinstance(block, Table)):
            for row in table.rows:
                for place in sorted(table.numbers):
                    cell, name = str(row[place]), table.header[place]
                    leads = "<code" in cell or "<a " in cell
                    linked += leads
                    bare = Markup(cell).striptags()
                    told = leads or every or name in free or bare.endswith("%") or bare in ("", "0", "·", "−0")
                    assert told or "<svg" in cell, (section.name, name, row[0], cell)
    assert linked > 100


def test_a_cell_names_its_column_for_screens_on_which_rows_are_cards() -> None:
    rows = [row for body in PAGE.split("<tbody>")[1:] for row in body.partition("</tbody>")[0].split("<tr>")[1:]]
    assert rows
    assert all(row.count("<td") == row.count('<td data-name="') for row in rows)
    for words in languages():
        assert any(f'<td data-name="{words("reasons.outcome")}">' in row for row in rows)
