"""The trainer: TRL's SFTTrainer on proved tokens, with every setting that its defaults would get wrong.

In one process the stage calls `fit`. On several GPUs it has torchrun, which `accelerate launch` runs too, start this
module on a folder of inputs, once a GPU:  torchrun --standalone --nproc-per-node 2 -m training.train.fit FOLDER
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.harness.damage import explained, refused
from curation.harness.engine import Machine
from curation.harness.errors import QiratError
from curation.harness.memory import CACHE
from training.model.base import Model, computes_in_bfloat16, load_config, load_model, load_tokenizer
from training.model.cost import CARDS, Shape, counted, memory, training_operations, weighing_operations
from training.model.kernels import AS_IT_COMES, Computing, compute_fast, ways_to_compute
from training.model.likelihood import examples_of, token_loss
from training.model.plan import BatchPlan, asked_of, fair_sample, gpus, lora, numbers_here, place_of, plan
from training.model.recipe import Asked, Recipe, Train
from training.model.rows import of_one_length, rows_apart
from training.model.template import Example
from training.train.checkpoints import Checkpoints
from training.train.cpu import seconds_a_pass, trainer_on_cpu
from training.train.watch import Curve, dev_watch, health, keeper, live, reporters, speed

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


# cuBLAS reads it once, at the first product of matrices that a process computes: before any model is here.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@dataclass(frozen=True)
class Trained:
    """The tuned model with its best weights in place, what the trainer logged, the dev curve, and how long it took."""

    model: "PreTrainedModel"
    history: list[dict[str, Any]]
    curve: Curve
    took: dict[str, float]  # seconds predicted and actual, peak bytes predicted and actual: of this run alone
    same_bytes: bool  # whether another run here would come to them
    kernels: str  # how layers were computed


def fit(  # noqa: PLR0913 - what a run is made of
    base: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    tokens: pl.DataFrame,
    dev: Sequence[Example],
    params: Train,
    recipe: Recipe,
    checkpoints: Checkpoints | None = None,
    machine: Machine | None = None,
) -> Trained:
    """LoRA on every linear layer, loss on the supervised tokens only, best dev weights put back at the end."""
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback, ProgressCallback
    from trl import SFTTrainer  # type: ignore[attr-defined]

    kind = trainer_on_cpu() if _one_on_a_cpu() else SFTTrainer

    be_deterministic()
    machine = machine or Machine()
    shape = Shape.of(base.config, int(recipe.rank))
    lengths, supervised = counted(tokens)
    recipe = rows_apart(base, recipe, lengths)
    first = os.environ.get("RANK", "0") == "0"
    resumed = checkpoints.resumable(prepare=first) if checkpoints else None
    numbers = numbers_here(base.dtype.itemsize, bool(getattr(base, "is_loaded_in_4bit", False)))
    asked = Asked(recipe, max(lengths), numbers, params.profile, shard=params.shard)
    how = plan(shape, asked, int(os.environ.get("WORLD_SIZE", "1")))
    if resumed:
        how = as_before(how, recipe, resumed)
    operations = training_operations(shape, lengths, supervised)
    rows = Dataset.from_dict(tokens.select("input_ids", "labels").to_dict(as_series=False))
    curve = Curve()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = kind(
            model=base,
            args=_settings(params, recipe, how, str(checkpoints.place) if checkpoints else scratch),
            train_dataset=rows,
            processing_class=tokenizer,
            peft_config=lora(recipe, base),
            callbacks=[health(), dev_watch(curve, dev, recipe.dev_points, recipe.patience)],
        )
        if checkpoints:
            trainer.add_callback(keeper(checkpoints, curve, machine.checkpoint_minutes))
        if machine.live and first:
            trainer.add_callback(live(CACHE / "live"))
        for callback in reporters(machine.report_to, curve):
            trainer.add_callback(callback)
        trainer.remove_callback(PrinterCallback)  # it prints a line a step; data/training/log holds them
        if sys.stderr.isatty():
            trainer.remove_callback(ProgressCallback)
            trainer.add_callback(speed(_peak(), operations / sum(lengths)))
        if resumed:
            curve.load(resumed)
        whole: Any = trainer.model
        if gpus():
            in_order(lambda: token_loss(whole, dev[:1]))
        with lora_under_autocast(whole):
            computing = on_a_card(trainer, asked, how, tokens) if gpus() else AS_IT_COMES
            took = predicted(trainer, shape, asked, how, (tokens, dev))
            same_bytes = how.processes == 1 and not torch.is_deterministic_algorithms_warn_only_enabled()
            started = time.monotonic()
            _run(trainer, resumed)
            computing.undo()
        took |= _actual(started, resumed is not None) | {"processes": float(trainer.accelerator.num_processes)}
    tuned: Any = trainer.model
    restore(tuned, curve)
    return Trained(tuned.eval(), trainer.state.log_history, curve, took, same_bytes, computing.way)


def _run(trainer: Any, resumed: Path | None) -> None:
    """Trains. Where a checkpoint cannot be written QiratError names its folder, which the libraries do not."""
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    except Exception as error:  # each library has its own kind
        if said := refused(error, Path(trainer.args.output_dir)):
            raise QiratError(said) from error
        raise


def as_before(how: BatchPlan, recipe: Recipe, checkpoint: Path) -> BatchPlan:
    """The plan with the passes that the checkpoint was made with: free memory may differ now, and roundings with it."""
    rows = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))["train_batch_size"]
    return replace(how, passes=recipe.rows // how.processes // rows)


def predicted(
    trainer: Any, shape: Shape, asked: Asked, how: BatchPlan, looked_at: tuple[pl.DataFrame, Sequence[Example]]
) -> dict[str, float]:
    """Seconds by a trial of one pass, bytes by counting, before the run over examples of train and of dev."""
    recipe, (tokens, dev) = asked.recipe, looked_at
    lengths, supervised = counted(tokens)
    a_pass = tokens_a_pass(asked, how)
    tried = a_row(recipe, how, lengths, a_pass)
    batch = batch_of(trainer, tokens[tried])
    if how.checkpointing:  # the trainer turns it on only when it begins
        trainer.model.get_base_model().activation_checkpointing_enable()
    trainer.model.train()
    seconds = seconds_a_pass(trainer.model, batch, how.passes) if _one_on_a_cpu() else _tried(trainer, batch)
    rate = training_operations(shape, *counted(tokens[tried])) / seconds
    trained = recipe.epochs * training_operations(shape, lengths, supervised) / how.processes
    weighed = weighing_operations(shape, [len(e.input_ids) for e in dev], sum(e.supervised for e in dev))
    peak = memory(shape, a_pass, asked.numbers, how.checkpointing, how.cards)
    return {"predicted_seconds": (trained + recipe.dev_points * weighed) / rate, "predicted_bytes": peak}


def tokens_a_pass(asked: Asked, how: BatchPlan) -> int:
    """Of one process."""
    return asked.tokens(how.passes) // min(asked.lanes, how.passes) // how.processes


def a_row(recipe: Recipe, how: BatchPlan, lengths: Sequence[int], tokens: int) -> list[int]:
    """Which examples stand in a pass of at most so many tokens, one where rows hold no documents."""
    tried = fair_sample(lengths, tokens if _rows_hold_documents(recipe, how) else 1)
    while len(tried) > 1 and sum(lengths[place] for place in tried) > tokens:
        tried.pop()
    return tried


def batch_of(trainer: Any, rows: pl.DataFrame) -> dict[str, Any]:
    """As the trainer would give them to the model."""
    batch = trainer.data_collator(rows.select("input_ids", "labels").to_dicts())
    place = trainer.model.device
    return {name: value.to(place) if hasattr(value, "to") else value for name, value in batch.items()}


def lora_under_autocast(tuned: Any) -> AbstractContextManager[None]:
    """LoRA reads the numbers in which is computed, where those are not its own.

    PEFT would write a float32 copy of what each linear layer reads, for autocast to cast back. The weights stay float32
    for the optimiser, and autocast makes the copies in which is computed.
    """
    from peft.helpers import disable_input_dtype_casting

    casting: AbstractContextManager[None] = disable_input_dtype_casting(tuned, active=computes_in_bfloat16())
    return casting


def on_a_card(trainer: Any, asked: Asked, how: BatchPlan, tokens: pl.DataFrame) -> Computing:
    """Has rows filled up to one length, and sets how layers are computed, by a row of the data."""
    recipe, lengths, model = asked.recipe, counted(tokens)[0], trainer.model
    wanted = "eager" if how.sharded and recipe.kernels == "auto" else recipe.kernels  # untried with shared weights
    packed = recipe.row is not None and _rows_hold_documents(recipe, how)
    a_pass = tokens_a_pass(asked, how)
    rows = tokens[a_row(recipe, how, lengths, a_pass)]
    if how.checkpointing:
        model.get_base_model().activation_checkpointing_enable()
    plain = batch_of(trainer, rows)  # as it comes: so the proof is one of the filling, too
    row = _Row(trainer, plain)
    model.train()
    if ways_to_compute(model, wanted, packed)[:1] == ["compiled"]:
        trainer.data_collator = of_one_length(trainer.data_collator, a_pass, max(lengths))
        row.then = batch_of(trainer, rows)
    computing = compute_fast(model, wanted, row, packed)
    print(f"train: layers are computed {computing.way}", file=sys.stderr, flush=True)
    return computing


@dataclass
class _Row:
    """Loss and gradients of one row: first as it comes, then as it is given to compiled layers."""

    trainer: Any
    batch: dict[str, Any]
    then: dict[str, Any] | None = None

    def __call__(self) -> "list[Tensor | None]":
        import torch

        batch, self.batch = self.batch, self.then or self.batch
        model = self.trainer.model
        with torch.enable_grad(), self.trainer.accelerator.autocast():
            loss = -model(**batch, fused_lm_head=True, use_cache=False).log_probs.sum()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        return [loss, *torch.autograd.grad(loss, weights, allow_unused=True)]


def _tried(trainer: Any, batch: dict[str, Any]) -> float:
    """Seconds that a pass takes; the first on a GPU pays for its kernels."""
    import torch

    gpu = torch.cuda.is_available()
    seconds = []

    def a_pass() -> None:
        with trainer.accelerator.autocast():  # as the trainer's own passes are
            loss = -trainer.model(**batch, fused_lm_head=True, use_cache=False).log_probs.sum()
        loss.backward()

    for _ in range(3 if gpu else 1):
        started = time.perf_counter()
        in_order(a_pass)
        if gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
        trainer.model.zero_grad(set_to_none=True)
    return min(seconds)


def restore(model: Any, curve: Curve) -> None:
    """Puts the best weights in place."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, curve.best)


