"""The folder that training leaves: adapter, tokenizer, chat template, model card and where it all came from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from curation.stage import QiratError
from training.model import Model, weights_id

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PROVENANCE = "provenance.json"
TRAINED_ON = "trained_on.parquet"  # row_id, conversation_id, parent_id: what `qirat forget` looks for

CARD = """---
library_name: peft
pipeline_tag: text-generation
license: other
---
# LoRA adapter for {base}

| | |
|---|---|
| base model | {base} |
| base licence | *see the base model's card* |
| data licence | *fill in: who may use the conversations, and for what* |
| training data | SHA-256 {data} |
| examples seen | {examples_seen:,} of {examples:,} ({tokens_seen:,} of {tokens:,} tokens an epoch) |
| recipe | LoRA on all linear layers, r {rank}, alpha {alpha}, learning rate {learning_rate:g}, {epochs:g} epochs |
| steps | {steps:,}, best at {best_step:,} |
| dev loss | {dev_loss_start:.4f} before, {dev_loss_best:.4f} after (nats a token, mean over tokens) |
| chat template | of the base model, arguments {arguments}; replies end with `{stop_token}` |

Whether it is better than a prompt is told by data/evaluated/verdict.json; `provenance.json` holds every parameter,
hash and library version. Limits, intended use and results: reports/model_card.md.
"""


def write_adapter(
    folder: Path,
    tuned: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    provenance: Mapping[str, Any],
    trained_on: pl.DataFrame,
) -> None:
    """Everything a server needs beside the base model, the same bytes for the same adapter."""
    tuned.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    _sort_keys(folder / "adapter_config.json")
    (folder / PROVENANCE).write_text(_text(provenance), "utf-8")
    trained_on.write_parquet(folder / TRAINED_ON)
    (folder / "README.md").write_text(card(provenance), "utf-8")


def card(provenance: Mapping[str, Any]) -> str:
    """README.md of the adapter."""
    return CARD.format(
        base=provenance["base"]["name"],
        data=provenance["data"]["train_sha256"],
        arguments=json.dumps(provenance["template"]["arguments"]),
        stop_token=provenance["template"]["stop_token"],
        **provenance["params"]["recipe"],
        **provenance["training"],
    )


def load_adapter(base: "PreTrainedModel", folder: Path, model: Model) -> "PreTrainedModel":
    """The base model with the adapter on; refused when it was trained on other weights."""
    trained_on = json.loads((folder / PROVENANCE).read_text("utf-8"))["base"]
    weights = weights_id(model)
    if trained_on["weights"] != weights:
        raise QiratError(
            f"{folder} was trained on {trained_on['name']} ({trained_on['weights']}), but {model.name}, named by "
            f"params.yaml (model.name), has other weights ({weights}); "
            "run `dvc repro --force --single-item baseline train`, then `dvc repro`"
        )
    from peft import PeftModel

    tuned: Any = PeftModel.from_pretrained(base, str(folder), use_safetensors=True)
    tuned.eval()
    return cast("PreTrainedModel", tuned)


def _sort_keys(path: Path) -> None:
    """PEFT writes target modules in the order of a set, which changes from run to run."""
    config = json.loads(path.read_text("utf-8"))
    path.write_text(_text({k: sorted(v) if k == "target_modules" else v for k, v in config.items()}), "utf-8")


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
