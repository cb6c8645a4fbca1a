import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from curation.statistics.intervals import share
from tests.builders import params
from training.baseline.__main__ import Baseline, good_shares, reaching, refuse_unmeasurable
from training.judge.scoring import SCORES, Evaluate


def prompted(**counts: tuple[int, int]) -> pl.DataFrame:
    """Shares of one arm, "all" included."""
    counts["all"] = (sum(good for good, _ in counts.values()), sum(n for _, n in counts.values()))
    rows = [("prompted", language, good, n) for language, (good, n) in counts.items()]
    return pl.DataFrame(rows, schema=["arm", "language", "good", "n"], orient="row")


def test_a_prompt_that_is_shown_to_reach_the_target_in_every_language_is_enough() -> None:
    assert reaching(prompted(en=(100, 100), ar=(100, 100)), 0.95) == "prompted"


def test_of_several_prompts_that_reach_the_target_the_shortest_is_enough() -> None:
    reached = prompted(en=(100, 100))
    both = reached.with_columns(arm=pl.lit("prompted_few_shot"))
    assert reaching(both, 0.95) == "prompted_few_shot"
    assert reaching(pl.concat([both, reached]), 0.95) == "prompted"


@pytest.mark.parametrize(
    "shares",
    [
        prompted(en=(6, 6)),  # a lucky handful
        prompted(en=(194, 200)),  # above the target, but its interval is not
        prompted(en=(1000, 1000), ar=(40, 50)),  # pooled it would pass
        prompted(en=(1000, 1000), ar=(5, 5)),  # Arabic is not shown
    ],
)
def test_what_may_be_luck_or_one_language_only_does_not_stop_the_road(shares: pl.DataFrame) -> None:
    assert reaching(shares, 0.95) is None


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
    found = good_shares(pl.DataFrame(rows, schema=SCORES, orient="row"), talks).sort("language")
    assert found.rows() == [("base", "all", 1, 3), ("base", "ar", 0, 1), ("base", "en", 1, 2)]


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


def test_an_endpoint_that_cannot_be_compared_on_the_primary_metric_is_refused() -> None:
    """It would be missing among what the adapter has to beat."""
    elsewhere = Baseline.model_validate({**params("baseline"), "endpoint": {"url": "http://host/v1", "model": "m"}})
    by = {name: Evaluate.model_validate({**params("evaluate"), "primary": name}) for name in ("nll", "playbook")}
    with pytest.raises(QiratError, match="tells no likelihoods"):
        refuse_unmeasurable(elsewhere, by["nll"])
    refuse_unmeasurable(elsewhere, by["playbook"])
    refuse_unmeasurable(Baseline.model_validate(params("baseline")), by["nll"])
