"""The folder that training leaves: adapter, tokenizer, chat template, model card and where it all came from."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from curation.core.record.conversation import canonical_json
from curation.harness.damage import MARK
from curation.harness.errors import QiratError
from curation.harness.files import hashes
from training.model.base import Model, licence, weights_id

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PROVENANCE = "provenance.json"
FILES = "files.json"  # the hash of every other file
TRAINED_ON = "trained_on.parquet"  # row_id, conversation_id, parent_id: what `qirat forget` looks for
LEARNT = "lora_B"  # in the name of the factor that is zero before training: the change is as large as it
UNKNOWN_LICENCE = "see the base model's own page"

CARD = """---
library_name: peft
base_model: {base}
pipeline_tag: text-generation
license: other
tags: [lora, qirat]
---
# LoRA adapter for {base}

| | |
|---|---|
| base model | {base} |
| base licence | {licence} |
| data licence | by conversation, counted in reports/model_card.md |
| training data | SHA-256 {data} |
| examples seen | {examples_seen:,} of {examples:,} ({tokens_seen:,} of {tokens:,} tokens an epoch) |
| recipe | LoRA on all linear layers, r {rank}, alpha {alpha}, learning rate {learning_rate:g}, {epochs:g} epochs |
| steps | {steps:,}, best at {best_step:,} |
| strength | {strength:.0%} of what was learnt |
| dev loss | {dev_loss_start:.4f} before, {dev_loss:.4f} after (nats a token, mean over tokens) |
| chat template | of the base model, arguments `{arguments}`; replies end with `{stop_token}` |

Whether it is better than a prompt is told by data/evaluated/verdict.json; `provenance.json` holds every parameter,
hash and library version. Limits, intended use and results: reports/model_card.md. `qirat export` writes it for servers.
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
    _sort_keys(folder / CONFIG)
    whole = with_licence(provenance)
    (folder / PROVENANCE).write_text(_text(whole), "utf-8")
    trained_on.write_parquet(folder / TRAINED_ON, metadata={MARK: Path(TRAINED_ON).stem})
    (folder / "README.md").write_text(card(whole), "utf-8")
    (folder / FILES).write_text(_text(hashes(folder)), "utf-8")


def write_weaker(folder: Path, trained: Path, strength: float, numbers: Mapping[str, Any]) -> None:
    """The adapter in `trained` with the share `strength` of every change; `numbers` go into its provenance's training.

    Base and tuned model are mixed: half way between them most of what was learnt is there, and less of the rest is lost
    than a lower learning rate loses for as much. Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"
    (WiSE-FT).
    """
    from safetensors.torch import load_file, save_file

    shutil.copytree(trained, folder, copy_function=shutil.copyfile)  # without the modes: DVC's copies are read-only
    if strength < 1:
        weights = {name: v * strength if LEARNT in name else v for name, v in load_file(trained / WEIGHTS).items()}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    whole = read_provenance(trained)
    whole["training"] |= {**numbers, "strength": strength}
    (folder / PROVENANCE).write_text(_text(whole), "utf-8")
    (folder / "README.md").write_text(card(whole), "utf-8")
    (folder / FILES).unlink(missing_ok=True)
    (folder / FILES).write_text(_text(hashes(folder)), "utf-8")


