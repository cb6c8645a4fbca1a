"""Base models that cannot be trained on as they lie there: each is told with its cure, before anything runs."""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.harness.errors import QiratError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

POINTER = b"version https://git-lfs.github.com/spec/"  # how a file begins that Git LFS has not fetched
INDEX = "model.safetensors.index.json"
# What a launcher sets for each of its processes, and what one process alone would have.
LAUNCHED = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": ""}
LAUNCHER = "TORCHELASTIC_RUN_ID"  # set by torchrun, which `accelerate launch` runs too
NEVER_TRAINED = 1e-16  # no number of an embedding is larger: as it was before training, or padding


def refuse_broken_files(folder: Path) -> None:
    """Git LFS pointers in place of files, settings that are no JSON, and weights that are torn or missing."""
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        with path.open("rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise QiratError(f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` in {folder}")
    for path in sorted(folder.glob("*.safetensors")):
        _refuse_torn(path)
    for path in sorted(folder.glob("*.json")):
        _refuse_no_object(path)
    if (folder / INDEX).is_file():
        named = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
        if missing := sorted(name for name in named if not (folder / name).is_file()):
            raise QiratError(
                f"{folder} lacks {len(missing)} of the {len(named)} files of its weights ({missing[0]}): download the "
                f"model again (`hf download`), or copy {INDEX} and all that it names"
            )


def _refuse_torn(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise QiratError(
            f"{path} is torn ({error}), as an interrupted download or copy leaves it: delete and download it again"
        ) from None


def _refuse_no_object(path: Path) -> None:
    """Settings and words are a JSON object in every model; transformers meets anything else with errors of its own."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise QiratError(
            f"{path} is torn, or no JSON object, as an interrupted download or copy leaves it: delete and download it "
            "again"
        )


def refuse_made_up(name: str, missing: Collection[str]) -> None:
    """Weights that the files do not hold: transformers draws them at random, and only says so in a log."""
    if missing:
        raise QiratError(
            f"params.yaml, model.name: the files of {name} lack {len(missing):,} weights of the model that its "
            f"config.json tells of ({min(missing)}), so they are of another model, or it has no head to write with; "
            "download it again, or name a causal language model"
        )


def refuse_adapter(name: str, **source: Any) -> None:
    """An adapter in place of a base: transformers would load what it was trained on, and quietly leave it out or in."""
    from transformers.utils.peft_utils import find_adapter_config_file

    found = find_adapter_config_file(name, **source)
    if found is None:
        return
    base = json.loads(Path(found).read_text("utf-8")).get("base_model_name_or_path") or "its base model"
    raise QiratError(
        f"params.yaml, model.name: {name} is a LoRA adapter on {base}, not a model. To train anew, name {base}; to go "
        "on from what the adapter has learnt, merge it first (`qirat export merged FOLDER` for one of Qirat's own, "
        "`merge_and_unload` of PEFT for others) and name the folder of the whole model"
    )


def refuse_quantised(name: str, config: "PretrainedConfig") -> None:
    """Weights that were rounded before: LoRA needs other kernels for each kind, and nothing merges into them."""
    method = getattr(config, "quantization_config", None) or {}
    method = method if isinstance(method, dict) else method.to_dict()
    if method:
        kind = str(method.get("quant_method", "unknown")).rpartition(".")[2]
        raise QiratError(
            f"params.yaml, model.name: the weights of {name} are quantised already ({kind}); name the model that they "
            "were made from, and let `model.quantised: nf4` round it where it does not fit otherwise"
        )


def refuse_no_numbers(name: str, model: "nn.Module") -> None:
    """Weights that are no numbers (NaN, infinite) make every loss NaN, after hours."""
    import torch
    from torch.distributed.tensor import DTensor

    for weight, held in model.named_parameters():
        values = held.to_local() if isinstance(held, DTensor) else held
        if not values.is_floating_point() or torch.isfinite(values.sum(dtype=torch.float32)):
            continue
        if broken := int((~torch.isfinite(values)).sum()):
            raise QiratError(
                f"params.yaml, model.name: {broken:,} of the {values.numel():,} weights in {weight} of {name} are no "
                "numbers (NaN or infinite): the file is broken, or was saved in a format too small for it; download it "
                "again, or choose another model"
            )


def refuse_no_end(name: str, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Without an end token and a padding one no batch can be padded and no server knows when to stop."""
    if tokenizer.eos_token_id is None:
        raise QiratError(
            f"params.yaml, model.name: the tokenizer of {name} names no end token; write the token that ends a reply "
            'into its tokenizer_config.json ("eos_token"), or choose an instruct model'
        )


def default_template(name: str, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Of several named chat templates the one called default, for all that train, ask and serve."""
    templates: Any = tokenizer.chat_template
    if not isinstance(templates, dict):
        return
    if "default" not in templates:
        raise QiratError(
            f"params.yaml, model.name: {name} has {len(templates)} chat templates ({', '.join(sorted(templates))}) and "
            "none of them is called default; save the one you serve with as a .jinja file and name it (model.template)"
        )
    tokenizer.chat_template = templates["default"]


def refuse_foreign_tokens(
    name: str, largest: int | None, tokenizer: "PreTrainedTokenizerBase", rows: int | None
) -> None:
    """`largest` is the highest token that occurs; one beyond the `rows` of the embeddings ends in an index error."""
    if largest is not None and rows and largest >= rows:
        token = tokenizer.convert_ids_to_tokens(largest)
        raise QiratError(
            f"params.yaml, model.name: the tokenizer of {name} writes {token!r} as token {largest:,}, and the model "
            f"has embeddings for {rows:,} only: they are not of one model; take both from one place, or widen the "
            "model (`resize_token_embeddings` of transformers) and save both"
        )


def untrained_end(model: Any, stop: int) -> str:
    """What to tell where the token that ends a reply was never trained; "" where it was.

    LoRA leaves embeddings and head as they are, so such a token is not learnt well. It is told by a row without
    numbers, or one that another token has too, as reserved tokens do.
    """
    rows = model.get_input_embeddings().weight.detach()
    row = rows[stop]
    twins = int((rows[rows[:, 0] == row[0]] == row).all(dim=1).sum()) - 1
    if twins or float(row.abs().max()) <= NEVER_TRAINED:
        why = f"{twins:,} other tokens have the same embedding" if twins else "its embedding is zero"
        return (
            f"the token that ends a reply was never trained in the base model ({why}), and LoRA does not train it: "
            "replies may not end; choose an instruct model that uses this chat template (params.yaml: model.name)"
        )
    return ""


def refuse_leftover_launch() -> None:
    """Variables that a launcher of many processes left behind: this one would wait for the others for ever."""
    if LAUNCHER in os.environ:
        return
    left = {name: os.environ[name] for name, alone in LAUNCHED.items() if os.environ.get(name, alone) != alone}
    if left:
        told = ", ".join(f"{name}={value}" for name, value in left.items())
        raise QiratError(
            f"the environment says that this is one process of several ({told}), but no launcher runs: "
            f"`unset {' '.join(LAUNCHED)} MASTER_ADDR MASTER_PORT`; training starts a process for each GPU by itself"
        )


def beside_text(model: Any) -> list[str]:
    """Linear layers of towers for images and sound, and of what leads from them, by name; none in a model of text.

    Conversations do not reach them, and servers refuse adapters that hold them.
    """
    import torch

    if model.config.get_text_config() is model.config:
        return []
    text = {id(module) for module in model.get_decoder().modules()} | {id(model.get_output_embeddings())}
    linear = (name for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and id(m) not in text)
    return sorted(linear)
