import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.tiny import model
from training.commands.likeness import LIMITS, Tolerances, likeness, next_token_scores
from training.model.template import IGNORED, Example

STRICT = LIMITS["float32"]


def test_equal_answers_are_alike() -> None:
    scores = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    found = likeness(scores, scores.clone(), STRICT.tie)
    assert (found.positions, found.top1, found.kl_mean, found.kl_max) == (5, 1, 0, 0)
    assert found.within(STRICT)


@given(st.floats(-50, 50))
def test_a_constant_beside_all_scores_changes_nothing(shift: float) -> None:
    scores = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.5, -3.0]])
    assert likeness(scores, scores + shift, STRICT.tie).within(STRICT)


def test_the_divergence_is_that_of_the_textbook() -> None:
    expected, found = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    measured = likeness(expected, found, tie=0)
    assert measured.kl_mean == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3), rel=1e-6)


def test_another_likeliest_token_is_forgiven_at_a_tie_only() -> None:
    tied, clear = torch.tensor([[1.0, 1.0001, 0.0]]), torch.tensor([[1.0, 1.5, 0.0]])
    other = torch.tensor([[1.0001, 1.0, 0.0]])
    assert likeness(tied, other, tie=1e-3).within(STRICT)
    found = likeness(clear, other, tie=1e-3)
    assert (found.top1, found.top1_but_ties) == (0, 0)
    assert not found.within(Tolerances(tie=1e-3, top1=0.5, mean=9, most=9))


def test_what_is_no_number_is_not_alike() -> None:
    scores = torch.tensor([[1.0, 2.0]])
    assert not likeness(scores, torch.full((1, 2), math.nan), STRICT.tie).within(STRICT)


def test_scores_are_those_before_each_supervised_token_up_to_the_limit() -> None:
    tiny = model()
    examples = [Example([5, 6, 7, 8], [IGNORED, IGNORED, 7, 8], []), Example([9, 10], [IGNORED, 10], [])]
    found = next_token_scores(tiny, examples, 10)
    with torch.no_grad():
        expected = tiny(input_ids=torch.tensor([[5, 6, 7]])).logits[0, 1:]
    assert found.shape == (3, 600)
    torch.testing.assert_close(found[:2], expected)
    assert len(next_token_scores(tiny, examples, 1)) == 1
