"""The training set as other trainers take it, read back before it is left.  qirat export axolotl DIR

Each format is a file of training/commands/trainers. What one cannot hold is counted and told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from curation.harness.errors import QiratError
from curation.harness.files import atomic, finished_table
from curation.harness.params import load_params
from training.commands.trainers.axolotl import AXOLOTL
from training.commands.trainers.llama_factory import LLAMA_FACTORY
from training.commands.trainers.talks import Example, Format, told
from training.commands.trainers.unsloth import UNSLOTH
from training.model.base import Model, load_tokenizer
from training.model.template.tokens import special_tokens

Trainer = Literal["axolotl", "llama-factory", "unsloth"]
FORMATS: Mapping[Trainer, Format] = {"axolotl": AXOLOTL, "llama-factory": LLAMA_FACTORY, "unsloth": UNSLOTH}
SPLITS = ("train", "dev")


def hand_over(trainer: Trainer, folder: Path) -> str:
    """Write the folder, read it back, and say what was lost. Raises QiratError where it says anything else."""
    if folder.exists():
        raise QiratError(f"{folder} is there already; name a new folder, or remove it")
    model, lost = load_params("model", Model), Counter[str]()
    special = special_tokens(load_tokenizer(model))
    talks = {split: [*told(finished_table(f"splits/{split}"), model, special, lost)] for split in SPLITS}
    if not talks["train"]:
        raise QiratError("data/splits/train holds no reply that is learnt; `qirat results` says where the rows went")
    form = FORMATS[trainer]
    made = form.examples(talks, lost)
    with atomic(folder) as temporary:
        temporary.mkdir()
        settings = form.settings(temporary, made, model)
        (temporary / "README.md").write_text(_readme(trainer, settings, lost), "utf-8")
        for split, examples in made.examples.items():
            refuse_unlike(form.read(temporary, split), examples, f"{folder}, {split}")
    counts = ", ".join(f"{split} {len(examples):,}" for split, examples in made.examples.items())
    return "\n".join([f"{folder}: for {trainer}, examples: {counts}, read back as written", *_losses(lost)])


def refuse_unlike(found: Sequence[Example], written: Sequence[Example], where: str) -> None:
    """What is read back must say what was written."""
    if found != written:
        at = next((n for n, (a, b) in enumerate(zip(found, written, strict=False), 1) if a != b), len(found) + 1)
        raise QiratError(f"{where}: example {at} reads otherwise than it was written; please report it")


def _losses(lost: Counter[str]) -> list[str]:
    return [f"lost: {count:,} {what}" for what, count in lost.items() if count] or ["nothing is lost"]


def _readme(trainer: Trainer, settings: str, lost: Counter[str]) -> str:
    losses = "\n".join(f"- {line}" for line in _losses(lost))
    return f"# Training data for {trainer}\n\n{settings}\n\nAgainst training here (`qirat preview`):\n\n{losses}\n"
