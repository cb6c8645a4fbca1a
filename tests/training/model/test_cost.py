"""Counted costs against what the model really does."""

import math
from typing import Any

import pytest

from tests.builders import params
from tests.training.tiny import model
from training.model.cost import Numbers, Shape, break_even, memory, reading_operations, training_operations
from training.model.recipe import Asked, Recipe, passes_that_fit

CARD = Numbers(2, 2)


def shape(rank: int = 8) -> Shape:
    return Shape.of(model().config, rank)


def recipe(**values: Any) -> Recipe:
    return Recipe.model_validate({**params("train")["gpu"], **values})


def test_weights_are_counted_as_they_are() -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    made = model()
    counted = shape()
    assert counted.weights == sum(p.numel() for p in made.parameters())
    assert counted.linear == sum(m.weight.numel() for m in made.model.modules() if isinstance(m, torch.nn.Linear))
    tuned: Any = get_peft_model(made, LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=8))
    assert counted.lora == sum(p.numel() for p in tuned.parameters() if p.requires_grad)


def test_operations_of_reading_are_those_that_torch_counts() -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    tokens, made = 64, model()
    made.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        made(input_ids=torch.arange(tokens)[None], use_cache=False)
    counted = reading_operations(shape(), tokens) + 2.0 * tokens * shape().head
    # eager attention computes the whole square, a causal kernel half of it
    attention = 2.0 * shape().layers * shape().attention * tokens * tokens
    assert counter.get_total_flops() == pytest.approx(counted + attention, rel=0.02)


def test_training_costs_two_readings_of_the_frozen_weights() -> None:
    plain = Shape(**{**shape().__dict__, "lora": 0, "head": 0, "attention": 0})
    assert training_operations(plain, [10, 20], 5) == 2 * reading_operations(plain, 30)


def taken(tokens: int, checkpointing: bool = False) -> float:
    return memory(shape(), tokens, CARD, checkpointing)


def asked(**values: Any) -> Asked:
    return Asked(recipe(batch=8, pack_tokens=4096, **values), 4096, CARD, "gpu")


def test_a_step_is_divided_only_as_far_as_memory_asks() -> None:
    assert passes_that_fit(shape(), asked(), 1e12) == (1, False)
    assert passes_that_fit(shape(), asked(), taken(4 * 4096)) == (2, False)
    passes, checkpointing = passes_that_fit(shape(), asked(), taken(4096) * 0.9)
    assert checkpointing
    assert passes <= 8


def test_where_the_passes_are_given_checkpointing_is_chosen_for_them() -> None:
    whole = taken(8 * 4096)
    assert passes_that_fit(shape(), asked(passes=1), whole) == (1, False)
    assert passes_that_fit(shape(), asked(passes=1), whole * 0.9) == (1, True)


def test_no_longer_prompt_never_pays() -> None:
    assert break_even(3600, 0.01) == 360_000
    assert break_even(3600, 0) == math.inf
