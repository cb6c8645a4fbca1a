"""What stands behind the verdict, in both languages."""

from dataclasses import asdict, replace
from typing import Any

import polars as pl
import pytest
from markupsafe import escape

from curation.report.blocks import Examples, Note, Table
from curation.report.examples import Picking
from curation.report.model_sections import arms, comparisons
from curation.report.page import verdict_notes
from curation.report.prompt_section import prompts
from curation.report.verdict_sections import further, kept, readiness, reasons, rules
from curation.report.words import languages
from tests.report.example import finished
from training.evaluate.findings import Gain
from training.judge.arms import ADAPTER, PROMPT_ARMS
from training.judge.reasons import SENTENCES, Reason, as_codes

ENGLISH, ARABIC = (next(words for words in languages() if words.code == code) for code in ("en", "ar"))
DONE = finished()
PICKING = Picking(countries=("SA",))
KINDS = ("title", "explanation")
FIGURES: dict[str, Any] = {
    **asdict(Gain("prompted", "playbook", "ar", -0.021, -0.06, 0.11, 40, 31)),
    "arm": "prompted",
    "margin": 0.05,
    "target": 0.95,
    "least": 30,
    "wins": 9,
    "losses": 21,
    "judges": 2,
    "judge": "model m",
    "beside": 40,
    "agree": 0.8,
    "stale": 3,
    "kinds": "email",
    "metrics": "nll (2)",
    "good": 12,
    "measured": "playbook 40/180",
    "params": "evaluate.forgetting: 0",
    "reason": "latency <b>",
    "share": 0.83,
    "of": 60,
    "limit": 64,
    "level": 0.975,
    "kind": "dialect",
    "slice": "gulf",
    "looked_at": 60,
    "there": 60,
    "rest": 0.2,
    "spread": 0.02,
    "others": "base, prompted",
}


def text(blocks: Any) -> str:
    parts = []
    for block in blocks:
        parts += [block.text] if isinstance(block, Note) else [cell for row in block.rows for cell in row]
    return " ".join(map(str, parts))


@pytest.mark.parametrize("code", SENTENCES)
def test_every_reason_reads_in_arabic_on_the_arabic_page(code: str) -> None:
    found = replace(DONE, verdict={"verdict": "do not promote", **as_codes([Reason(code, FIGURES)])})
    ((arabic,), (english,)) = (reasons(found, words) for words in (ARABIC, ENGLISH))
    assert any("\u0620" <= letter <= "\u064a" for letter in arabic)
    assert "<b>" not in arabic
    assert not any("\u0620" <= letter <= "\u064a" for letter in english)
    on_top = " ".join(str(note.text) for note in verdict_notes(found, ARABIC))
    assert str(arabic) in on_top


def test_the_reasons_besides_are_folded_to_one_line_in_both_languages() -> None:
    besides = [Reason("loss", FIGURES), Reason("unbeaten", FIGURES)]
    found = replace(DONE, verdict={"verdict": "undecided", **as_codes([]), "further": as_codes(besides)})
    for words, said in ((ENGLISH, "and 2 more reasons"), (ARABIC, "وأسباب أخرى عددها 2")):
        (table,) = further(found, words)
        assert isinstance(table, Table)
        assert (table.folded, table.caption, len(table.rows)) == (True, said, 2)
    assert further(replace(DONE, verdict={}), ENGLISH) == []


@pytest.mark.parametrize("verdict", ["promote", "not good enough", "undecided", "do not promote"])
def test_every_verdict_has_a_name_and_a_meaning_in_both_languages(verdict: str) -> None:
    for words in (ENGLISH, ARABIC):
        assert words.knows(f"verdict.{verdict}")
        assert words.knows(f"verdict_means.{verdict}")


def test_conversations_of_fewer_groups_are_told_with_both_numbers() -> None:
    table = DONE["evaluated/comparisons"].with_columns(groups=pl.lit(31))
    grouped = replace(DONE, tables={**DONE.tables, "evaluated/comparisons": table})
    assert "40 (31)" in text(block for block in comparisons(grouped, ENGLISH) if isinstance(block, Table))
    assert "(40)" not in text(block for block in comparisons(DONE, ENGLISH) if isinstance(block, Table))


def test_every_arm_has_a_name_of_its_own_in_both_languages() -> None:
    known = (*PROMPT_ARMS, ADAPTER)
    for words in (ENGLISH, ARABIC):
        assert all(words.knows(f"arm.{arm}") for arm in known)
        assert len({words.name_of("arm", arm) for arm in known}) == len(known)


def test_the_written_prompt_with_examples_stands_among_the_arms() -> None:
    for words, name in ((ENGLISH, "Written prompt and examples"), (ARABIC, "تلقين مكتوب مع أمثلة")):
        for blocks in (arms(DONE, words), comparisons(DONE, words)):
            assert name in text(block for block in blocks if isinstance(block, Table))


def test_figures_of_a_gain_keep_their_direction_in_arabic() -> None:
    found = replace(DONE, verdict={"verdict": "x", **as_codes([Reason("unbeaten", FIGURES)])})
    assert "\u2066−0.021\u00a0[−0.060,\u00a0+0.110]\u2069" in reasons(found, ARABIC)[0]


def test_arms_that_were_not_asked_have_their_names_on_the_page() -> None:
    found = replace(DONE, verdict={"verdict": "x", **as_codes([Reason("strongest_only", FIGURES)])})
    for words, named in ((ENGLISH, "Base model, Written prompt ("), (ARABIC, "النموذج الأساسي، تلقين مكتوب (")):
        assert named in reasons(found, words)[0]


