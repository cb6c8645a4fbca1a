"""Mixtures of experts: in every family the same layers are tuned, and routers and experts are not."""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import talk
from tests.training.rehearsal.models import made
from tests.training.rehearsal.test_isolation import examples, train
from tests.training.tiny import model, renderer, tokenizer
from training.model.cost import Shape, training_operations
from training.model.plan import lora
from training.model.targets import left_alone
from training.train.fit import fit

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
SHARED = {"gate_proj", "up_proj", "down_proj"}
LATENT = {"q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"}
KINDS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "mixtral": (ATTENTION, {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen3_moe": (ATTENTION, {}),
    "olmoe": (ATTENTION, {"num_experts": 4, "num_experts_per_tok": 2, "eos_token_id": 2}),
    "gpt_oss": (ATTENTION, {}),
    "granitemoe": (ATTENTION, {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "phimoe": (ATTENTION, {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2_moe": (
        ATTENTION | SHARED,
        {
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 32,
        },
    ),
    "deepseek_v3": (LATENT, {"first_k_dense_replace": 1}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_routers_and_experts_stay_as_they_are_and_what_is_tuned_comes_back_from_the_file(
    kind: str, tmp_path: Path
) -> None:
    from peft import PeftModel, get_peft_model

    expected, own = KINDS[kind]
    base = made(kind, **own)
    assert "routers and experts" in left_alone(base)
    tuned: Any = get_peft_model(base, lora(train(rank=2).recipe, base))
    names = tuned_names(tuned)
    assert {name.rpartition(".")[2] for name in names} == expected
    assert all(".experts" not in name and "router" not in name and not name.endswith("gate") for name in names)
    assert Shape.of(made(kind, **own).config, 2).lora == sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    tuned.save_pretrained(tmp_path)
    assert tuned_names(PeftModel.from_pretrained(made(kind, **own), str(tmp_path))) == names


def tuned_names(tuned: Any) -> set[str]:
    return {name.partition(".lora_A")[0] for name, _ in tuned.named_parameters() if ".lora_A" in name}


def test_a_mixture_is_trained_without_a_loss_of_its_routers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head would add it to what is logged, and nothing that is tuned could lower it but by chance."""
    monkeypatch.setattr("training.train.fit._one_on_a_cpu", lambda: False)  # as on a card: TRL's own trainer
    losses = []
    for weight in (0.001, 50.0):
        base = made("qwen3_moe", router_aux_loss_coef=weight)
        dev = renderer().examples(talk("question 3", "yes"))
        settings = train(rank=2, pack_tokens=None, batch=2, passes=2)
        losses.append(
            [h["loss"] for h in fit(base, tokenizer(), examples(), dev, settings, settings.recipe).history[:2]]
        )
    assert losses[0] == losses[1]


def test_a_token_is_reckoned_with_the_experts_that_it_passes() -> None:
    few, many = (
        Shape.of(made("mixtral", num_local_experts=4, num_experts_per_tok=chosen).config, 2) for chosen in (1, 4)
    )
    assert few.experts == many.experts > 0
    assert training_operations(many, [1], 0) - training_operations(few, [1], 0) == 4 * 0.75 * few.experts


def test_a_model_without_experts_is_tuned_in_every_linear_layer() -> None:
    assert left_alone(model()) == ""
    assert lora(train(rank=2).recipe, model()).target_modules == "all-linear"
