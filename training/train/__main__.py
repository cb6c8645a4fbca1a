"""Tune a LoRA adapter with TRL on the proved tokens.  python -m training.train

Two recipes stand in params.yaml, `cpu` to see the whole road work on two cores and `gpu` to train for real;
`dvc exp run -S train.profile=gpu` changes over. The adapter that is kept is the one with the lowest loss on dev, a
mean over tokens and not over batches; how much of it serves is the next stage's to say (training.strength). Same data,
params and CPU: same bytes. On a card so where its kernels add in order, which the provenance tells (`card`).
"""

import hashlib
import json
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import polars as pl

from curation.core.record.conversation import canonical_json
from curation.harness.errors import QiratError
from curation.harness.files import atomic
from curation.harness.memory import CACHE, code_version
from curation.harness.stage import Stage
from training.model.adapter import write_adapter
from training.model.base import Model, load_model, load_tokenizer, weights_id
from training.model.cost import Numbers, Shape, counted, memory, training_operations
from training.model.likelihood import examples_of
from training.model.plan import gpus, place_of
from training.model.preflight import planned
from training.model.recipe import Recipe, Train, guessed_rate, sampled, settled
from training.model.rows import rows_apart
from training.model.targets import left_alone
from training.model.template import Renderer
from training.model.unusable import untrained_end
from training.train.checkpoints import Checkpoints
from training.train.fit import Trained, fit, fit_on_all, processes_wanted
from training.train.watch import Curve, note_text, notes

WHOLE = {"strength": 1.0}  # of what was learnt
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


def main() -> None:
    """Train on data/tokenized/train, watch data/tokenized/dev, keep the best adapter."""
    with Stage("train", Train) as stage:
        model, params = stage.section("model", Model), stage.params
        stage.input("data/baseline/passed")
        whole = {split: stage.read(f"tokenized/{split}") for split in ("train", "dev")}
        how = planned(model, params, whole["train"], stage.machine).how  # refuses what cannot run here
        chosen = {
            "train": sampled(whole["train"], params.recipe.max_tokens, params.recipe.train_tokens, params.seed),
            "dev": sampled(whole["dev"], params.recipe.max_tokens, params.recipe.dev_tokens, params.seed),
        }
        trained_on = rows_of(chosen["train"], stage.read("splits/train"))
        numbers = seen(whole["train"], chosen["train"])
        stage.say(
            f"profile {params.profile}: {numbers['examples_seen']:,} of {numbers['examples']:,} examples, "
            f"{numbers['tokens_seen']:,} of {numbers['tokens']:,} tokens an epoch"
        )
        tokenizer, base = load_tokenizer(model), load_model(model, place_of(how))
        lengths, config = counted(chosen["train"])[0], base.config
        recipe = rows_apart(base, settled(params.recipe, config, lengths), lengths)
        renderer = Renderer(tokenizer, model.template_arguments, opening=model.opening)
        for doubt in (untrained_end(base, renderer.stop_id), guessed_rate(params.recipe, config), left_alone(base)):
            if doubt:
                stage.say(doubt)
        origin = provenance(whole, model, params, recipe, renderer)
        shape = Shape.of(config, int(recipe.rank))
        checkpoints = Checkpoints({**origin, **surroundings(how.sharded)})
        processes = processes_wanted()
        if processes > 1:
            del base  # the memory of the first GPU is for its process
            trained = fit_on_all(
                processes, model, chosen["train"], chosen["dev"], params, recipe, checkpoints, stage.machine
            )
        else:
            trained = fit(
                base, tokenizer, chosen["train"], examples_of(chosen["dev"]), params, recipe, checkpoints, stage.machine
            )
        numbers |= outcome(trained)
        log = log_table(trained.history, trained.curve)
        found = notes(list(log.drop_nulls("loss").select("step", "loss").iter_rows()), trained.curve)

        stage.write("training/log", log)
        stage.write("training/watched", chosen["dev"])
        stage.write_json("data/training/notes.json", found)
        cost = counted_cost(chosen["train"], shape, recipe)
        stage.write_json("data/training/cost.json", cost)
        made = {**origin, **card_used(trained), "training": numbers | WHOLE}
        with stage.output("models/trained") as folder:
            write_adapter(folder, trained.model, tokenizer, made, trained_on)
        stage.write_metrics(numbers)
        remember_times(trained.took | {"operations": cost["operations"]})
        checkpoints.clear()
        for note in found:
            stage.say(note_text(note))
        stage.say(f"dev loss {numbers['dev_loss_start']:.3f} -> {numbers['dev_loss']:.3f} nats a token")


