"""A trained adapter as servers load it, proved to answer as it was evaluated.  qirat export merged DIR

adapter   the LoRA weights with tokenizer and chat template, served on the base model
merged    one model: the adapter merged into the base in float32, saved in the number format asked for
gguf      the merged model for llama.cpp and Ollama, by llama.cpp's own converter

What was written is loaded again and compared with base and adapter, token by token; where it answers otherwise,
nothing is left and the reason is told.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import yaml

from curation.harness.errors import QiratError
from curation.harness.files import atomic, table_path
from curation.harness.params import load_params
from training.commands.likeness import LIMITS, Likeness, likeness, next_token_scores
from training.commands.older import write_for_older
from training.model.adapter import (
    CONFIG,
    PROVENANCE,
    UNKNOWN_LICENCE,
    WEIGHTS,
    identity,
    load_adapter,
    module_count,
    read_provenance,
    refuse_damaged,
)
from training.model.adapter import card as short_card
from training.model.base import Model, device, load_config, load_model, load_tokenizer
from training.model.cost import Shape
from training.model.likelihood import examples_of
from training.model.packaged import read_gguf
from training.model.plan import free_bytes
from training.model.template import Example, Renderer

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Kind = Literal["adapter", "merged", "gguf"]
Format = Literal["float32", "float16", "bfloat16"]

TRAINED = Path("models/adapter")
VERDICT = Path("data/evaluated/verdict.json")
MODEL_CARD = Path("reports/model_card.md")
RESULT = "export.json"
GGUF = "model.gguf"
CONVERTER = "convert_hf_to_gguf.py"
OUTTYPE = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
POSITIONS = 256  # places compared; each costs a row of the vocabulary in memory
BUILT_IN = "a built-in conversation in English and Arabic"
PROBE = (
    {"role": "user", "content": "Where is my order ZH-41877? It should have been here on Monday."},
    {"role": "assistant", "content": "I am sorry about the delay. It left today and will reach you tomorrow."},
    {"role": "user", "content": "وهل أستطيع إرجاعه إذا وصل مكسوراً؟"},
    {"role": "assistant", "content": "نعم، نستبدله لك مجاناً خلال أربعة عشر يوماً من استلامه."},
)
RANKS_OF_VLLM = (8, 16, 32, 64, 128, 256, 320, 512)  # what its --max-lora-rank may be


@dataclass(frozen=True)
class Adapter:
    """The adapter on its base, in float32, with the words it was trained in."""

    folder: Path
    base: Model

    @classmethod
    def at(cls, folder: Path) -> "Adapter":
        """As params.yaml names its base; refused when folder and base do not belong together."""
        refuse_damaged(folder)
        found = cls(folder, load_params("model", Model).model_copy(update={"dtype": "float32"}))
        export_summary = found.provenance["template"]
        if hashlib.sha256(str(found.tokenizer.chat_template).encode()).hexdigest() != export_summary["sha256"]:
            raise QiratError(
                f"{folder}: the chat template there is not the one it was trained with; "
                "restore it (`dvc checkout`), or train again (`dvc repro train`)"
            )
        return found

    @cached_property
    def provenance(self) -> dict[str, Any]:
        return read_provenance(self.folder)

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """As it was saved with the adapter, and with its chat template."""
        return load_tokenizer(self.base.model_copy(update={"name": str(self.folder), "template": None}))

    @cached_property
    def renderer(self) -> Renderer:
        return Renderer(self.tokenizer, self.provenance["template"]["arguments"])

    @property
    def stop_tokens(self) -> list[str]:
        return [str(token) for token in self.tokenizer.convert_ids_to_tokens(self.renderer.stops)]

    @cached_property
    def place(self) -> "torch.device":
        """The GPU, where one model in float32 fits into its memory."""
        import torch

        needed = 4 * Shape.of(load_config(self.base), rank=1).weights
        return device() if needed <= free_bytes() else torch.device("cpu")

    def loaded(self, folder: Path | None = None) -> "PreTrainedModel":
        """Base and adapter; or the base with a copy of the adapter. A rounded base is what it was rounded to."""
        base: Any = load_model(self.base, self.place)
        return load_adapter(base.dequantize() if self.base.quantised else base, folder or self.folder, self.base)


@dataclass(frozen=True)
class ExportRequest:
    """What to write."""

    kind: Kind
    dtype: Format
    converter: Path | None


def export(
    kind: Kind, folder: Path, adapter: Path = TRAINED, dtype: Format = "bfloat16", converter: Path | None = None
) -> str:
    """Write the export, prove it, and say what was shown."""
    if folder.exists():
        raise QiratError(f"{folder} is there already; name a new folder, or remove it")
    wanted = ExportRequest(
        kind,
        "float32" if kind == "adapter" else dtype,  # as training left it
        found_converter(converter, folder) if kind == "gguf" else None,
    )
    trained = Adapter.at(adapter)
    examples, probe = probed(trained)
    with atomic(folder) as temporary:
        temporary.mkdir()
        expected, without = written(wanted, trained, examples, temporary)
        found = likeness(expected, answers_of(kind, temporary, trained, examples), LIMITS[wanted.dtype].tie)
        refuse_unlike(found, without, wanted)
        result = summary(wanted, trained) | {
            "probe": probe,
            "likeness": found.as_json(),
            "limits": asdict(LIMITS[wanted.dtype]),
            "kl_without_adapter": without.as_json()["kl_mean"],
        }
        (temporary / RESULT).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (temporary / "README.md").write_text(card(trained, result), "utf-8")
        for path in temporary.iterdir():  # weights are written for their owner alone; servers run as somebody else
            path.chmod((temporary / RESULT).stat().st_mode)
    return export_summary(folder, result)


def summary(wanted: ExportRequest, trained: Adapter) -> dict[str, Any]:
    """What is exported, and what a server must be told."""
    return {
        "kind": wanted.kind,
        "dtype": wanted.dtype,
        "adapter": identity(trained.provenance),
        "base": trained.provenance["base"],
        "modules": module_count(trained.folder),
        "stop_tokens": trained.stop_tokens,
        "stop_token_ids": trained.renderer.stops,
        "template_arguments": trained.renderer.arguments,
        "verdict": verdict(trained.folder),
    }


# -- what is written ---------------------------------------------------------------------------------------------------


def written(
    wanted: ExportRequest, trained: Adapter, examples: list[Example], folder: Path
) -> "tuple[Tensor, Likeness]":
    """What base and adapter answer, and how like that the base is without it, told before the files are written.

    The model is gone with the end of this function: what was written is loaded into the same memory.
    """
    tuned: Any = trained.loaded()
    expected = next_token_scores(tuned, examples, POSITIONS)
    with tuned.disable_adapter():
        without = likeness(expected, next_token_scores(tuned, examples, POSITIONS), tie=0)
    write(wanted, trained, tuned, folder)
    return expected, without


def write(wanted: ExportRequest, trained: Adapter, tuned: Any, folder: Path) -> None:
    """The weights and the words; `tuned` is merged on the way."""
    if wanted.kind == "adapter":
        copy_adapter(trained, folder)
    elif wanted.kind == "merged":
        write_merged(trained, tuned, wanted.dtype, folder)
    else:
        write_gguf(trained, tuned, wanted, folder)


def copy_adapter(trained: Adapter, folder: Path) -> None:
    """All but the list of rows, which servers have no use for."""
    for name in (WEIGHTS, CONFIG, PROVENANCE):
        shutil.copyfile(trained.folder / name, folder / name)
    trained.tokenizer.save_pretrained(folder)
    write_for_older(folder)


def write_merged(trained: Adapter, tuned: Any, dtype: Format, folder: Path) -> None:
    """The whole model in safetensors, which stops where training stopped and brings no code along."""
    import torch
    from transformers import GenerationConfig

    merged: Any = tuned.merge_and_unload(safe_merge=True).to(getattr(torch, dtype))
    # Only stops: what a base model asks for beside them, such as sampling or penalties, was not there in training.
    merged.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=merged.config.get_text_config().bos_token_id,
        eos_token_id=trained.renderer.stops,
        pad_token_id=trained.tokenizer.pad_token_id,
    )
    merged.config.__dict__.pop("auto_map", None)
    merged.save_pretrained(folder)
    trained.tokenizer.save_pretrained(folder)
    write_for_older(folder)
    shutil.copyfile(trained.folder / PROVENANCE, folder / PROVENANCE)


def write_gguf(trained: Adapter, tuned: Any, wanted: ExportRequest, folder: Path) -> None:
    """model.gguf by llama.cpp's converter, and an Ollama Modelfile."""
    with tempfile.TemporaryDirectory(dir=folder) as merged:
        write_merged(trained, tuned, wanted.dtype, Path(merged))
        out = ["--outfile", str(folder / GGUF), "--outtype", OUTTYPE[wanted.dtype]]
        command = [sys.executable, str(wanted.converter), merged, *out]
        ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    if ran.returncode or not (folder / GGUF).is_file():
        said = "; ".join(line.strip() for line in (ran.stderr or ran.stdout).strip().splitlines()[-2:])
        raise QiratError(f"{CONVERTER} could not convert the merged model ({said}); is llama.cpp up to date?")
    stops = [f'PARAMETER stop "{token}"' for token in trained.stop_tokens]
    lines = [f"FROM ./{GGUF}", *stops, "PARAMETER temperature 0"]
    (folder / "Modelfile").write_text("\n".join(lines) + "\n", "utf-8")
    shutil.copyfile(trained.folder / PROVENANCE, folder / PROVENANCE)


