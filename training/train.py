"""Tune a LoRA adapter with TRL on the proved tokens.  python -m training.train

Two recipes stand in params.yaml, `cpu` to see the whole road work on two cores and `gpu` to train for real;
`dvc exp run -S train.profile=gpu` changes over. The adapter that is kept is the one with the lowest loss on dev, a
mean over tokens and not over batches. Same data, params and machine: same bytes.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field

from curation.conversation import canonical_json
from curation.stage import Params, QiratError, Stage
from training.adapter import write_adapter
from training.likelihood import negative_log_likelihoods
from training.model import Model, computes_in_bfloat16, load_model, load_tokenizer, weights_id
from training.sample import fair_order
from training.template import IGNORED, Example, Renderer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LOG = pl.Schema(
    {
        "step": pl.Int64,
        "epoch": pl.Float64,
        "loss": pl.Float64,  # nats a token of the step's batch; null where only dev was measured
        "dev_loss": pl.Float64,  # nats a token of the dev conversations; null between measurements
        "learning_rate": pl.Float64,
        "tokens": pl.Int64,  # read so far, context and replies
    }
)


class Recipe(Params):
    """How to train. Sources: the consensus table of LoRA recipes for 1k to 50k examples in docs/training.md."""

    max_tokens: int | None = None  # leave out longer examples; null: none
    train_tokens: int | None = None  # train on a fair sample of about so many tokens; null: on everything
    dev_tokens: int | None = None  # likewise for the dev loss
    dev_points: int = Field(ge=2)  # measurements of the dev loss, start and end among them
    epochs: float
    rank: int
    alpha: int
    dropout: float
    learning_rate: float
    warmup: float  # share of the steps
    batch: int  # examples, or packs of `pack_tokens`, a device and pass
    accumulate: int  # passes a step
    pack_tokens: int | None = None  # fill rows of so many tokens with whole examples; null: one example a row


class Train(Params):
    """Which recipe, and both of them."""

    profile: Literal["cpu", "gpu"]
    seed: int
    cpu: Recipe
    gpu: Recipe

    @property
    def recipe(self) -> Recipe:
        return self.gpu if self.profile == "gpu" else self.cpu


@dataclass
class Curve:
    """Dev loss by step, and the adapter's weights where it was lowest."""

    losses: dict[int, float] = field(default_factory=dict)
    best_step: int = 0
    best: "dict[str, Tensor]" = field(default_factory=dict)

    def add(self, step: int, loss: float, weights: "Callable[[], dict[str, Tensor]]") -> None:
        if not self.losses or loss < self.losses[self.best_step]:
            self.best_step, self.best = step, weights()
        self.losses[step] = loss


@dataclass(frozen=True)
class Trained:
    """The tuned model with its best weights in place, its log and its dev curve."""

    model: "PreTrainedModel"
    log: pl.DataFrame
    curve: Curve


def main() -> None:
    """Train on data/tokenized/train, watch data/tokenized/dev, keep the best adapter."""
    with Stage("train", Train) as stage:
        refuse_several_gpus()
        model, recipe = stage.section("model", Model), stage.params.recipe
        stage.input("data/baseline/passed")
        whole = {split: stage.read(f"tokenized/{split}") for split in ("train", "dev")}
        chosen = {
            "train": sampled(whole["train"], recipe.max_tokens, recipe.train_tokens, stage.params.seed),
            "dev": sampled(whole["dev"], recipe.max_tokens, recipe.dev_tokens, stage.params.seed),
        }
        trained_on = rows_of(chosen["train"], stage.read("splits/train"))
        numbers = seen(whole["train"], chosen["train"])
        stage.say(
            f"profile {stage.params.profile}: {numbers['examples_seen']:,} of {numbers['examples']:,} examples, "
            f"{numbers['tokens_seen']:,} of {numbers['tokens']:,} tokens an epoch"
        )
        tokenizer, base = load_tokenizer(model), load_model(model)
        origin = provenance(whole, model, stage.params, Renderer(tokenizer, model.template_arguments))
        trained = fit(base, tokenizer, chosen["train"], examples_of(chosen["dev"]), stage.params)
        numbers |= outcome(trained)

        stage.write("training/log", trained.log)
        with stage.output("models/adapter") as folder:
            write_adapter(folder, trained.model, tokenizer, {**origin, "training": numbers}, trained_on)
        stage.write_metrics(numbers)
        stage.say(f"dev loss {numbers['dev_loss_start']:.3f} -> {numbers['dev_loss_best']:.3f} nats a token")


