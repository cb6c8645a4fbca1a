"""The page can be read in a minute: three groups, a line for each section, and all else folded."""

import re

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


def test_a_cell_names_its_column_for_screens_on_which_rows_are_cards() -> None:
    rows = [row for body in PAGE.split("<tbody>")[1:] for row in body.partition("</tbody>")[0].split("<tr>")[1:]]
    assert rows
    assert all(row.count("<td") == row.count('<td data-name="') for row in rows)
    for words in languages():
        assert any(f'<td data-name="{words("reasons.outcome")}">' in row for row in rows)