def found_converter(named: Path | None, folder: Path) -> Path:
    """llama.cpp's converter, as named or as installed; it is in no Python package that is well kept."""
    found = str(named) if named else shutil.which(CONVERTER)
    if found and Path(found).is_file():
        return Path(found)
    merged = folder.with_name(f"{folder.name}-merged")
    raise QiratError(
        f"GGUF is written by llama.cpp's {CONVERTER}, which is not here; fetch llama.cpp and name the script with "
        f"--converter, or convert where it is: `qirat export merged {merged}`, then "
        f"`python {CONVERTER} {merged} --outfile {folder / GGUF} --outtype bf16`"
    )


# -- the proof ---------------------------------------------------------------------------------------------------------


def probed(trained: Adapter) -> tuple[list[Example], str]:
    """Test conversations, which training has not seen; where there are none, one of ours."""
    path = table_path("tokenized/test")
    if path.exists() and (examples := examples_of(pl.read_parquet(path))):
        return examples, path.with_suffix("").as_posix()
    return trained.renderer.examples(PROBE), BUILT_IN


def answers_of(kind: Kind, folder: Path, trained: Adapter, examples: list[Example]) -> "Tensor":
    """What the files that were written answer, loaded as a server loads them."""
    if kind == "adapter":
        return next_token_scores(trained.loaded(folder), examples, POSITIONS)
    if kind == "merged":
        saved = trained.base.model_copy(update={"name": str(folder), "template": None, "quantised": None})
        refuse_other_words(load_tokenizer(saved), trained)
        return next_token_scores(load_model(saved, trained.place), examples, POSITIONS)
    try:
        model, tokenizer = read_gguf(folder / GGUF)
    except (OSError, ValueError, KeyError) as error:
        raise QiratError(
            f"the GGUF cannot be read back to be compared ({error}); transformers does not know this kind of model as "
            "GGUF yet. Export merged, convert that, and compare the server's answers (docs/serving.md)"
        ) from None
    refuse_other_words(tokenizer, trained)
    placed: Any = model
    return next_token_scores(placed.to(trained.place), examples, POSITIONS)


