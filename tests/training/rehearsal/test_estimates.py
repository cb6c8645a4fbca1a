"""An estimate never stops a training."""

from typing import Any

import pytest

from tests.training.rehearsal.models import config
from training.model.cost import Shape, reading_operations

KINDS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4},
    "opt": {},
    "bloom": {},
    "falcon": {"head_dim": None},
    "mpt": {"d_model": 64, "n_layers": 2, "n_heads": 4},
    "mamba": {},
    "rwkv": {"attention_hidden_size": 64},
    "openai-gpt": {"n_embd": 64, "n_layer": 2, "n_head": 4},
    "qwen3_5_moe_text": {"moe_intermediate_size": 32, "num_experts": 4},
    "gemma4_text": {},
    "solar_open": {"n_routed_experts": 4},
}


@pytest.mark.parametrize("kind", KINDS)
def test_models_that_name_their_sizes_otherwise_are_estimated(kind: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    asked = config(kind, **KINDS[kind])
    shape = Shape.of(asked, 8)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(asked)  # type: ignore[no-untyped-call]
    assert shape.weights == sum(p.numel() for p in model.parameters())
    assert shape.hidden == 64
    assert min(shape.linear, shape.lora, shape.head, shape.inner, shape.layers) > 0
    assert reading_operations(shape, 10) > 0


def test_a_model_that_cannot_be_built_without_memory_is_reckoned_from_its_sizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Shape.of(config("llama", num_key_value_heads=4), 8)

    def broken(*_: Any, **__: Any) -> None:
        raise NotImplementedError("Cannot copy out of meta tensor")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_config", broken)
    reckoned = Shape.of(config("llama", num_key_value_heads=4), 8)
    assert reckoned.weights == pytest.approx(counted.weights, rel=0.3)
    assert (reckoned.linear, reckoned.lora) == (counted.linear, counted.lora)


def test_sizes_that_differ_by_layer_are_estimated_by_the_largest() -> None:
    wide = config("gemma3n_text", intermediate_size=[64, 128, 64, 64], num_kv_shared_layers=0)
    assert Shape.of(wide, 8).inner == 128
