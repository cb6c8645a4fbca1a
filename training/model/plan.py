"""How a step is computed on the machine at hand, and what it has for that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.harness.errors import QiratError
from training.model.base import Model, computes_in_bfloat16, dtype
from training.model.cost import FREE, Numbers, Shape
from training.model.lanes import lanes_of
from training.model.recipe import Asked, Recipe, Train, least_memory, passes_that_fit
from training.model.targets import tuned_layers
from training.model.unusable import beside_text

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Where Linux says what a container may take, in the order of the versions of its control groups.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class BatchPlan:
    """How a step is computed on this machine; the result does not depend on it but for rounding."""

    passes: int
    checkpointing: bool
    processes: int = 1
    sharded: bool = False  # each process holds its share of the weights

    @property
    def cards(self) -> int:
        """That share the weights out."""
        return self.processes if self.sharded else 1


def numbers_here(weight: int, quantised: bool) -> Numbers:
    """In which numbers weights of so many bytes are trained on this machine."""
    return Numbers(weight, 2 if computes_in_bfloat16() else weight, quantised)


def asked_of(model: Model, recipe: Recipe, longest: int, params: Train) -> Asked:
    """What a training of this model here is to fit with, before its weights are loaded."""
    import torch

    lanes = 1 if gpus() else lanes_of(torch.device("cpu"))
    return Asked(
        recipe,
        longest,
        numbers_here(dtype(model).itemsize, model.quantised is not None),
        params.profile,
        lanes,
        params.shard,
    )


def plan(shape: Shape, asked: Asked, processes: int = 1) -> BatchPlan:
    """Passes a step, checkpointing and sharing of weights, from the free memory of the GPU where they are `auto`."""
    recipe = asked.recipe
    fixed = 1 if recipe.passes == "auto" else recipe.passes
    if recipe.rows % (processes * fixed):
        raise QiratError(
            f"params.yaml, train: batch {recipe.rows} cannot be divided among {processes} GPUs in {fixed} passes; "
            f"choose a multiple of {processes * fixed}"
        )
    share = recipe.model_copy(update={"batch": recipe.rows // processes})
    if not gpus():
        passes = share.rows if recipe.passes == "auto" else fixed
        return BatchPlan(passes, recipe.checkpointing is True, processes, processes > 1 and asked.shard == "on")
    free = free_bytes(min(processes, gpus()))
    alone = replace(asked, recipe=share)
    sharded = processes > 1 and _is_sharded(shape, alone, free)
    alone = replace(alone, cards=processes if sharded else 1)
    return BatchPlan(*passes_that_fit(shape, alone, free), processes, sharded)


def _is_sharded(shape: Shape, alone: Asked, free: float) -> bool:
    """Weights in nf4 never are: accelerate leaves them whole on each GPU."""
    if alone.numbers.quantised or alone.shard == "off":
        return False
    return alone.shard == "on" or least_memory(shape, alone) > free


def free_bytes(processes: int = 1) -> float:
    """That a training may take: of the fullest of so many GPUs, or of this machine; infinite where nothing tells it."""
    import torch

    if not gpus():
        return FREE * min(_available(), *map(_limit, LIMITS))
    # What this process holds already, such as a base model, is counted among what the run needs.
    return FREE * min(torch.cuda.mem_get_info(gpu)[0] + torch.cuda.memory_reserved(gpu) for gpu in range(processes))


def _available() -> float:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return math.inf
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), math.inf)


def _limit(path: Path) -> float:
    try:
        return float(path.read_text("ascii"))
    except (OSError, ValueError):  # "max"
        return math.inf


def place_of(how: BatchPlan) -> "torch.device | None":
    """Where one process loads the base; what several share out lies in main memory. None: the device at hand."""
    import torch

    return torch.device("cpu") if how.sharded else None


def fair_sample(lengths: Sequence[int], tokens: int) -> list[int]:
    """Indices of as many examples as hold about so many tokens, at least one: short and long ones in proportion."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    wanted = max(1, min(len(order), round(tokens * len(order) / sum(lengths))))
    return [order[(2 * n + 1) * len(order) // (2 * wanted)] for n in range(wanted)]


def lora(recipe: Recipe, base: "PreTrainedModel") -> Any:
    """PEFT's settings: every linear layer that reads text."""
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        target_modules=tuned_layers(base),
        exclude_modules=beside_text(base) or None,
        r=int(recipe.rank),
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        use_rslora=recipe.rank_stabilised,
        use_dora=recipe.dora,
    )


def gpus() -> int:
    """That are visible (CUDA_VISIBLE_DEVICES)."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