def be_deterministic() -> None:
    """The same sums in the same order.

    Only the strict mode orders the backward pass of attention on a card: in that of warnings flash and memory-efficient
    attention add as they come, and cuDNN's stays in use (aten/src/ATen/native/transformers/cuda/attention_backward.cu,
    sdp_utils.cpp of torch 2.13).
    """
    import torch

    torch.use_deterministic_algorithms(True)


def in_order(compute: Callable[[], object]) -> bool:
    """Computes it, and says whether it is by kernels that always add in the same order.

    Where torch has none it is computed by what there is, and so is all that follows.
    """
    import torch

    try:
        compute()
    except RuntimeError as error:
        if "use_deterministic_algorithms" not in str(error):
            raise
        torch.use_deterministic_algorithms(True, warn_only=True)
        compute()
    return not torch.is_deterministic_algorithms_warn_only_enabled()


# -- several GPUs ------------------------------------------------------------------------------------------------------


def fit_on_all(  # noqa: PLR0913 - what a run is made of
    processes: int,
    model: Model,
    tokens: pl.DataFrame,
    dev: pl.DataFrame,
    params: Train,
    recipe: Recipe,
    checkpoints: Checkpoints,
    machine: Machine,
) -> Trained:
    """`fit`, once a GPU; the best weights come back onto a base loaded here. All keep to one plan, made here."""
    import torch
    from peft import get_peft_model

    checkpoints.resumable(prepare=False)  # refuses before anything is started
    torch.cuda.empty_cache()  # what this process no longer needs
    asked = asked_of(model, recipe, max(counted(tokens)[0]), params)
    how = plan(Shape.of(load_config(model), int(recipe.rank)), asked, processes)
    recipe = recipe.model_copy(update={"passes": how.passes, "checkpointing": how.checkpointing})
    params = params.model_copy(update={"shard": "on" if how.sharded else "off"})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tokens.write_parquet(folder / "train.parquet")
        dev.write_parquet(folder / "dev.parquet")
        settings = {"model": model, "train": params, "recipe": recipe, "machine": machine}
        job = {name: chosen.model_dump() for name, chosen in settings.items()}
        (folder / "job.json").write_text(json.dumps({**job, "certificate": checkpoints.certificate}), "utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        launched = subprocess.run([*command, "-m", "training.train.fit", str(folder)], check=False)
        if launched.returncode or not (folder / "done.json").exists():
            raise QiratError(f"training on {processes} GPUs failed; its last words stand above")
        curve = Curve()
        curve.load(folder)
        done = json.loads((folder / "done.json").read_text("utf-8"))
    base = load_model(model, place_of(how))
    tuned: Any = get_peft_model(base, lora(recipe, base))
    restore(tuned, curve)
    nobody = False  # orders their sum
    return Trained(tuned.eval(), done["history"], curve, done["took"], same_bytes=nobody, kernels=done["kernels"])


def processes_wanted() -> int:
    """One a GPU that is visible (CUDA_VISIBLE_DEVICES)."""
    return max(gpus(), 1)


def main() -> None:
    """One process of several."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # before the model is loaded: all would lie on the first
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text("utf-8"))
    model, params, recipe = Model(**job["model"]), Train(**job["train"]), Recipe(**job["recipe"])
    tokens, dev = (pl.read_parquet(folder / f"{split}.parquet") for split in ("train", "dev"))
    try:
        trained = fit(
            load_model(model, cards=int(os.environ["WORLD_SIZE"]) if params.shard == "on" else 1),
            load_tokenizer(model),
            tokens,
            examples_of(dev),
            params,
            recipe,
            Checkpoints(job["certificate"]),
            Machine(**job["machine"]),
        )
    except Exception as error:
        if said := explained(error):
            sys.exit(f"train: {said}")
        raise
    if os.environ.get("RANK", "0") == "0":
        trained.curve.save(folder)
        done = {"history": trained.history, "took": trained.took, "kernels": trained.kernels}
        (folder / "done.json").write_text(json.dumps(done), "utf-8")


# -- below -------------------------------------------------------------------------------------------------------------


def _settings(params: Train, recipe: Recipe, how: BatchPlan, place: str) -> Any:
    """TRL's settings, every one that its defaults would get wrong for LoRA on prepared tokens among them."""
    from trl import SFTConfig  # type: ignore[attr-defined]

    gpu = bool(gpus())
    settings = SFTConfig(
        output_dir=place,
        seed=params.seed,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.rows // how.passes // how.processes,
        gradient_accumulation_steps=how.passes,
        learning_rate=float(recipe.learning_rate),
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        max_length=recipe.row,  # null: the rows were cut at turn ends before, nothing is cut here
        packing=recipe.pack_tokens is not None,
        padding_free=recipe.pack_tokens is None and _rows_hold_documents(recipe, how),
        use_cpu=not gpu,
        bf16=computes_in_bfloat16(),
        gradient_checkpointing=how.checkpointing,
        dataloader_pin_memory=gpu,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would log the loss of the steps before in place of one that is no number
        save_strategy="no",  # Keeper asks for checkpoints by the clock
        include_num_input_tokens_seen="all",
        router_aux_loss_coef=0.0,  # routers are not tuned; TRL would add the loss of their balance to every mixture's
        report_to=[],
        disable_tqdm=not sys.stderr.isatty(),
    )
    settings._n_gpu = min(settings.n_gpu, 1)  # a process that sees several would give each as many rows (DataParallel)
    return settings


def _rows_hold_documents(recipe: Recipe, how: BatchPlan) -> bool:
    return recipe.flat and (recipe.pack_tokens is not None or recipe.rows // how.passes // how.processes > 1)


def _one_on_a_cpu() -> bool:
    return not gpus() and int(os.environ.get("WORLD_SIZE", "1")) == 1


def _peak() -> float | None:
    """Operations a second by the data sheet of the GPU at hand."""
    import torch

    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    return next((card.peak for known, card in CARDS.items() if known in name), None)


def _actual(started: float, resumed: bool) -> dict[str, float]:
    import torch

    took = {"resumed": float(resumed), "seconds": time.monotonic() - started}
    return took | ({"bytes": float(torch.cuda.max_memory_allocated())} if torch.cuda.is_available() else {})


if __name__ == "__main__":
    main()