def refuse_several_gpus() -> None:
    """The trainer would spread over all GPUs it sees, and several processes would write the same files."""
    import torch

    if torch.cuda.device_count() > 1 or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise QiratError(
            "training uses one GPU for now: run it as `CUDA_VISIBLE_DEVICES=0 python -m training.train`, without "
            "accelerate or torchrun; several GPUs come later"
        )


def sampled(tokens: pl.DataFrame, max_tokens: int | None, budget: int | None, seed: int) -> pl.DataFrame:
    """Examples of at most `max_tokens`, in fair order, until `budget` tokens are together (at least one example)."""
    sized = tokens.with_columns(_size=pl.col("input_ids").list.len().cast(pl.Int64))
    if max_tokens is not None:
        sized = sized.filter(pl.col("_size") <= max_tokens)
    if not sized.height:
        raise QiratError(f"no example has at most {max_tokens} tokens; raise max_tokens of the recipe in params.yaml")
    ordered = fair_order(sized, seed)
    if budget is not None:
        ordered = ordered.filter((pl.col("_size").cum_sum() <= budget) | (pl.int_range(pl.len()) == 0))
    return ordered.drop("_size")


def seen(whole: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float | int]:
    """How much of the training data the recipe looks at: a CPU run must not pass for a whole one."""

    def count(tokens: pl.DataFrame, suffix: str) -> dict[str, float | int]:
        return {
            f"examples{suffix}": tokens.height,
            f"tokens{suffix}": int(tokens["input_ids"].list.len().sum()),
            f"supervised{suffix}": int((tokens["labels"].explode() != IGNORED).sum()),
        }

    return {**count(whole, ""), **count(chosen, "_seen")}


