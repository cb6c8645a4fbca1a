"""The section about the review tells what people answered, in every language."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.decisions import answers as answers_file
from curation.decisions import decisions as decision
from curation.decisions import gold
from curation.decisions.answers import Answer
from curation.report import __main__ as stage
from curation.report.blocks import Note, Table
from curation.report.cards import model_card
from curation.report.page import render
from curation.report.review_section import people, preference
from curation.report.words import languages
from tests.builders import ROOT
from tests.report.test_report import DONE, PICKING
from tests.report.test_stage import project

__all__ = ["project"]  # the fixture

ENGLISH, *OTHERS = languages()


def tables(**changes: object) -> list[Table]:
    assert DONE.insight
    results = replace(DONE, insight=replace(DONE.insight, **changes))  # type: ignore[arg-type]
    return [block for block in people(results, ENGLISH) if isinstance(block, Table)]


def test_every_figure_of_the_review_is_told() -> None:
    assert DONE.insight and DONE.insight.alpha
    numbers, annotators, blind, overturned = tables()
    assert numbers.rows[0] == ["Answers", f"{DONE.insight.answers}"]
    assert f"{DONE.insight.alpha[0]:.2f} (" in str(numbers.rows[-1][1])
    assert [str(row[0]) for row in annotators.rows] == [
        f'<bdi dir="auto">{name}</bdi>' for name in DONE.insight.annotators["annotator"]
    ]
    assert len(blind.rows) == 2 and len(overturned.rows) == DONE.insight.overturned.height
    widths = {len(table.header) - len(row) for table in (numbers, annotators, blind, overturned) for row in table.rows}
    assert widths == {0}


def test_what_nobody_can_tell_yet_is_not_there() -> None:
    few = tables(alpha=None, minutes=None, false_keep=None, false_drop=None, overturned=DONE.insight.overturned.clear())  # type: ignore[union-attr]
    assert len(few) == 2 and len(few[0].rows) == 5


@pytest.mark.parametrize("words", languages(), ids=lambda words: words.code)
def test_before_anybody_answered_the_section_says_so(words: object) -> None:
    for insight in (None, replace(DONE.insight, answers=0)):  # type: ignore[type-var]
        [block] = people(replace(DONE, insight=insight), words)  # type: ignore[arg-type]
        assert isinstance(block, Note)


def test_the_stage_reads_the_files_of_the_review(project: Path) -> None:
    key = DONE["routed/queue"]["conversation_id"][0]
    answers_file.write_answers([Answer(key, "noura <b>", "drop", at="2026-01-05T10:00:00+00:00")])
    decision.write_decisions([])
    gold.write_gold([])
    stage.main()
    page = (project / "reports/index.html").read_text("utf-8")
    assert "noura &lt;b&gt;" in page and "noura <b>" not in page


def test_the_files_that_ship_have_headers_only() -> None:
    for name in ("answers", "decisions", "gold", "pairs"):
        [line] = (ROOT / f"data/review/{name}.jsonl").read_text("utf-8").splitlines()
        assert json.loads(line) == {"qirat": name, "version": 1}


def test_the_page_shows_the_people_in_both_languages() -> None:
    page = render(DONE, PICKING)
    assert page.count('<bdi dir="auto">sara</bdi>') == 2


JUDGED: dict[str, Any] = {
    "against": "prompted",
    "asked": 40,
    "stale": 0,
    "reasons": {"tone": 3},
    "wins": 22,
    "ties": 8,
    "losses": 10,
    "value": 0.3,
    "low": -0.01,
    "high": 0.55,
    "n": 40,
    "corrected": {"value": 0.4, "low": -0.02, "high": 0.7, "n": 40},
    "judges": [{"annotator": "noura <b>|", "answers": 40, "gold_asked": 10, "gold_right": 9, "weight": 0.73}],
}


def test_page_and_card_say_who_judged_how_many_pairs_and_what_came_of_it() -> None:
    judged = replace(DONE, preference=JUDGED)
    for words, told in zip((ENGLISH, *OTHERS), ("Written prompt", "تلقين مكتوب"), strict=True):
        counts, judges = preference(judged, words)
        assert isinstance(counts, Table) and isinstance(judges, Table)
        assert told in str(counts.rows[1][0])
        shown = [row[1] for row in counts.rows]
        assert shown == ["22", "10", "8", "+0.30 (−0.01 … +0.55)", "+0.40 (−0.02 … +0.70)", "3"]
        assert "<b>" not in str(judges.rows[0][0]) and judges.rows[0][1:] == ["40", "9 / 10", "0.73"]
    card = model_card(judged)
    assert "| `noura <b>/` | 40 | 9 of 10 | 0.73 |" in card
    assert (
        "Better in 22 groups of conversations, worse in 10, neither in 8; "
        "wins less losses, weighed, +0.30 (-0.01 … +0.55)." in card
    )


def test_answers_that_do_not_count_and_none_are_told_as_such() -> None:
    uncounted = {name: JUDGED[name] for name in ("against", "asked", "stale", "reasons", "judges")}
    for words in (ENGLISH, *OTHERS):
        note, _ = preference(replace(DONE, preference=uncounted), words)
        [none] = preference(replace(DONE, preference={"against": "base", "asked": 0, "judges": []}), words)
        assert isinstance(note, Note) and note.text == words("preference.uncounted")
        assert isinstance(none, Note) and none.text == words("preference.none")
    assert "no better than chance" in model_card(replace(DONE, preference=uncounted))
