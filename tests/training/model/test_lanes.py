import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from tests.training.tiny import model, renderer
from training.judge.generation import Decoding, generate
from training.model.lanes import lanes_of, side_by_side
from training.model.likelihood import negative_log_likelihoods
from training.model.template import Example

PROMPTS = [[7, 8, n % 5, 9, *range(10, 10 + n)] for n in range(24)]


@pytest.fixture
def two() -> Iterator[None]:
    """Two threads, as on two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def worker() -> Callable[[int], tuple[int, int]]:
    """Tells in which thread it works, and how many batches it had."""
    had = 0

    def work(batch: int) -> tuple[int, int]:
        nonlocal had
        had += 1
        if batch < 0:
            raise KeyboardInterrupt
        return threading.get_ident(), had

    return work


def test_every_batch_comes_once_and_lanes_take_neighbours(two: None) -> None:
    found = dict(side_by_side(range(7), worker, 2))
    assert sorted(found) == [*range(7)]
    assert len({found[n][0] for n in range(3)}) == len({found[n][0] for n in range(3, 7)}) == 1
    assert [found[n][1] for n in range(7)] == [1, 2, 3, 1, 2, 3, 4]


def test_an_error_of_a_lane_is_raised_and_the_threads_are_given_back(two: None) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(side_by_side([1, 2, 3, -1], worker, 2))
    assert torch.get_num_threads() == 2


def test_one_lane_works_here() -> None:
    found = list(side_by_side([1, 2], worker, 1))
    assert [here for _, (here, _) in found] == [threading.get_ident()] * 2


def test_two_lanes_write_and_weigh_what_one_does(two: None) -> None:
    tiny = model()
    assert lanes_of(torch.device("cpu")) == 2
    attention = tiny.config._attn_implementation
    examples = [Example([*prompt, 3, 4], [-100] * len(prompt) + [3, 4], []) for prompt in PROMPTS]
    both = generate(tiny, renderer(), PROMPTS, Decoding(6, 4)), negative_log_likelihoods(tiny, examples, 32)
    assert tiny.config._attn_implementation == attention
    torch.set_num_threads(1)
    alone = generate(tiny, renderer(), PROMPTS, Decoding(6, 4)), negative_log_likelihoods(tiny, examples, 32)
    assert both[0] == alone[0]
    assert both[1] == pytest.approx(alone[1], abs=1e-4)