def refuse_other_words(tokenizer: "PreTrainedTokenizerBase", trained: Adapter) -> None:
    """Tokenizer and chat template must make the same tokens of the same conversation as in training."""
    arguments, ours = trained.renderer.arguments, trained.tokenizer
    found, expected = (
        t.apply_chat_template(list(PROBE[:3]), add_generation_prompt=True, return_dict=False, **arguments)
        if t.chat_template
        else []
        for t in (tokenizer, ours)
    )
    if found != expected or tokenizer.eos_token_id not in trained.renderer.stops:
        raise QiratError(
            "the exported tokenizer or chat template makes other tokens of a conversation than training did, or ends "
            f"replies elsewhere: {found[:12]}, expected {expected[:12]}; nothing is left of the export"
        )


def refuse_unlike(found: Likeness, without: Likeness, wanted: ExportRequest) -> None:
    """What answers otherwise than what was evaluated, or is no nearer to it than the bare base, is worth nothing.

    The limits alone would pass the bare base where the adapter changes less than they allow.
    """
    if found.within(LIMITS[wanted.dtype]) and found.kl_mean <= without.kl_mean:
        return
    cure = "try --dtype float32" if wanted.dtype != "float32" else "please report it with the base model's name"
    raise QiratError(
        f"the {wanted.kind} export does not answer like base and adapter: {measured(found, wanted.dtype)}, "
        f"and {without.kl_mean:.2g} for the base without the adapter; {cure}"
    )