@pytest.mark.parametrize(
    ("code", "figures", "named"),
    [
        ("memorised_personal", {"kinds": "email, phone"}, ["titles.pii_email", "titles.pii_phone"]),
        ("too_little", {"measured": "playbook 40/180, nll 30/?"}, ["metric.playbook", "metric.nll"]),
        ("not_shown", {"metrics": "nll (2)"}, ["metric.nll"]),
    ],
)
def test_metrics_and_kinds_that_a_reason_lists_are_called_by_their_names(
    code: str, figures: dict[str, Any], named: list[str]
) -> None:
    found = replace(DONE, verdict={"verdict": "x", **as_codes([Reason(code, {**FIGURES, **figures})])})
    for words in map(DONE.worded, (ENGLISH, ARABIC)):
        (said,) = reasons(found, words)
        assert all(str(escape(words(name))) in said for name in named)


def test_the_four_questions_are_answered_with_their_figures() -> None:
    for words, yes in ((ENGLISH, "yes"), (ARABIC, "نعم")):
        (table,) = readiness(DONE, words)
        assert isinstance(table, Table)
        assert [row[1] for row in table.rows] == [yes] * 4
        assert "210" in str(table.rows[0][2])
        assert "12,000" in str(table.rows[3][2])


def test_a_searched_prompt_stands_on_the_page_with_its_cost_and_without_personal_data() -> None:
    for words in (ENGLISH, ARABIC):
        table, found = prompts(DONE, words, PICKING)
        assert isinstance(table, Table)
        assert [str(cell) for cell in table.rows[0][1:]] == ["12", "4,321", "2.500", "2.250", "3"]
        assert isinstance(found, Examples)
        said = " ".join(str(turn.text) for turn in found.examples[0].columns[0])
        assert "كن موجزاً" in said
        assert "شكراً" in said
        assert "mail.example" not in said
        assert "data/baseline/optimised/ar.json" in str(found.examples[0].facts)


def test_a_prompt_that_is_no_better_is_not_offered_and_no_search_is_told() -> None:
    worse = replace(DONE, searched=({**DONE.searched[0], "optimised": 2.5},))
    assert [type(block) for block in prompts(worse, ENGLISH, PICKING)] == [Table]
    untried = replace(DONE, searched=({**DONE.searched[0], "written": None, "optimised": None},))
    for none in (untried, replace(DONE, searched=())):
        assert "baseline.optimise" in text(prompts(none, ARABIC, PICKING))


def test_use_retrieval_says_what_tuning_would_not_teach_and_where_to_look() -> None:
    facts = {**DONE.readiness["facts"], "share": 0.6}
    gate = {**DONE.readiness, "facts": facts, "verdict": "use retrieval"}
    found = replace(DONE, readiness=gate, prospects=(), verdict=gate)
    said = text(readiness(found, ENGLISH))
    for part in ("no", "60.0%", "would not teach these facts", "ungrounded_price: price", "e" * 32):
        assert part in said
    assert "لا يعلّم هذه الحقائق" in " ".join(text(readiness(found, ARABIC)).replace("ولا", "لا").split())


def test_a_prompt_that_is_not_longer_saves_nothing() -> None:
    figures = {"arm": "base", "saved": 0.0, "replies_a_day": 1000.0}
    found = replace(DONE, prospects=({"question": "traffic", "answer": "no", "figures": figures},))
    assert "training saves nothing" in text(readiness(found, ENGLISH))
    assert "لا يوفر التدريب شيئاً" in text(readiness(found, ARABIC)).replace("فلا", "لا")


def test_a_rule_is_called_better_only_where_the_adjusted_p_is_small() -> None:
    _, table, folded = rules(DONE, ENGLISH)
    assert isinstance(table, Table)
    assert [row[-1] for row in table.rows] == ["better", "cannot be told"]
    assert isinstance(folded, Table)
    assert folded.folded


def test_what_was_learnt_by_heart_is_told_without_its_words() -> None:
    said = text(kept(DONE, ENGLISH))
    assert "repeat personal data of training conversations, 1 times" in said
    assert "the longest of 12 words" in said
    assert "a run of words" not in said.replace("hold a run of words", "")
    clean = {**DONE.tables, "evaluated/memorised": pl.DataFrame(schema={"what": pl.String})}
    assert "repeat no particular training conversation" in text(kept(replace(DONE, tables=clean), ENGLISH))


def test_a_metric_is_called_and_explained_in_the_words_that_it_brings() -> None:
    for words in (ENGLISH, ARABIC):
        said = text(arms(DONE, DONE.worded(words))) + " ".join(
            block.caption for block in arms(DONE, DONE.worded(words)) if isinstance(block, Table)
        )
        assert all(DONE.metrics[name][kind][words.code] in said for name in ("nll", "playbook") for kind in KINDS)
    unbeaten = replace(DONE, verdict={"verdict": "x", **as_codes([Reason("unbeaten", FIGURES)])})
    assert DONE.metrics["playbook"]["title"]["ar"] in reasons(unbeaten, DONE.worded(ARABIC))[0]


def test_a_metric_without_words_in_a_language_speaks_english_and_an_unknown_one_has_its_name() -> None:
    title = {"en": "Replies that ask"}
    odd = replace(DONE, metrics={"nll": {"title": title, "explanation": title}})
    assert odd.worded(ARABIC).name_of("metric", "nll") == "Replies that ask"
    assert odd.worded(ARABIC).name_of("metric", "playbook") == "playbook"
