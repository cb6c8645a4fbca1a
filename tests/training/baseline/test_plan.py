import numpy as np
import polars as pl
import pytest

from tests.builders import params
from training.baseline.answers import losing
from training.baseline.plan import planned, spread
from training.judge.scoring import SCORES, Evaluate


def scores(arm: str, kept: list[float], metric: str = "playbook", weight: float = 4) -> pl.DataFrame:
    rows = [(arm, f"c{n:03}", metric, value, weight) for n, value in enumerate(kept)]
    return pl.DataFrame(rows, schema=SCORES, orient="row")


CONVERSATIONS = pl.DataFrame({"conversation_id": [f"c{n:03}" for n in range(60)]}).with_columns(
    language=pl.lit("en"), cluster_id=pl.col("conversation_id")
)


def evaluate(**values: object) -> Evaluate:
    margins = {"stopped": None, "nll": None, "playbook": 0.05}
    return Evaluate.model_validate({**params("evaluate"), "margins": margins, **values})


def drawn(share: float, n: int, seed: int = 1) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).binomial(4, share, n)]


def test_the_number_grows_with_the_spread_and_shrinks_with_the_margin() -> None:
    narrow, wide = [3.0, 2.0] * 30, [4.0, 0.0] * 30
    asked = [planned(scores("a", kept), CONVERSATIONS, evaluate(generated=60, most=10_000)) for kept in (narrow, wide)]
    assert 60 < asked[0].asked < asked[1].asked == asked[1].needed
    loose = evaluate(generated=60, most=10_000, margins={"stopped": None, "nll": None, "playbook": 0.2})
    assert planned(scores("a", wide), CONVERSATIONS, loose).asked < asked[1].asked


def test_the_limits_of_params_hold_and_what_was_needed_is_told_all_the_same() -> None:
    found = planned(scores("a", [4.0, 0.0] * 30), CONVERSATIONS, evaluate(generated=60, most=90))
    assert (found.asked, found.metric) == (90, "playbook")
    assert found.needed > 900
    assert f"takes {found.needed} by the pilot" in found.told(1000)


def test_where_nothing_spreads_the_rule_of_three_asks() -> None:
    assert planned(scores("a", [4.0] * 60), CONVERSATIONS, evaluate(generated=60, most=500)).asked == 96


def test_what_belongs_together_counts_once_as_in_the_verdict() -> None:
    customers = CONVERSATIONS.with_columns(cluster_id=(pl.int_range(pl.len()) // 2).cast(pl.String))
    assert planned(scores("a", [4.0] * 60), customers, evaluate(generated=60, most=500)).asked == 192


def test_more_than_the_margins_ask_for_may_be_answered_and_less_than_generated_never_is() -> None:
    assert planned(scores("a", [4.0] * 60), CONVERSATIONS, evaluate(generated=200, most=120)).asked == 200
    free = evaluate(generated=60, margins={"playbook": None, "stopped": None, "nll": None})
    told = planned(scores("a", [4.0] * 60), CONVERSATIONS, free).told(60)
    assert told.startswith("60 test conversations are answered, as")


def test_a_plan_that_takes_more_than_the_test_has_says_so_and_what_to_do() -> None:
    found = planned(scores("a", [4.0, 0.0] * 30), CONVERSATIONS, evaluate(generated=60, most=90))
    assert "widen" not in found.told(found.needed)
    assert f"this test has {found.needed - 1}: widen evaluate.margins.playbook, or give" in found.told(found.needed - 1)


def test_the_metric_that_asks_for_the_most_is_named() -> None:
    pilot = pl.concat([scores("a", [4.0, 0.0] * 30, "stopped"), scores("a", [4.0, 3.0] * 30)])
    assert planned(pilot, CONVERSATIONS, evaluate(margins={"nll": None})).metric == "stopped"


def test_the_spread_of_a_ratio_is_that_of_its_conversations() -> None:
    """With equal weights it is the standard deviation of the means."""
    kept = drawn(0.6, 500)
    assert spread(scores("a", kept)) == pytest.approx(np.std(np.array(kept) / 4, ddof=1))


def test_an_arm_that_is_far_behind_is_out_and_one_that_is_as_good_stays() -> None:
    found = pl.concat(
        [scores("best", drawn(0.9, 60)), scores("bad", drawn(0.3, 60, 2)), scores("good", drawn(0.9, 60, 3))]
    )
    assert losing(found, CONVERSATIONS, "playbook", 200) == ["bad"]
    assert losing(found.filter(arm="bad"), CONVERSATIONS, "playbook", 200) == []


def test_of_a_loss_the_higher_one_is_out() -> None:
    found = pl.concat([scores("low", drawn(0.3, 60), "nll"), scores("high", drawn(0.9, 60, 2), "nll")])
    assert losing(found, CONVERSATIONS, "nll", 200) == ["high"]