def rows_of(tokens: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """Which rows the recipe looks at, by all their names, so that a later `qirat forget` can find the adapter."""
    rows = split.join(tokens, on="conversation_id", how="semi")
    return rows.select("row_id", "conversation_id", "parent_id").sort("row_id")


def examples_of(tokens: pl.DataFrame) -> list[Example]:
    """Tokens and labels for `negative_log_likelihoods`."""
    return [Example(ids, labels, []) for ids, labels in tokens.select("input_ids", "labels").iter_rows()]


def fit(
    base: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    tokens: pl.DataFrame,
    dev: list[Example],
    params: Train,
) -> Trained:
    """LoRA on every linear layer, loss on the supervised tokens only, best dev weights put back at the end."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTTrainer  # type: ignore[attr-defined]

    _be_deterministic()
    rows = Dataset.from_dict(tokens.select("input_ids", "labels").to_dict(as_series=False))
    curve = Curve()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            model=base,
            args=_settings(params, scratch, longest=int(tokens["input_ids"].list.len().max())),  # type: ignore[arg-type]
            train_dataset=rows,
            processing_class=tokenizer,
            peft_config=_lora(params.recipe),
            callbacks=[_dev_watch(curve, dev, params.recipe.dev_points)],
        )
        if not sys.stderr.isatty():
            trainer.remove_callback(PrinterCallback)  # it prints a line a step; data/training/log holds them
        trainer.train()
    tuned: Any = trainer.model
    _restore(tuned, curve)
    return Trained(tuned.eval(), log_table(trainer.state.log_history, curve), curve)


def log_table(history: list[dict[str, Any]], curve: Curve) -> pl.DataFrame:
    """LOG: one row a step, dev losses beside the training losses of the same step."""
    steps = [
        (h["step"], h["epoch"], h["loss"], h["learning_rate"], int(h["num_tokens"])) for h in history if "loss" in h
    ]
    schema = {name: LOG[name] for name in ("step", "epoch", "loss", "learning_rate", "tokens")}
    trained = pl.DataFrame(steps, schema=schema, orient="row")
    dev = pl.DataFrame(list(curve.losses.items()), schema={"step": pl.Int64, "dev_loss": pl.Float64}, orient="row")
    joined = trained.join(dev, on="step", how="full", coalesce=True).sort("step")
    return joined.with_columns(pl.col("epoch", "tokens").fill_null(0)).select(LOG.names())


def outcome(trained: Trained) -> dict[str, float | int]:
    """Flat figures of the run."""
    losses = trained.curve.losses
    return {
        "steps": max(losses),
        "best_step": trained.curve.best_step,
        "dev_loss_start": losses[min(losses)],
        "dev_loss_end": losses[max(losses)],
        "dev_loss_best": min(losses.values()),
        "trainable_parameters": sum(t.numel() for t in trained.curve.best.values()),
    }


def provenance(whole: dict[str, pl.DataFrame], model: Model, params: Train, renderer: Renderer) -> dict[str, Any]:
    """What the adapter was made from: enough to make it again, or to see that something changed."""
    return {
        "base": {"name": model.name, "revision": model.revision, "weights": weights_id(model)},
        "data": {f"{split}_sha256": data_hash(tokens) for split, tokens in whole.items()},
        "template": {
            "sha256": hashlib.sha256(renderer.tokenizer.chat_template.encode()).hexdigest(),
            "arguments": renderer.arguments,
            "stop_token": renderer.stop_token,
        },
        "params": {"model": model.model_dump(), "train": params.model_dump(exclude={"cpu", "gpu"})}
        | {"recipe": params.recipe.model_dump()},
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl", "accelerate")},
    }


def data_hash(tokens: pl.DataFrame) -> str:
    """SHA-256 over ids, tokens and labels in the table's order; how Parquet packs them does not matter."""
    digest = hashlib.sha256()
    for row in tokens.iter_rows():
        digest.update(canonical_json(row).encode())
    return digest.hexdigest()


def _settings(params: Train, scratch: str, longest: int) -> Any:
    """TRL's settings, every one that its defaults would get wrong for LoRA on prepared tokens among them."""
    import torch
    from trl import SFTConfig  # type: ignore[attr-defined]

    recipe = params.recipe
    if recipe.pack_tokens and recipe.pack_tokens < longest:
        raise QiratError(
            f"params.yaml, train.{params.profile}.pack_tokens: {recipe.pack_tokens} would cut an example of {longest} "
            "tokens; raise it to tokenize.max_tokens or more"
        )
    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=scratch,
        seed=params.seed,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        max_length=recipe.pack_tokens,  # null: the rows were cut at turn ends before, nothing is cut here
        packing=recipe.pack_tokens is not None,
        use_cpu=not gpu,
        bf16=computes_in_bfloat16(),
        gradient_checkpointing=False,
        dataloader_pin_memory=gpu,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=not sys.stderr.isatty(),
    )


def _lora(recipe: Recipe) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
    )


def _dev_watch(curve: Curve, dev: list[Example], points: int) -> Any:
    """A callback that measures the dev loss at the start, at the end and evenly between."""
    from peft import get_peft_model_state_dict
    from transformers import TrainerCallback

    supervised = sum(e.supervised for e in dev)

    class DevWatch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self.steps = {round(i * state.max_steps / (points - 1)) for i in range(points)}
            self._measure(state.global_step, rest["model"])

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step in self.steps:
                self._measure(state.global_step, rest["model"])

        def _measure(self, step: int, model: Any) -> None:
            model.eval()
            loss = sum(negative_log_likelihoods(model, dev)) / supervised
            model.train()
            curve.add(step, loss, lambda: {k: v.detach().clone() for k, v in get_peft_model_state_dict(model).items()})

    return DevWatch()


def _restore(model: Any, curve: Curve) -> None:
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, curve.best)


def _be_deterministic() -> None:
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())


if __name__ == "__main__":
    main()
