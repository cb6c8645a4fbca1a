import math
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.statistics.intervals import FEW
from tests.builders import params
from training.evaluate.findings import Found, Reach, Supply, too_little
from training.evaluate.memorisation import MEMORISED
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.arms import ADAPTER
from training.judge.reasons import SENTENCES, Reason
from training.judge.scoring import PREDICTIONS, SCORES, Evaluate, arm_table
from training.judge.target import GOOD, good_shares

PARAMS = Evaluate.model_validate({**params("evaluate"), "primary": "playbook", "bootstrap": 300})
N = 160
HALVES = MappingProxyType({"ar": N // 2, "en": N // 2})
PROMPTS = ("base", "prompted", "few_shot", "prompted_few_shot")
NOTHING = Kept(pl.DataFrame(schema=forgetting.TABLE), pl.DataFrame(schema=MEMORISED), pl.DataFrame(schema=GOOD))
UNREACHED = MappingProxyType({"reached": None, "override": "", "target": 0.9})
UNWRITTEN = pl.DataFrame(schema=PREDICTIONS)
GOOD_OF = ("playbook_pass", "stopped")


def enough(reached: str | None, override: str) -> Mapping[str, Any]:
    """What the baseline said, and why training went on."""
    return {"reached": reached, "override": override, "target": 0.9}


def judged(
    prompts: Mapping[str, Any] = UNREACHED, kept: Kept = NOTHING, settings: Evaluate = PARAMS, **answers: Any
) -> dict[str, Any]:
    """The verdict on what `answered` makes of the rest."""
    scores, talks = answered(**answers)
    arms = arm_table(scores, talks, PARAMS.redraws)
    compared = comparisons(scores, talks.with_columns(messages=None), UNWRITTEN)
    return verdict(arms, compared, prompts, replace(kept, good=good_shares(scores, talks)), settings)


def answered(
    languages: Mapping[str, int] = HALVES,
    nll_ar: float = 1.0,
    nll_few_shot: float = 1.0,
    swings: float = 0.0,
    broken: int = 0,
    **playbook: float,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """SCORES and conversations: arms keep so many rules of twelve, few_shot more or less by `swings`; in so many
    conversations a rule is broken; the adapter's likelihoods of Arabic, and few_shot's, are these.
    """
    spoken = [language for language, n in languages.items() for _ in range(n)]
    talks = pl.DataFrame({"conversation_id": [f"{n:03}" for n in range(len(spoken))], "language": spoken})
    rows = []
    for arm in (*PROMPTS, ADAPTER):
        for n, (key, language) in enumerate(talks.iter_rows()):
            swing = swings * (-1) ** n if arm == "few_shot" else 0
            rows.append((arm, key, "playbook", playbook.get(arm, 5.0) + n % 3 + swing, 12.0))
            nll = {ADAPTER: nll_ar if language == "ar" else 1.0, "few_shot": nll_few_shot}.get(arm, 1.0)
            rows.append((arm, key, "nll", 10 * nll, 10.0))
            rows.append((arm, key, "stopped", 1.0, 1.0))
            rows.append((arm, key, "playbook_pass", float(n >= broken), 1.0))
    return pl.DataFrame(rows, schema=SCORES, orient="row"), talks.with_columns(cluster_id="conversation_id")


def everything(found: Mapping[str, Any]) -> list[str]:
    """All sentences, those that the page folds too."""
    return [*found["reasons"], *found["further"]["reasons"]]


def test_an_adapter_that_wins_and_loses_nothing_is_promoted() -> None:
    found = judged(adapter=8, prompted=6)
    assert (found["verdict"], found["best_prompt_arm"], found["more"]) == ("promote", "prompted", 0)
    assert "160 conversations in 160 groups" in found["reasons"][0]


def test_an_adapter_that_only_draws_is_shown_to_gain_too_little_where_many_were_asked() -> None:
    found = judged(adapter=6, prompted=6)
    assert (found["verdict"], found["because"][0]["code"]) == ("do not promote", "no_gain")
    few = judged(adapter=6, prompted=6, few_shot=6, swings=4, languages={"en": 40})
    assert (few["verdict"], few["because"][0]["code"]) == ("undecided", "unbeaten")


def test_what_cannot_be_computed_is_neither_won_nor_kept() -> None:
    """Weights that overflow give likelihoods that are no numbers, and no comparison with those is true."""
    found = judged(adapter=8, nll_ar=math.nan)
    assert found["verdict"] == "do not promote"
    assert {b["code"] for b in (*found["because"], *found["further"]["because"])} == {"loss"}
    assert judged(adapter=math.nan)["because"][0]["code"] == "unbeaten"


def test_a_loss_in_one_language_stops_promotion_and_is_named() -> None:
    found = judged(adapter=8, nll_ar=1.2)
    assert found["verdict"] == "do not promote"
    assert found["reasons"][0].startswith("nll (all) against base: worse by more than the margin 0.05 (")
    assert any(reason.startswith("nll (ar) against prompted") for reason in everything(found))
    assert not any("(en)" in reason for reason in everything(found))


def test_a_prompt_that_reached_the_target_is_enough_unless_the_adapter_is_better() -> None:
    found = judged(adapter=6, prompted=9, prompts=enough("prompted", "we must"))
    assert found["verdict"] == "prompting is enough"
    assert found["reasons"][0].startswith("prompted alone reached baseline.target")
    assert judged(adapter=9, prompted=6, prompts=enough("prompted", "we must"))["verdict"] == "promote"


def test_the_reason_to_train_all_the_same_stands_in_the_verdict_where_prompting_was_enough() -> None:
    said = "trained although prompting was enough: because of latency"
    assert said in judged(adapter=9, prompts=enough("base", "because of latency"))["reasons"]
    assert said not in judged(adapter=9, prompts=enough(None, "because of latency"))["reasons"]


@pytest.mark.parametrize("conversations", [1, FEW - 1])
def test_few_conversations_never_promote_and_the_first_reason_says_so(conversations: int) -> None:
    found = judged(adapter=9, languages={"en": conversations})
    assert found["verdict"] == "undecided"
    assert found["reasons"][0].startswith(f"only {conversations} conversations stand behind")
    assert found["more"] >= FEW - conversations
    assert judged(adapter=1, languages={"en": conversations})["verdict"] == (
        "do not promote" if conversations > 9 else "undecided"
    )
    assert judged(adapter=9, languages={"en": 73})["verdict"] == "promote"


def test_what_no_conversation_showed_may_still_be_a_loss_beyond_the_margin() -> None:
    """All replies of both arms end: of 72 conversations a loss in one of twenty is unseen in 2.5% of all draws."""
    settings = Evaluate.model_validate({**PARAMS.model_dump(), "margins": {"nll": None}})
    found = judged(adapter=9, languages={"en": 72}, settings=settings)
    assert found["verdict"] == "undecided"
    assert (found["because"][0]["code"], found["because"][0]["figures"]["metric"]) == ("loss", "stopped")
    assert found["because"][1]["figures"]["measured"] == "stopped 72/73, stopped (en) 72/73"
    assert found["more"] == 1


def test_a_language_of_few_conversations_is_named_as_not_shown_and_does_not_veto() -> None:
    found = judged(adapter=9, languages={"ar": 2, "en": 158}, nll_ar=1.1)
    assert found["verdict"] == "promote"
    assert any(reason.startswith("ar: not shown on nll (2), playbook (2)") for reason in everything(found))


def test_the_adapter_must_beat_every_prompt_arm_not_only_the_one_that_looks_best() -> None:
    found = judged(adapter=6.4, prompted=6, few_shot=5.9, swings=4)
    assert (found["best_prompt_arm"], found["verdict"]) == ("prompted", "undecided")
    assert found["reasons"][0].startswith("the adapter is not shown to beat few_shot on playbook")
    assert found["more"] > 40


def test_the_adapter_must_beat_the_written_prompt_with_examples_too() -> None:
    found = judged(adapter=7, prompted=6, few_shot=6, prompted_few_shot=8)
    assert (found["best_prompt_arm"], found["verdict"]) == ("prompted_few_shot", "do not promote")
    assert found["reasons"][0].startswith("the adapter is shown not to beat prompted_few_shot on playbook")
    assert judged(adapter=9, prompted=6, few_shot=6, prompted_few_shot=8)["verdict"] == "promote"


def test_margins_hold_against_every_prompt_arm_not_only_the_one_that_looks_best() -> None:
    found = judged(adapter=9, prompted=8, few_shot=5, nll_few_shot=0.8)
    assert (found["best_prompt_arm"], found["verdict"]) == ("prompted", "do not promote")
    assert found["reasons"][0].startswith("nll (all) against few_shot")


def stopped_early(of_base: int, **answers: Any) -> dict[str, Any]:
    """The verdict where base answered so many conversations and was asked no more; its likelihoods are whole."""
    scores, talks = answered(**answers)
    unread = (pl.col("arm") == "base") & (pl.col("metric") != "nll") & (pl.col("conversation_id") >= f"{of_base:03}")
    scores = scores.filter(~unread)
    compared = comparisons(scores, talks.with_columns(messages=None), UNWRITTEN)
    kept = replace(NOTHING, good=good_shares(scores, talks))
    prompts = {**UNREACHED, "early": {"base": of_base}}
    return verdict(
        arm_table(scores.filter(pl.col("arm") != "base"), talks, PARAMS.redraws), compared, prompts, kept, PARAMS
    )


def test_an_arm_that_stopped_early_holds_up_nothing_by_what_it_was_not_asked() -> None:
    assert stopped_early(12, adapter=8, prompted=6, base=2)["verdict"] == "promote"


def test_a_loss_that_is_shown_against_an_arm_that_stopped_early_counts() -> None:
    """It lost on the primary metric, and may be better on another: here on the likelihood, there on its replies."""
    found = stopped_early(20, adapter=8, prompted=6, base=2, nll_ar=1.2)
    assert found["verdict"] == "do not promote"
    assert found["reasons"][0].startswith("nll (all) against base")
    found = stopped_early(20, adapter=8, prompted=6, base=10)
    assert found["verdict"] == "do not promote"
    assert found["reasons"][0].startswith("playbook (all) against base: worse by more than the margin")


def test_what_every_look_leaves_of_the_error_holds_for_target_and_margins_alike() -> None:
    """160 conversations without a broken rule reach 0.9 at the first look, and at the 60th no more."""
    languages = {"en": N}
    first, late = (
        judged(adapter=8, prompted=6, languages=languages, kept=replace(NOTHING, reach=Reach.of_look(n)))
        for n in (1, 60)
    )
    assert (first["verdict"], late["verdict"]) == ("promote", "undecided")
    assert any("baseline.target" in reason for reason in everything(late))
    assert late["more"] > 0


def forgetful(loss: float, questions: int = 160, swing: float = 0.0) -> Kept:
    """An adapter that gives the right answers this much less of a chance, in Arabic, more or less by `swing`."""
    rows = []
    for arm in ("base", ADAPTER):
        for n in range(2 * questions):
            language = "ar" if n % 2 else "en"
            less = loss + swing * (-1) ** (n // 2) if (arm, language) == (ADAPTER, "ar") else 0
            rows.append((arm, f"{language}:{n}", language, "knowledge", 0.5 + n % 7 / 20 - less, True))
    answers = pl.DataFrame(rows, schema=forgetting.ANSWERS, orient="row")
    return Kept(forgetting.table(answers, ADAPTER, "base", PARAMS.redraws), NOTHING.memorised, NOTHING.good)


def test_an_adapter_that_forgot_one_language_is_not_promoted_and_it_is_named() -> None:
    assert judged(adapter=9, kept=forgetful(0.02))["verdict"] == "promote"
    found = judged(adapter=9, kept=forgetful(0.08))
    assert found["verdict"] == "do not promote"
    assert found["reasons"][0].startswith("general ability (ar): lost more than the margin 0.05")
    assert found["because"][0]["code"] == "forgot"
    assert found["because"][0]["figures"]["language"] == "ar"


def test_too_few_questions_on_general_ability_show_nothing_and_leave_it_open() -> None:
    found = judged(adapter=9, kept=forgetful(0.0, questions=5))
    assert found["verdict"] == "undecided"
    assert found["because"][0]["code"] == "forgotten"
    assert found["because"][1]["figures"]["measured"] == "forgetting 10/73"
    assert found["more"] == 0  # conversations
    assert judged(adapter=9, kept=forgetful(0.0, questions=73))["verdict"] == "promote"


def test_a_margin_that_the_questions_there_are_cannot_show_says_so_and_what_to_do() -> None:
    """A loss of 0.045 is told from one of the margin's 0.05 by ten thousands of questions; two hundred exist."""
    kept = replace(
        forgetful(0.045, questions=70, swing=0.3), supply=Supply({"all": 1000}, {"all": 400, "ar": 200, "en": 200})
    )
    found = judged(adapter=9, kept=kept)
    (line,) = [b["figures"]["measured"] for b in found["because"] if b["code"] == "beyond_questions"]
    assert found["verdict"] == "undecided"
    assert re.search(r"forgetting \(ar\) \d{5,}/200 \(evaluate\.forgetting_margin\)", line)
    assert not [b for b in found["because"] if b["code"] == "too_little" and "(ar)" in b["figures"]["measured"]]
    unknown = judged(adapter=9, kept=replace(kept, supply=Supply()))
    assert [b["code"] for b in unknown["because"]][:2] == ["forgotten", "too_little"]


def test_what_takes_more_conversations_than_the_test_has_says_so_and_names_what_asks_for_fewer() -> None:
    found = judged(adapter=9, broken=10, kept=replace(NOTHING, supply=Supply({"all": N, **HALVES})))
    (line,) = [b["figures"]["measured"] for b in found["because"] if b["code"] == "beyond_test"]
    assert re.fullmatch(rf"playbook_pass \d+/{N // 2} \(baseline\.target\)", line)
    assert (found["verdict"], found["left"]) == ("undecided", 0)
    enough_there = judged(adapter=9, broken=10, kept=replace(NOTHING, supply=Supply({"all": 10_000, "ar": 5_000})))
    assert "beyond_test" not in [b["code"] for b in enough_there["because"]]
    assert enough_there["left"] == 10_000 - N


@settings(max_examples=40, deadline=None)
@given(
    wanted=st.lists(st.tuples(st.integers(1, 500), st.sampled_from(["all", "ar", "en"]), st.booleans()), max_size=6),
    there=st.integers(0, 400),
)
def test_nothing_is_asked_for_that_there_is_not(wanted: list[tuple[int, str, bool]], there: int) -> None:
    """Whatever is open stands in one line: what can be asked for, or what cannot."""
    reason = Reason("unmeasured", {"metric": ""})
    few = [
        Found("open", reason, f"m{place}", 1, count, 9 * of_talks, language, f"p{place}")
        for place, (count, language, of_talks) in enumerate(wanted)
    ]
    supply = Supply({"all": there, "ar": there}, {"all": there, "en": there})
    lines = {r.code: r.figures["measured"].split(", ") for r in too_little(few, supply)}
    for one in few:
        known = (supply.conversations if one.whole else supply.questions).get(one.language)
        beyond = "beyond_test" if one.whole else "beyond_questions"
        if known is not None and (one.wanted or 0) > known:
            assert f"{one.what} {one.wanted}/{known} ({one.param})" in lines[beyond]
        else:
            assert f"{one.what} 1/{one.wanted}" in lines["too_little"]
    assert sum(map(len, lines.values())) == len(few)


def test_personal_data_learnt_by_heart_blocks_and_other_words_do_not() -> None:
    verbatim = ("verbatim", 12, "t", 1, "s", "twelve words")
    learnt = pl.DataFrame([verbatim], schema=MEMORISED, orient="row")
    assert judged(adapter=9, kept=replace(NOTHING, memorised=learnt))["verdict"] == "promote"
    personal = pl.DataFrame([verbatim, ("personal", 1, "t", 1, "s", "email")], schema=MEMORISED, orient="row")
    found = judged(adapter=9, kept=replace(NOTHING, memorised=personal))
    assert found["verdict"] == "do not promote"
    assert "repeats personal data of training conversations, 1 times (email)" in found["reasons"][0]


def test_every_reason_is_told_to_machines_in_the_same_order() -> None:
    found = judged(adapter=5, prompted=9, nll_ar=1.4, prompts=enough("prompted", "why"), languages={"ar": 2, "en": 9})
    assert len(found["further"]["reasons"]) > 4
    for told in (found, found["further"]):
        for sentence, because in zip(told["reasons"], told["because"], strict=True):
            assert SENTENCES[because["code"]].format(**because["figures"]) == sentence


def test_the_reason_that_decides_is_first_and_what_is_open_is_one_line() -> None:
    """One real loss among much that four conversations of a language cannot tell."""
    found = judged(adapter=6, swings=4, kept=forgetful(0.3, questions=40), languages={"ar": 20, "en": 20})
    assert found["verdict"] == "do not promote"
    assert [because["code"] for because in found["because"]] == ["forgot", "too_little"]
    assert len(found["further"]["reasons"]) > 4


def test_an_adapter_that_beats_the_prompts_and_misses_the_target_is_not_good_enough() -> None:
    found = judged(adapter=9, broken=100)
    assert found["verdict"] == "not good enough"
    assert found["reasons"][0].startswith("the adapter is not good enough: 60 of 160 conversations (all) break no rule")
    assert found["because"][1]["code"] == "beaten"
    assert judged(adapter=3, broken=100)["verdict"] == "do not promote"  # it lost rules, too


@settings(deadline=None, max_examples=15)
@given(
    st.floats(5.5, 9.0), st.sampled_from((0.0, 2.0, 4.0)), st.sampled_from(("en", "ar")), st.sampled_from((40, 60, 160))
)
def test_a_missed_target_has_one_word_whatever_a_draw_says_of_the_prompts(
    adapter: float, swings: float, language: str, n: int
) -> None:
    """Beaten, shown to gain too little, or open: what differs from draw to draw is told second."""
    found = judged(adapter=adapter, swings=swings, broken=n, languages={language: n})
    codes = [because["code"] for because in found["because"]]
    assert (found["verdict"], codes[0]) == ("not good enough", "below_target")
    assert codes[1] in ("beaten", "no_gain", "unbeaten")


def test_two_draws_that_differ_about_the_prompts_alone_end_in_one_verdict() -> None:
    """Which they do, near no gain: the example's two draws were +0.06, above zero, and +0.02, below the margin."""
    draws = [judged(adapter=kept, swings=1, broken=60, languages={"en": 60}) for kept in (5.5, 5.1)]
    assert [found["because"][1]["code"] for found in draws] == ["beaten", "no_gain"]
    assert len({(found["verdict"], found["reasons"][0]) for found in draws}) == 1


def test_a_target_that_is_shown_neither_way_is_open_and_its_price_is_told() -> None:
    found = judged(adapter=9, broken=10)
    assert (found["verdict"], found["because"][0]["code"]) == ("undecided", "target_open")
    assert "playbook_pass 80/" in found["because"][1]["figures"]["measured"]
    assert found["more"] > 0


def test_a_target_that_one_language_misses_is_missed() -> None:
    """The first conversations are the Arabic ones."""
    assert judged(adapter=9, broken=10, languages={"ar": 20, "en": 580})["verdict"] == "not good enough"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"forgetting": 0}, "evaluate.forgetting: 0"),
        ({"forgetting_margin": 1.0}, "evaluate.forgetting_margin: 1"),
        ({"margins": {"stopped": None}}, "evaluate.margins.stopped: null"),
        ({"margins": {"nll": 5.0, "playbook": 0.01}}, "evaluate.margins.nll: 5"),
    ],
)
def test_a_guard_that_is_switched_off_or_loosened_is_named_in_the_verdict(changed: Any, named: str) -> None:
    settings = Evaluate.model_validate({**PARAMS.model_dump(), **changed})
    found = judged(adapter=9, settings=settings)
    assert found["verdict"] == "promote"
    assert found["because"][1] == {"code": "guard_off", "figures": {"params": named}}