def with_licence(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance, told under which licence the base came."""
    base = Model.model_validate(provenance["params"]["model"])
    return {**provenance, "base": {**provenance["base"], "licence": licence(base)}}


def card(provenance: Mapping[str, Any]) -> str:
    """README.md of the adapter."""
    return CARD.format(
        base=provenance["base"]["name"],
        licence=provenance["base"].get("licence") or UNKNOWN_LICENCE,
        data=provenance["data"]["train_sha256"],
        arguments=json.dumps(provenance["template"]["arguments"]),
        stop_token=provenance["template"]["stop_token"],
        **provenance["params"]["recipe"],
        **provenance["training"],
    )


def identity(provenance: Mapping[str, Any]) -> str:
    """SHA-256 of the provenance, by which a model card names the adapter that it tells of."""
    return hashlib.sha256(canonical_json(provenance).encode()).hexdigest()


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weights and the configuration of the adapter in `folder`."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), folder / CONFIG]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def refuse_damaged(folder: Path) -> None:
    """Raises QiratError where a file of an adapter of ours is torn, missing or of another training.

    A tokenizer of other words or a list of other rows leaves an adapter that loads, and answers worse or is not found
    by `qirat forget`. One without hashes, as it is exported, passes.
    """
    if not (folder / FILES).exists():
        return
    try:
        wanted = dict(json.loads((folder / FILES).read_text("utf-8")))
    except (ValueError, TypeError):
        raise QiratError(f"{folder / FILES} is torn; run `dvc repro`, which makes {folder} anew") from None
    found = {name: digest for name, digest in hashes(folder).items() if name != FILES}
    if other := sorted(name for name, digest in wanted.items() if found.get(name) != digest):
        raise QiratError(
            f"{folder / other[0]} is torn, missing or of another training; run `dvc repro`, which makes {folder} anew"
        )


def read_provenance(folder: Path) -> dict[str, Any]:
    """Where the adapter in `folder` came from."""
    try:
        found: dict[str, Any] = json.loads((folder / PROVENANCE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise QiratError(f"{folder} is no adapter that Qirat trained ({error}); run `dvc repro train`") from None
    return found


def load_adapter(base: "PreTrainedModel", folder: Path, model: Model) -> "PreTrainedModel":
    """The base model with the adapter on, whole; refused when it was trained on other weights or could run code."""
    refuse_unsafe(folder)
    trained_on = read_provenance(folder)["base"]
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
    _refuse_partial(tuned, folder)
    return cast("PreTrainedModel", tuned)


def in_one(tuned: "PreTrainedModel") -> "PreTrainedModel":
    """The same model, the adapter added to the base's weights in memory: kept beside them every layer is read twice.

    In float32 alone. Numbers of fewer bits would round away much of what was learnt, and a server keeps them apart.
    """
    import torch

    if all(weights.dtype == torch.float32 for weights in tuned.parameters()):
        cast("Any", tuned).merge_adapter()
    return tuned


def refuse_unsafe(folder: Path) -> None:
    """Weights that are no safetensors, or settings that have PEFT import a module, can run code."""
    if not (folder / WEIGHTS).is_file():
        raise QiratError(
            f"{folder} holds no {WEIGHTS}; pickled weights (.bin, .pt) can run code and are never loaded: "
            "train again (`dvc repro train`), or convert them with `save_pretrained`"
        )
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    if config.get("peft_type") != "LORA" or config.get("auto_mapping") or config.get("megatron_config"):
        raise QiratError(
            f"{folder / CONFIG}: expected LoRA of plain transformers, with peft_type LORA and neither auto_mapping nor "
            "megatron_config, which import modules by name; train again (`dvc repro train`)"
        )


def module_count(folder: Path) -> int:
    """How many modules of the base the adapter in `folder` holds weights for."""
    return sum(".lora_A." in name for name in _tensor_names(folder))


def _refuse_partial(tuned: Any, folder: Path) -> None:
    """PEFT only warns of weights that find no place, and leaves the modules without them as they were."""
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    wanted, found = ({name for name in names if ".lora_" in name} for names in (_tensor_names(folder), state))
    if other := sorted(wanted ^ found):
        raise QiratError(
            f"{folder}: {len(wanted & found)} of {len(wanted | found)} weights of the adapter find their place in the "
            f"base model ({other[0]} does not); its files are not of one training: train again (`dvc repro train`)"
        )


def _tensor_names(folder: Path) -> set[str]:
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="pt") as file:
        return set(file.keys())


def _sort_keys(path: Path) -> None:
    """PEFT writes names of modules in the order of a set, which changes from run to run."""
    config = json.loads(path.read_text("utf-8"))
    path.write_text(_text({k: sorted(v) if k.endswith("_modules") and v else v for k, v in config.items()}), "utf-8")


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