# -- what is told ------------------------------------------------------------------------------------------------------


def measured(found: Likeness, dtype: Format) -> str:
    """The figures of the proof, with their limits."""
    limits = LIMITS[dtype]
    return (
        f"over {found.positions} tokens the likeliest is the same at {found.top1:.1%} "
        f"({found.top1_but_ties:.1%} but for ties, at least {limits.top1:.0%}), KL {found.kl_mean:.2g} nats on average "
        f"(at most {limits.mean:g}) and {found.kl_max:.2g} at worst (at most {limits.most:g})"
    )


def verdict(adapter: Path) -> str:
    """What evaluation said of this adapter; "" where it is not the pipeline's, or not evaluated."""
    if adapter != TRAINED or not VERDICT.exists():
        return ""
    return str(json.loads(VERDICT.read_text("utf-8"))["verdict"])


def export_summary(folder: Path, result: Mapping[str, Any]) -> str:
    """For people at a terminal."""
    found = Likeness(**result["likeness"])
    lines = [
        f"{folder}: {result['kind']}, {result['dtype']}, all {result['modules']} LoRA modules applied",
        f"proved on {result['probe']}: {measured(found, result['dtype'])}",
        f"without the adapter the average would be {result['kl_without_adapter']:.2g}",
        f"verdict of the evaluation: {result['verdict'] or 'none'}",
        f"how to serve it: {folder / 'README.md'}",
    ]
    return "\n".join(lines)


def card(trained: Adapter, result: Mapping[str, Any]) -> str:
    """The model card of the report where it tells of this adapter, else the adapter's own; and how to serve it."""
    whole = MODEL_CARD.read_text("utf-8") if MODEL_CARD.exists() else ""
    if identity(trained.provenance) not in whole:
        whole = short_card(trained.provenance)
    _, front, body = whole.split("---\n", 2)
    said = yaml.safe_load(front)
    said["library_name"] = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}[result["kind"]]
    said["base_model_relation"] = {"adapter": "adapter", "merged": "finetune", "gguf": "quantized"}[result["kind"]]
    config = json.loads((trained.folder / CONFIG).read_text("utf-8"))
    import jinja2

    serving = jinja2.Template(
        (Path(__file__).parent / "serving.md.jinja").read_text("utf-8"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    ).render(
        **result,
        measured=measured(Likeness(**result["likeness"]), result["dtype"]),
        arguments=json.dumps(result["template_arguments"]),
        licence=trained.provenance["base"].get("licence") or UNKNOWN_LICENCE,
        rank=next((r for r in RANKS_OF_VLLM if r >= config["r"]), RANKS_OF_VLLM[-1]),
        dora=config.get("use_dora"),
        quantised=trained.base.quantised,
    )
    return (
        f"---\n{yaml.safe_dump(said, sort_keys=False, allow_unicode=True)}---\n{body.rstrip()}\n\n{serving.strip()}\n"
    )
