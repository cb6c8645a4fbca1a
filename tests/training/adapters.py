"""Adapters of the tiny model as training leaves them, without the training."""

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tests.training.tiny import model, renderer, tokenizer
from training.model.adapter import FILES, write_adapter
from training.model.base import Model, weights_id

RECIPE = {"rank": 4, "alpha": 8, "learning_rate": 0.01, "epochs": 1.0}
TRAINING = {
    "examples": 40,
    "examples_seen": 12,
    "tokens": 4000,
    "tokens_seen": 1500,
    "steps": 6,
    "best_step": 6,
    "dev_loss_start": 6.4,
    "dev_loss_best": 5.1,
    "dev_loss": 5.1,
    "strength": 1.0,
}


def trained(root: Path, base: Any = None, **lora: Any) -> Path:
    """root/tiny, root/params.yaml and root/models/adapter, whose weights are large enough to change what is said."""
    import torch
    from peft import LoraConfig, get_peft_model

    (base or model()).save_pretrained(root / "tiny")
    tokenizer().save_pretrained(root / "tiny")
    named = {"name": "tiny", "dtype": "auto", "template_arguments": {"enable_thinking": False}}
    (root / "params.yaml").write_text(yaml.safe_dump({"model": named}), "utf-8")
    config: Any = {"task_type": "CAUSAL_LM", "target_modules": "all-linear", "r": 4, "lora_alpha": 8} | lora
    torch.manual_seed(1)
    tuned = get_peft_model(base or model(), LoraConfig(**config))
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    tuned.peft_config["default"].base_model_name_or_path = "tiny"
    folder = root / "models/adapter"
    folder.mkdir(parents=True)
    saved, model_params = renderer(), Model(**named)
    told = {
        "base": {
            "name": "tiny",
            "revision": None,
            "weights": weights_id(model_params.model_copy(update={"name": str(root / "tiny")})),
        },
        "data": {"train_sha256": "5f" * 32},
        "template": {
            "sha256": hashlib.sha256(saved.tokenizer.chat_template.encode()).hexdigest(),
            "arguments": saved.arguments,
            "stop_token": saved.stop_token,
        },
        "params": {"model": model_params.model_dump(), "recipe": RECIPE},
        "training": TRAINING,
    }
    rows = pl.DataFrame({"row_id": ["chats.jsonl:1"], "conversation_id": ["a"], "parent_id": [None]})
    write_adapter(folder, tuned, tokenizer(), told, rows)
    (folder / FILES).unlink()  # tests change the others
    return folder
