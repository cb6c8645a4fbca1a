import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.statistics.intervals import share
from training.baseline.readiness import not_shown, prompt_answer, reaching, traffic_answer, verdict
from training.judge.languages import LanguageProfile, left_out
from training.judge.scoring import ARMS, SCORES
from training.judge.target import GOOD, good_shares, standing


def arms(n: int = 40, **prompt_tokens: float) -> pl.DataFrame:
    rows = [(arm, "prompt_tokens", "all", tokens, tokens, tokens, n, -1) for arm, tokens in prompt_tokens.items()]
    rows += [(arm, "playbook_pass", "all", 0.6, 0.5, 0.7, n, 1) for arm in prompt_tokens]
    return pl.DataFrame(rows, schema=ARMS, orient="row")


def traffic(tokens: float, replies_a_day: float, best: str = "prompted") -> dict[str, object]:
    from tests.training.tiny import model

    learnt = pl.DataFrame({"input_ids": [[1] * 50] * 100, "labels": [[-100] * 40 + [1] * 10] * 100})
    found = traffic_answer(arms(prompted=tokens, base=20), best, 20, learnt, model().config, replies_a_day)
    return {"answer": found.answer, **found.figures}


def test_a_long_prompt_and_much_traffic_pay_for_training() -> None:
    found = traffic(420, 1000)
    assert (found["answer"], found["saved"]) == ("yes", 400)
    assert found["days"] == pytest.approx(found["replies"] / 1000, rel=0.01)  # type: ignore[operator]


def test_little_traffic_or_no_prompt_to_save_does_not() -> None:
    assert traffic(420, 0.01)["answer"] == "no"
    none = traffic(20, 1000)
    assert (none["answer"], none["saved"], "days" in none) == ("no", 0, False)


def test_a_prompt_that_reached_the_target_speaks_against_training_and_few_conversations_say_nothing() -> None:
    assert prompt_answer(arms(base=1), "base", "base", 0.95).answer == "no"
    assert prompt_answer(arms(base=1), "base", None, 0.95).answer == "yes"
    assert prompt_answer(arms(n=6, base=1), "base", None, 0.95).answer == "unknown"


def prompted(**counts: tuple[int, int]) -> pl.DataFrame:
    """Shares of one arm, "all" included."""
    counts["all"] = (sum(good for good, _ in counts.values()), sum(n for _, n in counts.values()))
    rows = [("prompted", language, good, n, float(n)) for language, (good, n) in counts.items()]
    return pl.DataFrame(rows, schema=GOOD, orient="row")


def test_a_prompt_that_is_shown_to_reach_the_target_in_every_language_is_enough() -> None:
    assert reaching(prompted(en=(100, 100), ar=(100, 100)), 0.95) == "prompted"


def test_of_several_prompts_that_reach_the_target_the_shortest_is_enough() -> None:
    reached = prompted(en=(100, 100))
    both = reached.with_columns(arm=pl.lit("prompted_few_shot"))
    assert reaching(both, 0.95) == "prompted_few_shot"
    assert reaching(pl.concat([both, reached]), 0.95) == "prompted"


def test_a_searched_prompt_is_enough_too_where_no_shorter_one_is() -> None:
    reached = prompted(en=(100, 100), ar=(100, 100))
    searched = reached.with_columns(arm=pl.lit("optimised"))
    assert reaching(searched, 0.95) == "optimised"
    assert reaching(pl.concat([searched, reached]), 0.95) == "prompted"


@pytest.mark.parametrize(
    "shares",
    [
        prompted(en=(6, 6)),  # a lucky handful
        prompted(en=(194, 200)),  # above the target, but its interval is not
        prompted(en=(1000, 1000), ar=(40, 50)),  # pooled it would pass
        prompted(en=(1000, 1000), ar=(10, 10)),  # Arabic is not shown
    ],
)
def test_what_may_be_luck_or_one_language_only_does_not_stop_the_road(shares: pl.DataFrame) -> None:
    assert reaching(shares, 0.95) is None


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 12), st.integers(0, 12), st.floats(0.5, 0.99))
def test_prompt_and_adapter_are_held_to_one_rule(good: int, broken: int, few: int, lost: int, target: float) -> None:
    """A language of fewer than ten conversations counts neither for nor against, and is named."""
    whole = prompted(en=(good, good + broken), ar=(few, few + lost)).filter(pl.col("n") > 0)
    assert (reaching(whole, target) is not None) == (standing(whole, "prompted", target).word == "reached")
    told = [str(one) for one in not_shown(whole, "prompted")]
    assert any("ar: not shown on playbook_pass" in one for one in told) == (0 < few + lost < 10)


def test_conversations_of_one_customer_are_worth_less_than_as_many_of_others() -> None:
    """A hundred flawless conversations of ten customers are ten draws, and ten draws reach no target of 95%."""
    of_ten = prompted(en=(100, 100)).with_columns(effective=pl.lit(10.0))
    assert reaching(of_ten, 0.5) is None
    assert reaching(prompted(en=(100, 100)), 0.5) == "prompted"


def test_a_handful_of_conversations_never_stops_the_road_whatever_the_target() -> None:
    assert reaching(prompted(en=(29, 29)), 0.0) is None
    assert reaching(prompted(en=(0, 30)), 0.0) == "prompted"


def test_a_conversation_is_good_when_it_breaks_no_rule_and_every_reply_ends() -> None:
    rows = []
    for conversation, passed, ended in (("good", 1.0, 2.0), ("broken", 0.0, 2.0), ("cut", 1.0, 1.0)):
        rows.append(("base", conversation, "playbook_pass", passed, 1.0))
        rows.append(("base", conversation, "stopped", ended, 2.0))
        rows.append(("base", conversation, "chrf", 0.0, 2.0))
    talks = pl.DataFrame({"conversation_id": ["good", "broken", "cut"], "language": ["en", "en", "ar"]})
    talks = talks.with_columns(cluster_id="conversation_id")
    found = good_shares(pl.DataFrame(rows, schema=SCORES, orient="row"), talks).sort("language")
    assert found.rows() == [("base", "all", 1, 3, 3.0), ("base", "ar", 0, 1, 1.0), ("base", "en", 1, 2, 2.0)]


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_of_a_share_has_width_and_holds_the_share(counted: tuple[int, int]) -> None:
    found = share(*counted)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1
    assert found.high - found.low > 0.005


def test_the_interval_of_a_share_is_wilsons() -> None:
    found = share(8, 10)
    assert found.low == pytest.approx(0.4902, abs=1e-4)
    assert found.high == pytest.approx(0.9433, abs=1e-4)


def test_a_prompt_that_is_enough_is_not_said_to_be_so_in_a_language_that_nobody_was_asked_in() -> None:
    profiles = {
        "en": LanguageProfile(90, 0.0, 80, 0.0, judged=True, conversations=140),
        "ar": LanguageProfile(263, 0.0, 80, 0.99, judged=False, conversations=123),
    }
    found = verdict("prompted", "prompted", 2, 0.95, "", left_out(profiles))
    assert found["verdict"] == "prompting is enough"
    assert [one["code"] for one in found["because"]] == ["prompt_reached", "unspoken"]
    assert "123 test conversations are left out" in found["reasons"][1]
    assert verdict(None, "prompted", 2, 0.95, "", left_out(profiles))["because"] == []