def surroundings(sharded: bool = False) -> dict[str, Any]:
    """What else the last bits depend on: our code, threads, the GPU, whether weights are shared out."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    liger = version("liger-kernel") if find_spec("liger_kernel") else "none"
    machine = {"liger": liger, "threads": torch.get_num_threads(), "gpu": gpu, "processes": processes_wanted()}
    return {"code": code_version("train"), "machine": machine | ({"sharded": True} if sharded else {})}


def card_used(trained: Trained) -> dict[str, Any]:
    """For the provenance, where it was a GPU: which, how many, how layers were computed, and whether another run there
    gives the same bytes.

    One CPU always does, and needs no word.
    """
    import torch

    if not gpus():
        return {}
    how = {"kernels": trained.kernels, "same_bytes": trained.same_bytes}
    return {"card": {"name": torch.cuda.get_device_name(), "processes": processes_wanted(), **how}}


def counted_cost(tokens: pl.DataFrame, shape: Shape, recipe: Recipe) -> dict[str, float]:
    """What can be counted before anything runs; `qirat cost` makes time, energy and money of it."""
    lengths, supervised = counted(tokens)
    row = recipe.row or max(lengths)
    return {
        "tokens": recipe.epochs * sum(lengths),
        "operations": recipe.epochs * training_operations(shape, lengths, supervised),
        "bytes_bfloat16": memory(shape, row * recipe.rows, Numbers(2, 2), checkpointing=False),
    }


def remember_times(took: dict[str, float]) -> None:
    """Times differ from run to run, so they stand beside the results, for `qirat cost`."""
    with atomic(CACHE / "cost" / "train.json") as temporary:
        temporary.write_text(json.dumps(took, indent=1, sort_keys=True) + "\n", "utf-8")


def seen(whole: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float | int]:
    """How much of the training data the recipe looks at: a CPU run must not pass for a whole one."""
    found: dict[str, float | int] = {}
    for end, tokens in (("", whole), ("_seen", chosen)):
        lengths, supervised = counted(tokens)
        found |= {f"examples{end}": tokens.height, f"tokens{end}": sum(lengths), f"supervised{end}": supervised}
    return found


def rows_of(tokens: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """Which rows the recipe looks at, by all their names, so that a later `qirat forget` can find the adapter.

    Raises QiratError where the split lacks any: it would not be found by those.
    """
    if lacking := tokens.join(split, on="conversation_id", how="anti").height:
        raise QiratError(
            f"data/splits/train.parquet lacks the conversations of {lacking:,} of {tokens.height:,} examples in "
            "data/tokenized/train.parquet, so it is of another run; run `dvc repro`"
        )
    rows = split.join(tokens, on="conversation_id", how="semi")
    return rows.select("row_id", "conversation_id", "parent_id").sort("row_id")


def log_table(history: list[dict[str, Any]], curve: Curve) -> pl.DataFrame:
    """LOG: one row a step, dev losses beside the training losses of the same step."""
    steps = [
        (h["step"], h["epoch"], h["loss"], h["learning_rate"], int(h["num_input_tokens_seen"]))
        for h in history
        if "loss" in h
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
        "dev_loss": min(losses.values()),  # of the adapter that is kept
        "trainable_parameters": sum(t.numel() for t in trained.curve.best.values()),
    }


def provenance(
    whole: dict[str, pl.DataFrame], model: Model, params: Train, recipe: Recipe, renderer: Renderer
) -> dict[str, Any]:
    """What the adapter was made from: enough to make it again, or to see that something changed."""
    return {
        "base": {"name": model.name, "revision": model.revision, "weights": weights_id(model)},
        "data": {f"{split}_sha256": data_hash(tokens) for split, tokens in whole.items()},
        "template": {
            "sha256": hashlib.sha256(renderer.tokenizer.chat_template.encode()).hexdigest(),
            "arguments": renderer.arguments,
            "stop_token": renderer.stop_token,
        },
        "params": {"model": model.model_dump(), "train": params.model_dump(include={"profile", "seed"})}
        | {"recipe": recipe.model_dump()},
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl", "accelerate")},
    }


def data_hash(tokens: pl.DataFrame) -> str:
    """SHA-256 over ids, tokens and labels in the table's order; how Parquet packs them does not matter."""
    digest = hashlib.sha256()
    for row in tokens.iter_rows():
        digest.update(canonical_json(row).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