def test_a_target_of_nothing_is_a_guard_switched_off() -> None:
    found = judged(adapter=9, broken=160, prompts={**UNREACHED, "target": 0.0})
    assert (found["verdict"], found["because"][1]["figures"]["params"]) == ("promote", "baseline.target: 0")


def test_a_metric_that_has_a_margin_and_was_not_measured_leaves_it_open() -> None:
    found = judged(adapter=9, settings=Evaluate.model_validate({**PARAMS.model_dump(), "margins": {"chrf": 5.0}}))
    assert (found["verdict"], found["because"][0]["figures"]) == ("undecided", {"metric": "chrf"})


def test_what_split_kept_together_is_drawn_together() -> None:
    """Ten customers with sixteen conversations each are ten that were asked, not 160."""
    scores, talks = answered(adapter=9)
    grouped = talks.with_columns(cluster_id=pl.int_range(pl.len()) % 10)
    apart, together = (
        comparisons(scores, t.with_columns(messages=None), UNWRITTEN).filter(metric="stopped", language="all")
        for t in (talks, grouped)
    )
    assert set(together["n"]) == set(apart["n"]) == {160}
    assert (set(together["groups"]), set(apart["groups"])) == ({10}, {160})
    assert (together["low"] < 5 * apart["low"]).all()
    ten = {str(n): [n % 2, 0][n > 7] for n in range(10)}
    rows = [("base", key, m, float(ten[str(int(key) % 10)]), 1.0) for key in talks["conversation_id"] for m in GOOD_OF]
    (good,) = good_shares(pl.DataFrame(rows, schema=SCORES, orient="row"), grouped).filter(language="all").to_dicts()
    assert good["n"] == 160
    assert good["effective"] < 11


