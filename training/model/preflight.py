"""Whether a training can run here, asked in seconds and before the minutes that come first.

What is known without weights is refused without them: no card for the recipe of cards, a pack that would cut, a batch
that cannot be shared out, too little memory. Then one row goes through the model at hand, forward and backward.
"""

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.harness.engine import Machine
from curation.harness.errors import QiratError
from curation.harness.memory import CACHE
from training.model.base import Model, computes_in_bfloat16, load_config
from training.model.cost import Shape, counted, memory, training_operations
from training.model.kernels import compute_fast
from training.model.plan import BatchPlan, asked_of, fair_sample, free_bytes, gpus, lora, plan
from training.model.recipe import (
    Asked,
    Recipe,
    Train,
    cards_needed,
    least_memory,
    refuse_cuts,
    sampled,
    settled,
    ways_to_fit,
)
from training.model.rows import rows_apart
from training.model.sharing import is_spread
from training.model.template import IGNORED

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# Of the one layer that is trained to measure a CPU: tokens of a row, words that it knows, LoRA's rank, and how often;
# the first time finds no memory.
ROW, WORDS, RANK, TRIES = 256, 64, 16, 3
TELLING = 64  # tokens: a shorter row tells little of the speed
FEW = 300  # seconds below which a time is told in seconds


@dataclass(frozen=True)
class Planned:
    """What a training would be, before weights are loaded."""

    model: str
    shape: Shape
    asked: Asked
    how: BatchPlan
    tokens: pl.DataFrame  # examples that it looks at

    @property
    def operations(self) -> float:
        return self.asked.recipe.epochs * training_operations(self.shape, *counted(self.tokens))

    @property
    def bytes(self) -> float:
        """Of a pass, or of all that run at the same time."""
        tokens = self.asked.tokens(self.how.passes) // self.how.processes
        return memory(self.shape, tokens, self.asked.numbers, self.how.checkpointing, self.how.cards)


@dataclass(frozen=True)
class Tried:
    """What one row took."""

    tokens: int
    operations: float
    seconds: float
    kernels: str  # how layers were computed

    def told(self, planned: Planned) -> str:
        """For people at a terminal."""
        rate = self.operations / self.seconds * planned.how.processes
        where = f"on {planned.how.processes} GPUs, layers {self.kernels}," if gpus() else "on this CPU"
        return (
            f"it can be trained: a row of {self.tokens:,} tokens went forward and backward in {self.seconds:.1f} s, "
            f"the recipe takes about {_time(planned.operations / rate)} {where}, "
            f"{planned.asked.recipe.told(counted(planned.tokens)[0])}, {planned.how.passes} passes a step and "
            f"{planned.bytes / 1e9:.1f} GB"
        )


