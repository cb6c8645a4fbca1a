from types import SimpleNamespace
from typing import Any

import pytest

from curation.harness.errors import QiratError
from tests.builders import params
from training.model.recipe import Recipe, Train, learning_rate, settled


def config(kind: str, width: int) -> Any:
    made = SimpleNamespace(model_type=kind, hidden_size=width)
    made.get_text_config = lambda: made
    return made


def recipe(**values: Any) -> Recipe:
    return Recipe.model_validate({**params("train")["gpu"], **values})


@pytest.mark.parametrize(
    ("kind", "width", "rate"),
    [
        ("qwen3", 4096, 4.7e-4),  # 5e-4 * (2000 / 4096) ** 0.0775
        ("llama", 4096, 2.9e-4),  # 5e-4 * (2000 / 4096) ** 0.781
        ("llama", 128, 2.0e-3),  # held
    ],
)
def test_the_learning_rate_follows_the_width(kind: str, width: int, rate: float) -> None:
    assert learning_rate(config(kind, width)) == rate


@pytest.mark.parametrize(("examples", "rank"), [(1_000, 16), (2_001, 32), (50_000, 64)])
def test_more_examples_get_a_higher_rank(examples: int, rank: int) -> None:
    assert settled(recipe(), config("qwen3", 1024), examples).rank == rank


def test_what_params_say_stays() -> None:
    said = settled(recipe(rank=4, learning_rate=1e-5), config("qwen3", 1024), 50_000)
    assert (said.rank, said.learning_rate) == (4, 1e-5)


def test_a_step_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(QiratError, match="3 passes"):
        settled(recipe(batch=4, passes=3), config("qwen3", 1024), 10)


def test_params_name_both_recipes() -> None:
    assert Train.model_validate(params("train")).recipe.batch == 2