def test_an_endpoint_without_likelihoods_is_a_prompt_arm_like_any_other() -> None:
    talks = pl.DataFrame(
        {"conversation_id": [str(n) for n in range(40)], "language": "en", "messages": None}
    ).with_columns(cluster_id="conversation_id")
    rows = []
    for arm, kept in (("base", 2.0), ("endpoint", 9.0), (ADAPTER, 8.0)):
        for n, key in enumerate(talks["conversation_id"]):
            rows.append((arm, key, "playbook", kept + n % 2, 12.0))
            rows += [(arm, key, "nll", 1.0, 1.0)] * (arm != "endpoint")
    scores = pl.DataFrame(rows, schema=SCORES, orient="row")
    arms = arm_table(scores, talks, PARAMS.redraws)
    compared = comparisons(scores, talks, UNWRITTEN)
    found = verdict(arms, compared, UNREACHED, NOTHING, PARAMS)
    assert (found["verdict"], found["best_prompt_arm"]) == ("do not promote", "endpoint")
    assert found["reasons"][0].startswith("the adapter is shown not to beat endpoint on playbook")


def test_comparisons_say_which_direction_is_better() -> None:
    talks = pl.DataFrame({"conversation_id": ["a"], "language": ["en"], "messages": [None], "cluster_id": ["a"]})
    rows = [(arm, "a", metric, 1.0, 1.0) for arm in (*PROMPTS, ADAPTER) for metric in ("nll", "chrf", "words")]
    found = comparisons(pl.DataFrame(rows, schema=SCORES, orient="row"), talks, UNWRITTEN)
    directions = dict(found.select("metric", "better").iter_rows())
    assert directions == {"nll": -1, "chrf": 1, "words": 0}