def planned(model: Model, params: Train, tokens: pl.DataFrame, machine: Machine | None = None) -> Planned:
    """How `train` would train on a tokenized table here; raises QiratError with what would do where it could not."""
    refuse_no_reporter(machine or Machine())
    config = load_config(model)
    refuse_no_card(model, params, config, tokens)
    recipe, chosen = _looked_at(params.recipe, config, tokens, params.seed)
    refuse_cuts(chosen, recipe, params.profile)
    shape = Shape.of(config, int(recipe.rank))
    asked = asked_of(model, recipe, max(counted(chosen)[0]), params)
    how = plan(shape, asked, max(gpus(), 1))
    share = recipe.model_copy(update={"batch": recipe.rows // how.processes})
    refuse_too_large(model.name, shape, replace(asked, recipe=share, cards=how.cards), free_bytes(how.processes))
    return Planned(model.name, shape, asked, how, chosen)


def refuse_no_reporter(machine: Machine) -> None:
    """A package that is to look on, and is not here: told before the minutes that come first."""
    for name in machine.report_to:
        if find_spec(name) is None:
            raise QiratError(
                f"params.yaml, machine.report_to: the package {name} is not installed here; `pip install {name}`, or "
                "leave it out"
            )


def refuse_no_card(model: Model, params: Train, config: "PretrainedConfig", tokens: pl.DataFrame) -> None:
    """The recipe of cards takes days where there is none."""
    import torch

    if params.profile != "gpu" or gpus():
        return
    times = {}
    for profile in ("cpu", "gpu"):
        asked = params.model_copy(update={"profile": profile}).recipe
        recipe, chosen = _looked_at(asked, config, tokens, params.seed)
        shape = Shape.of(config, int(recipe.rank))
        lengths, supervised = counted(chosen)
        times[profile] = (sum(lengths), recipe.epochs * training_operations(shape, lengths, supervised))
    few, many = times["cpu"], times["gpu"]
    rate = rate_of_cpu(shape)
    cure = "install torch for CUDA" if torch.version.cuda is None else "look why CUDA finds none (`nvidia-smi`)"
    raise QiratError(
        f"params.yaml, train.profile: gpu wants a card and there is none here ({cure}, or go where one is). On this "
        f"CPU it would take about {_time(many[1] / rate)}; `-S train.profile=cpu` trains on {few[0]:,} of "
        f"{many[0]:,} tokens in about {_time(few[1] / rate)}, to see the whole road. `qirat cost` tells what cards take"
    )


def refuse_too_large(name: str, shape: Shape, asked: Asked, free: float) -> None:
    """A training that does not fit, with what would."""
    ways = ways_to_fit(shape, asked, free)
    if ways and not ways[0].changes:
        return
    least = min(memory(shape, 1, replace(asked.numbers, quantised=q), True) for q in {True, asked.numbers.quantised})
    other = f"a base of at most about {_count(shape.weights * free / least)} weights (this one has {shape.weights:,})"
    fits = "; or ".join(f"set {way}" for way in ways[:3]) + ("; or choose " if ways else "choose ") + other
    if gpus() and asked.shard != "off" and (cards := cards_needed(shape, asked, free)):
        fits += f"; or {cards} such GPUs, which share its weights out"
    where = "the GPU" if gpus() else "this machine"
    raise QiratError(
        f"params.yaml: training {name} does not fit into the memory of {where}: it takes {_least(shape, asked):.1f} GB "
        f"with a row of {asked.recipe.row or asked.longest:,} tokens, of {free / 1e9:.1f} GB that can be "
        f"planned with. What fits: {fits}"
    )


def tried(base: "PreTrainedModel", found: Planned) -> Tried:
    """One row forward and backward as it would be trained; the model is left as it was.

    Raises QiratError where what comes out are no numbers, or where conversations of one row see each other and rows of
    one are refused too.
    """
    import torch

    lengths = counted(found.tokens)[0]
    with _as_it_was(base):
        recipe = rows_apart(base, found.asked.recipe, lengths)
        spread = is_spread(base)  # then the row shows whether it can be trained, not how fast
        rows = found.tokens[_a_row(lengths, recipe, short=spread or not gpus())]
        tuned = _tuned(base, recipe, found.how.checkpointing)
        batch = _row(rows, packed=recipe.pack_tokens is not None, place=base.device)
        wanted = "eager" if spread else recipe.kernels
        computing = compute_fast(tuned, wanted, partial(_passed, tuned, batch), one_length=recipe.row is not None)
        started = time.perf_counter()
        loss, *gradients = _passed(tuned, batch)
        finite = [torch.isfinite(part).all().to(loss.device) for part in (loss, *gradients) if part is not None]
        sound = bool(torch.stack(finite).all())
        seconds = time.perf_counter() - started
        computing.undo()
        tuned.unload()
    if not sound:
        raise QiratError(
            f"params.yaml, model.name: {found.model} gives no numbers for a row of this data (loss {float(loss):g}): "
            "set model.dtype to float32, or choose another base"
        )
    looked_at = counted(rows)
    return Tried(sum(looked_at[0]), training_operations(found.shape, *looked_at), seconds, computing.way)


def rate_of_cpu(shape: Shape) -> float:
    """Operations a second of a training here: of the last one, else of one layer of this width, which is timed."""
    path = CACHE / "cost" / "train.json"
    last = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if last.get("operations") and last.get("seconds") and not last.get("resumed") and "bytes" not in last:
        return float(last["operations"] / last["seconds"])
    import torch

    tuned = _one_layer(shape)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    ids = torch.zeros(1, ROW, dtype=torch.long)
    seconds = math.inf
    for _ in range(TRIES):
        started = time.perf_counter()
        torch.autograd.grad(tuned(input_ids=ids, labels=ids, use_cache=False).loss, weights)
        seconds = min(seconds, time.perf_counter() - started)
    return training_operations(Shape.of(tuned.config, RANK), [ROW], ROW) / seconds


# -- below -------------------------------------------------------------------------------------------------------------


def _one_layer(shape: Shape) -> Any:
    """Of Llama's kind and these widths with LoRA, its weights random: they cost what trained ones cost."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = max(shape.heads, 1)
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=1,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=max(2 * (shape.attention // heads // 2), 2),
    )
    return get_peft_model(
        LlamaForCausalLM(config), LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=RANK)
    )


def _looked_at(
    recipe: Recipe, config: "PretrainedConfig", tokens: pl.DataFrame, seed: int
) -> tuple[Recipe, pl.DataFrame]:
    chosen = sampled(tokens, recipe.max_tokens, recipe.train_tokens, seed)
    return settled(recipe, config, counted(chosen)[0]), chosen


def _a_row(lengths: list[int], recipe: Recipe, short: bool) -> list[int]:
    """Which examples stand in the row: a pack, on a card else the longest; or what a CPU computes in a second."""
    if recipe.row and not (short and gpus()):
        return fair_sample(lengths, recipe.row)
    order = sorted(range(len(lengths)), key=lambda at: lengths[at])
    return [order[-1] if not short else next((at for at in order if lengths[at] >= TELLING), order[-1])]


@contextmanager
def _as_it_was(base: Any) -> Iterator[None]:
    """Without the adapter, and attending as before."""
    attention, training = base.config._attn_implementation, base.training
    try:
        yield
    finally:
        base.activation_checkpointing_disable()
        base.__dict__.pop("forward", None)  # TRL's
        base.__dict__.pop("peft_config", None)
        base.set_attn_implementation(attention)
        base.train(training)


def _tuned(base: "PreTrainedModel", recipe: Recipe, checkpointing: bool) -> Any:
    from peft import get_peft_model

    if gpus():
        from trl.trainer.utils import add_fused_lm_head

        add_fused_lm_head(base)
    tuned: Any = get_peft_model(base, lora(recipe, base))
    if checkpointing:
        base.activation_checkpointing_enable()
    return tuned.train()


def _row(rows: pl.DataFrame, packed: bool, place: Any) -> dict[str, Any]:
    """In the very form in which TRL's trainer gives it."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    examples = rows.select("input_ids", "labels").to_dicts()
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=packed)(examples)
    return {name: value.to(place) if hasattr(value, "to") else value for name, value in batch.items()}


def _passed(tuned: Any, batch: dict[str, Any]) -> list[Any]:
    """Loss, and the gradients of what is trained."""
    import torch
    from peft.helpers import disable_input_dtype_casting

    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    with disable_input_dtype_casting(tuned, active=computes_in_bfloat16()):  # autocast casts
        loss = _loss(tuned, batch)
        return [loss, *torch.autograd.grad(loss, weights, allow_unused=True)]


def _loss(tuned: Any, batch: dict[str, Any]) -> Any:
    """Nats of the learnt tokens, a mean; through TRL's head on a card, which keeps no logits, as the trainer's."""
    import torch

    labels = batch["labels"][:, 1:]
    learnt = (labels != IGNORED).any(dim=0).nonzero()[:, 0]
    with torch.enable_grad(), torch.autocast(labels.device.type, torch.bfloat16, enabled=computes_in_bfloat16()):
        if gpus():
            return -tuned(**batch, fused_lm_head=True, use_cache=False).log_probs.sum() / len(learnt)
        rest = {name: value for name, value in batch.items() if name != "labels"}
        logits = tuned(**rest, logits_to_keep=learnt, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits[0].float(), labels[0, learnt])


def _least(shape: Shape, asked: Asked) -> float:
    return least_memory(shape, asked) / 1e9


def _count(weights: float) -> str:
    return f"{weights / 1e9:.1f} billion" if weights >= 1e9 else f"{weights / 1e6:,.0f} million"


def _time(seconds: float) -> str:
    for least, unit, name in ((86400.0, 86400.0, "days"), (3600.0, 3600.0, "hours"), (float(FEW), 60.0, "minutes")):
        if seconds >= least:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:,.0f} seconds"
