import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import params
from training.arms import ADAPTER, PROMPT_ARMS
from training.intervals import Bootstrap, paired_difference, ratio
from training.promote import comparisons, verdict
from training.scoring import SCORES, Evaluate, arm_table

PARAMS = Evaluate.model_validate({**params("evaluate"), "primary": "playbook", "bootstrap": 300})
N = 40
BASELINE = {"reached": False, "override": ""}


def judged(nll_ar: float = 1.0, override: str = "", reached: bool = False, **playbook: float) -> dict[str, object]:
    """The verdict when arms keep so many rules of ten; half of the conversations are Arabic."""
    talks = pl.DataFrame({"conversation_id": [f"{n:02}" for n in range(N)], "language": ["ar", "en"] * (N // 2)})
    rows = []
    for arm in (*PROMPT_ARMS, ADAPTER):
        for n, (key, language) in enumerate(talks.iter_rows()):
            rows.append((arm, key, "playbook", playbook.get(arm, 5.0) + n % 3, 12.0))
            rows.append((arm, key, "nll", 10 * (nll_ar if language == "ar" and arm == ADAPTER else 1.0), 10.0))
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
    assert "nll (ar): worse by more than the margin" in str(found["reasons"])


def test_a_prompt_that_reached_the_target_is_enough_unless_the_adapter_is_better() -> None:
    assert judged(adapter=6, prompted=9, reached=True, override="we must")["verdict"] == "prompting is enough"
    assert judged(adapter=9, prompted=6, reached=True, override="we must")["verdict"] == "promote"


def test_the_reason_to_train_all_the_same_stands_in_the_verdict() -> None:
    assert "because of latency" in str(judged(adapter=9, reached=True, override="because of latency")["reasons"])


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
