from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import params
from training.arms import ADAPTER, PROMPT_ARMS
from training.intervals import FEW, Bootstrap, paired_difference, ratio
from training.promote import comparisons, verdict
from training.scoring import SCORES, Evaluate, arm_table

PARAMS = Evaluate.model_validate({**params("evaluate"), "primary": "playbook", "bootstrap": 300})
N = 40
HALVES = MappingProxyType({"ar": N // 2, "en": N // 2})


def judged(
    languages: Mapping[str, int] = HALVES,
    nll_ar: float = 1.0,
    nll_few_shot: float = 1.0,
    few_shot_swings: float = 0.0,
    override: str = "",
    reached: str | None = None,
    **playbook: float,
) -> dict[str, Any]:
    """The verdict when arms keep so many rules of twelve, and the adapter's likelihoods are these."""
    spoken = [language for language, n in languages.items() for _ in range(n)]
    talks = pl.DataFrame({"conversation_id": [f"{n:02}" for n in range(len(spoken))], "language": spoken})
    rows = []
    for arm in (*PROMPT_ARMS, ADAPTER):
        for n, (key, language) in enumerate(talks.iter_rows()):
            swing = few_shot_swings * (-1) ** n if arm == "few_shot" else 0
            rows.append((arm, key, "playbook", playbook.get(arm, 5.0) + n % 3 + swing, 12.0))
            nll = {ADAPTER: nll_ar if language == "ar" else 1.0, "few_shot": nll_few_shot}.get(arm, 1.0)
            rows.append((arm, key, "nll", 10 * nll, 10.0))
            rows.append((arm, key, "stopped", 1.0, 1.0))
    scores = pl.DataFrame(rows, schema=SCORES, orient="row")
    arms = arm_table(scores, talks, PARAMS.redraws)
    return verdict(arms, comparisons(scores, talks, PARAMS), {"reached": reached, "override": override}, PARAMS)


def test_an_adapter_that_wins_and_loses_nothing_is_promoted() -> None:
    found = judged(adapter=8, prompted=6)
    assert (found["verdict"], found["best_prompt_arm"]) == ("promote", "prompted")


def test_an_adapter_that_only_draws_is_not_promoted() -> None:
    assert judged(adapter=6, prompted=6)["verdict"] == "do not promote"


def test_a_loss_in_one_language_stops_promotion_and_is_named() -> None:
    found = judged(adapter=8, nll_ar=1.2)
    assert found["verdict"] == "do not promote"
    assert found["reasons"][0].startswith("nll (all) against base: worse by more than the margin")
    assert any(reason.startswith("nll (ar) against prompted") for reason in found["reasons"])
    assert not any("(en)" in reason for reason in found["reasons"])


def test_a_prompt_that_reached_the_target_is_enough_unless_the_adapter_is_better() -> None:
    found = judged(adapter=6, prompted=9, reached="prompted", override="we must")
    assert found["verdict"] == "prompting is enough"
    assert found["reasons"][0].startswith("prompted alone reached baseline.target")
    assert judged(adapter=9, prompted=6, reached="prompted", override="we must")["verdict"] == "promote"


def test_the_reason_to_train_all_the_same_stands_in_the_verdict_where_prompting_was_enough() -> None:
    said = "trained although prompting was enough: because of latency"
    assert said in judged(adapter=9, reached="base", override="because of latency")["reasons"]
    assert said not in judged(adapter=9, reached=None, override="because of latency")["reasons"]


@pytest.mark.parametrize("conversations", [1, FEW - 1])
def test_few_conversations_never_promote_and_the_first_reason_says_so(conversations: int) -> None:
    found = judged(adapter=9, languages={"en": conversations})
    assert found["verdict"] == "do not promote"
    assert found["reasons"][0].startswith(f"only {conversations} conversations stand behind")
    assert judged(adapter=9, languages={"en": FEW})["verdict"] == "promote"


def test_a_language_of_few_conversations_is_named_as_not_shown_and_does_not_veto() -> None:
    found = judged(adapter=9, languages={"ar": 2, "en": 38}, nll_ar=1.1)
    assert found["verdict"] == "promote"
    assert any(reason.startswith("ar: not shown on nll (2), playbook (2)") for reason in found["reasons"])


def test_the_adapter_must_beat_every_prompt_arm_not_only_the_one_that_looks_best() -> None:
    found = judged(adapter=7, prompted=6, few_shot=5.9, few_shot_swings=4)
    assert (found["best_prompt_arm"], found["verdict"]) == ("prompted", "do not promote")
    assert found["reasons"][0].startswith("the adapter is not shown to beat few_shot on playbook")


def test_margins_hold_against_every_prompt_arm_not_only_the_one_that_looks_best() -> None:
    found = judged(adapter=9, prompted=8, few_shot=5, nll_few_shot=0.8)
    assert (found["best_prompt_arm"], found["verdict"]) == ("prompted", "do not promote")
    assert found["reasons"][0].startswith("nll (all) against few_shot")


def test_comparisons_say_which_direction_is_better() -> None:
    talks = pl.DataFrame({"conversation_id": ["a"], "language": ["en"]})
    rows = [(arm, "a", metric, 1.0, 1.0) for arm in (*PROMPT_ARMS, ADAPTER) for metric in ("nll", "chrf", "words")]
    found = comparisons(pl.DataFrame(rows, schema=SCORES, orient="row"), talks, PARAMS)
    directions = dict(found.select("metric", "better").iter_rows())
    assert directions == {"nll": -1, "chrf": 1, "words": 0}


sizes = st.lists(st.tuples(st.floats(0, 50), st.floats(1, 50)), min_size=2, max_size=40)


@given(sizes)
def test_an_arm_does_not_differ_from_itself(pairs: list[tuple[float, float]]) -> None:
    values, weights = (pl.Series(side).to_numpy() for side in zip(*pairs, strict=True))
    found = paired_difference((values, weights), (values, weights), Bootstrap(100, 1))
    assert (found.value, found.low, found.high) == (0, 0, 0)


@given(sizes)
def test_an_interval_lies_within_the_conversations_own_ratios(pairs: list[tuple[float, float]]) -> None:
    values, weights = (pl.Series(side).to_numpy() for side in zip(*pairs, strict=True))
    found = ratio(values, weights, Bootstrap(100, 1))
    ratios = values / weights
    assert min(ratios) - 1e-9 <= found.low <= found.high <= max(ratios) + 1e-9


def test_pairing_finds_what_two_separate_intervals_would_hide() -> None:
    base = pl.Series([float(n % 10) for n in range(N)]).to_numpy()
    ones = base * 0 + 1
    found = paired_difference((base + 0.5, ones), (base, ones), Bootstrap(500, 1))
    assert found.low > 0.49
