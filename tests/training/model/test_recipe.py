from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from tests.builders import params
from training.model.recipe import Recipe, Train, guessed_rate, learning_rate, settled


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
    assert settled(recipe(), config("qwen3", 1024), [300] * examples).rank == rank


def test_what_params_say_stays() -> None:
    said = settled(recipe(rank=4, learning_rate=1e-5), config("qwen3", 1024), [300] * 50_000)
    assert (said.rank, said.learning_rate) == (4, 1e-5)


def test_a_step_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(QiratError, match="3 passes"):
        settled(recipe(batch=4, passes=3), config("qwen3", 1024), [300] * 10)


def test_params_name_both_recipes() -> None:
    assert Train.model_validate(params("train")).recipe.batch == 2


LENGTHS = st.lists(st.integers(10, 1024), min_size=1, max_size=40)


@given(LENGTHS, st.integers(1, 400), st.sampled_from([1.0, 2.0, 3.0]))
def test_a_step_is_of_8_to_32_conversations_and_a_hundred_of_them_are_made_where_the_data_allow(
    some: list[int], times: int, epochs: float
) -> None:
    lengths = some * times
    found = settled(recipe(epochs=epochs), config("qwen3", 1024), lengths)
    held = found.conversations(lengths)
    assert 7.9 <= held <= 32 * (1 + 64 * found.rows / (32 * sum(lengths) / len(lengths))) + 1e-9  # rows are rounded up
    assert found.row is None or found.row >= max(lengths)
    if len(lengths) * epochs >= 8 * 100:
        assert found.steps(lengths) >= 90  # rounding of rows
    if len(lengths) * epochs <= 8 * 100:
        assert held <= 8 * (1 + 64 * found.rows / (8 * sum(lengths) / len(lengths))) + 1e-9


@given(LENGTHS, st.integers(1, 8), st.integers(1024, 4096))
def test_what_params_say_of_a_step_stays_and_only_the_rest_is_chosen(lengths: list[int], batch: int, row: int) -> None:
    qwen = config("qwen3", 1024)
    both = settled(recipe(batch=batch, pack_tokens=row), qwen, lengths)
    assert (both.rows, both.row) == (batch, row)
    assert settled(recipe(batch=batch, pack_tokens=None), qwen, lengths).row is None
    rows = settled(recipe(batch=batch), qwen, lengths)
    assert rows.rows == batch
    assert (rows.row or 0) >= max(lengths)
    assert settled(recipe(pack_tokens=row), qwen, lengths).row == row


@given(LENGTHS, st.integers(20, 400))
def test_two_four_and_eight_gpus_share_a_step_of_enough_tokens(some: list[int], times: int) -> None:
    lengths = some * times
    assume(len(lengths) * 2 >= 32 * 100)
    found = settled(recipe(), config("qwen3", 1024), lengths)
    assume(found.row is None or 8 * max(512, *lengths) <= 32 * sum(lengths) / len(lengths))
    assert found.rows % 8 == 0


def test_the_learning_rate_is_called_a_guess_for_families_it_was_not_fitted_on() -> None:
    for kind in ("qwen2", "qwen3_moe", "llama"):
        assert guessed_rate(recipe(), config(kind, 2048)) == ""
    for kind in ("gemma3_text", "mistral", "phi3", "cohere2"):
        assert kind in guessed_rate(recipe(), config(kind, 2048))
    assert guessed_rate(recipe(learning_rate=1e-4), config("gemma3_text", 2048)) == ""
