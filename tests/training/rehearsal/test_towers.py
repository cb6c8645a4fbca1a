"""Models that also see: LoRA stands beside the layers that read text, and nowhere else."""

import json
from pathlib import Path
from typing import Any

from tests.builders import talk
from tests.training.rehearsal.models import SIZES
from tests.training.rehearsal.test_isolation import examples, train
from tests.training.tiny import model, renderer, tokenizer
from training.model.plan import lora
from training.model.unusable import beside_text
from training.train.fit import fit


def seeing() -> Any:
    """A model of two towers, always the same."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    eyes = {
        "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    torch.manual_seed(0)
    config = AutoConfig.for_model("gemma3", text_config={**SIZES, "num_hidden_layers": 2}, vision_config=eyes)
    made: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    return made.eval()


def test_no_layer_that_sees_is_tuned_and_every_one_that_reads_is(tmp_path: Path) -> None:
    from peft import get_peft_model

    base = seeing()
    blind = beside_text(base)
    tuned: Any = get_peft_model(base, lora(train(rank=2).recipe, base))
    names = {name.partition(".lora_A")[0] for name, _ in tuned.named_parameters() if ".lora_A" in name}
    assert all(".language_model.layers." in name for name in names)
    assert len(names) == 2 * 7
    tuned.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert blind
    assert sorted(written["exclude_modules"]) == blind


def test_a_model_with_eyes_is_trained_on_words() -> None:
    settings = train(rank=2, pack_tokens=None, batch=2, passes=2)
    dev = renderer().examples(talk("question 3", "yes"))
    trained = fit(seeing(), tokenizer(), examples(), dev, settings, settings.recipe)
    assert len(trained.curve.losses) >= 2


def test_a_model_of_text_alone_leaves_nothing_out() -> None:
    assert beside_text(model()) == []
