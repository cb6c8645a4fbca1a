import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.statistics.intervals import Interval
from curation.core.statistics.preference import Vote, preferred, rectified, without_errors

COUNTS = st.integers(0, 40)


def votes(wins: int, losses: int, ties: int = 0, weight: float = 1.0) -> list[Vote]:
    values = [1] * wins + [-1] * losses + [0] * ties
    return [Vote(str(n), value, weight) for n, value in enumerate(values)]


@given(COUNTS, COUNTS, COUNTS)
@settings(deadline=None, max_examples=25)
def test_the_net_lies_in_its_interval_and_the_other_side_has_it_turned_round(wins: int, losses: int, ties: int) -> None:
    found, turned = preferred(votes(wins, losses, ties)), preferred(votes(losses, wins, ties))
    if found is None or turned is None:
        assert wins + losses + ties == 0
        return
    net = found.net
    assert -1 <= net.low <= net.value <= net.high <= 1
    assert net.value == pytest.approx((wins - losses) / net.n)
    assert (found.wins, found.ties, found.losses) == (wins, ties, losses)
    ends = (turned.net.value, turned.net.low, turned.net.high)
    assert ends == pytest.approx((-net.value, -net.high, -net.low), abs=1e-6)


def test_five_of_five_prove_nothing_and_six_of_six_do() -> None:
    for wins, shown in ((5, False), (6, True)):
        found = preferred(votes(wins, 0))
        assert found and (found.net.low > 0) == shown


def test_ties_count_as_judged_and_make_no_winner() -> None:
    found = preferred(votes(0, 0, 40))
    assert found and found.net.value == 0 and found.net.low < 0 < found.net.high


def test_many_judges_of_one_conversation_are_not_many_conversations() -> None:
    crowd = [Vote("one", 1) for _ in range(50)]
    found = preferred([*crowd, *votes(2, 0)])
    assert found and found.net.n == 3 and found.net.low < 0


def test_who_does_no_better_than_chance_does_not_count() -> None:
    careless = [Vote(f"c{n}", -1, 0.0) for n in range(100)]
    assert preferred([*careless, *votes(12, 3)]) == preferred(votes(12, 3))
    assert preferred(careless) is None


def test_equal_weights_are_no_weights_and_unequal_ones_are_worth_less() -> None:
    plain, light = preferred(votes(20, 10)), preferred(votes(20, 10, weight=0.3))
    assert plain and light
    assert (light.net.low, light.net.high) == pytest.approx((plain.net.low, plain.net.high))
    uneven = [replace(vote, weight=1.0 if n % 3 else 0.2) for n, vote in enumerate(votes(20, 10))]
    found = preferred(uneven)
    assert found and found.net.high - found.net.low > plain.net.high - plain.net.low


@pytest.mark.parametrize(("win", "loss"), [(0.3, 0.3), (0.6, 0.1)])
def test_the_interval_covers_the_truth_and_seldom_calls_a_winner_where_there_is_none(win: float, loss: float) -> None:
    draw, covered, called = random.Random(3), 0, 0
    for _ in range(300):
        values = [1 if (u := draw.random()) < win else -1 if u < win + loss else 0 for _ in range(12)]
        found = preferred(Vote(str(n), value) for n, value in enumerate(values))
        assert found
        covered += found.net.low <= win - loss <= found.net.high
        called += not found.net.low <= 0 <= found.net.high
    assert covered >= 0.93 * 300
    if win == loss:
        assert called <= 0.05 * 300


@given(st.floats(-1, 1), st.floats(0.01, 0.5), st.floats(0.2, 1))
def test_taking_errors_out_turns_no_verdict_round_and_perfect_judges_change_nothing(
    v: float, w: float, j: float
) -> None:
    net = Interval(v, max(-1.0, v - w), min(1.0, v + w), 40)
    found = without_errors(net, Interval(j, max(0.1, j - 0.1), min(1.0, j + 0.1), 20))
    assert found.low <= found.value + 1e-9 and found.value <= found.high + 1e-9
    assert (found.low > 0, found.high < 0) == (net.low > 0, net.high < 0)
    same = without_errors(net, Interval(1.0, 1.0, 1.0, 20))
    assert (same.low, same.high) == pytest.approx((net.low, net.high))


def test_judges_who_may_be_guessing_correct_nothing() -> None:
    with pytest.raises(ValueError, match="chance"):
        without_errors(Interval(0.2, 0.1, 0.3, 40), Interval(0.2, -0.1, 0.5, 20))


@pytest.mark.parametrize("error", [0.1, 0.5, 1.0])
def test_a_models_word_corrected_by_peoples_covers_the_truth_and_a_good_model_narrows_it(error: float) -> None:
    draw, covered, width, alone = random.Random(4), 0, 0.0, 0.0
    for _ in range(200):
        truth = [draw.choice([1, 1, 0, -1]) for _ in range(240)]
        model = [1 if draw.random() < error else value for value in truth]  # partial to our side
        found = rectified(truth[:40], model[:40], model[40:])
        covered += found.low <= 0.25 <= found.high
        width += found.high - found.low
        beside = rectified(truth[:40], [0] * 40, [0] * 200)
        alone += beside.high - beside.low
    assert covered >= 0.9 * 200, "the model's own mean would be far off"
    assert width < 0.75 * alone if error == 0.1 else width < 1.03 * alone
