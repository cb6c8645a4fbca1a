"""Tokens a second, share of the card's limit, memory, and how well both were predicted.

    python -m benchmarks.training.gpu --shapes 0.6B 1.7B 8B --out results.json

Each run is a process of its own. The data is the same for all: documents of 64 to 1,024 tokens, two fifths of them
supervised. `trl` is SFTConfig as it comes (float32 weights under bfloat16 autocast, gradient checkpointing, 8 padded
rows a pass) with LoRA of the same rank on the same layers; `qirat` is the gpu recipe of params.yaml. Random weights
cost what trained ones cost.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
             "head_dim": 16, "intermediate_size": 128, "vocab_size": 1000},
    "0.6B": {"hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
             "head_dim": 128, "intermediate_size": 3072, "vocab_size": 151936},
    "1.7B": {"hidden_size": 2048, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
             "head_dim": 128, "intermediate_size": 6144, "vocab_size": 151936},
    "4B": {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
           "head_dim": 128, "intermediate_size": 9728, "vocab_size": 151936},
    "8B": {"hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
           "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936},
}  # fmt: skip
GOALS = {"0.6B": 130_000, "1.7B": 60_000, "8B": 16_000}  # tokens a second on an H200
RANK, WARM = 16, 3  # steps before the clock starts: kernels are chosen and memory is reserved


KERNELS = ("eager", "compiled", "liger")  # `qirat` takes what is fastest here, these are asked for
WAYS = ("trl", "qirat", *KERNELS, "same_bytes", "machine")


def main() -> None:
    """Runs every pair, one process each, and prints the table; or one part of benchmarks/gpu.sh."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=["0.6B", "1.7B", "8B"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "SHAPE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        way, shape = asked.one
        if way not in WAYS or shape not in SHAPES:
            sys.exit(f"--one: expected one of {', '.join(WAYS)} and one of {', '.join(SHAPES)}")
        print(json.dumps(one(way, shape, asked.steps)))
        return
    found = []
    for shape in asked.shapes:
        for way in ("trl", "qirat"):
            command = [sys.executable, "-m", "benchmarks.training.gpu", "--steps", str(asked.steps)]
            ran = subprocess.run([*command, "--one", way, shape], capture_output=True, text=True, check=False)
            if ran.returncode:
                sys.exit(f"{way} {shape}: {ran.stderr[-2000:]}")
            found.append({"way": way, "shape": shape, **json.loads(ran.stdout.splitlines()[-1])})
            print(line(found[-1], found), flush=True)
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def one(way: str, shape: str, steps: int) -> dict[str, Any]:
    """A part's figures."""
    if way == "machine":
        return machine()
    if way == "same_bytes":
        return same_bytes(shape, steps)
    return measured(way, shape, steps)


def machine() -> dict[str, Any]:
    """Card and versions behind the figures."""
    import importlib.metadata

    import torch

    names = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "polars")
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {"card": card, "cuda": torch.version.cuda, **{name: importlib.metadata.version(name) for name in names}}


def same_bytes(shape: str, steps: int) -> dict[str, Any]:
    """Whether two runs end in the same weights, in order and as kernels come, and the seconds of each."""
    import torch

    found: dict[str, Any] = {}
    for name, loose in (("in_order", False), ("as_it_comes", True)):
        runs = []
        for _ in range(2):
            torch.use_deterministic_algorithms(not loose)
            runs.append(measured("qirat", shape, steps))
        found[name] = {"same": runs[0]["weights"] == runs[1]["weights"], "seconds": min(r["seconds"] for r in runs)}
    torch.use_deterministic_algorithms(False)
    return found | {"price": found["in_order"]["seconds"] / found["as_it_comes"]["seconds"] - 1}


def line(row: dict[str, Any], found: list[dict[str, Any]]) -> str:
    plain = next(other for other in found if (other["way"], other["shape"]) == ("trl", row["shape"]))
    goal, times = GOALS.get(row["shape"]), row["tokens_s"] / plain["tokens_s"]
    return (
        f"{row['shape']:>5} {row['way']:<6}{row['tokens_s']:>10,.0f} tokens/s  {times:.1f}x"
        f"  {row['share']:.0%} of the peak  {row['bytes'] / 1e9:.1f} GB"
        f"  predicted {row['predicted_seconds'] / row['seconds'] - 1:+.0%} time, "
        f"{row['predicted_bytes'] / row['bytes'] - 1:+.0%} memory" + (f"  (goal {goal:,})" if goal else "")
    )


def documents(vocabulary: int, tokens: int) -> list[dict[str, list[int]]]:
    draw, made, size = random.Random(7), [], 0
    while size < tokens:
        length = min(int(draw.lognormvariate(5.8, 0.7)) + 64, 1024)
        ids = [draw.randrange(10, vocabulary) for _ in range(length)]
        context = int(0.6 * length)
        made.append({"input_ids": ids, "labels": [-100] * context + ids[context:]})
        size += length
    return made


def measured(way: str, name: str, steps: int) -> dict[str, Any]:
    """One run: tokens a second after the first steps, peak bytes, and what was predicted."""
    import torch
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
    from trl import SFTTrainer  # type: ignore[attr-defined]

    from training.model.attention import use_attention
    from training.model.cost import Numbers, Shape, memory, training_operations
    from training.model.kernels import AS_IT_COMES
    from training.model.plan import BatchPlan, lora, numbers_here, plan
    from training.model.recipe import Asked, Train, settled
    from training.train.fit import _peak, _settings, lora_under_autocast, on_a_card, predicted

    gpu, ours = torch.cuda.is_available(), way != "trl"
    params = train_params(Train)
    config = Qwen3Config(**SHAPES[name], max_position_embeddings=8192, tie_word_embeddings=name != "8B")
    step = {"rank": RANK, "epochs": 1, "batch": 4, "pack_tokens": 4096 if gpu else 1024}
    step |= {"kernels": way} if way in KERNELS else {}
    recipe = settled(params.gpu.model_copy(update=step), config, [1024] * 1000)
    rows = documents(SHAPES[name]["vocab_size"], steps * (recipe.row or 0) * recipe.rows)
    lengths = [len(row["input_ids"]) for row in rows]
    supervised = sum(label >= 0 for row in rows for label in row["labels"])
    shape = Shape.of(config, RANK)
    numbers = torch.bfloat16 if gpu and ours else torch.float32
    torch.manual_seed(0)
    with torch.device("cuda" if gpu else "cpu"):
        model = Qwen3ForCausalLM(config).to(numbers)
    asked = Asked(recipe, max(lengths), numbers_here(model.dtype.itemsize, quantised=False), "gpu")
    how = plan(shape, asked) if ours else BatchPlan(1, checkpointing=True)
    with tempfile.TemporaryDirectory() as scratch:
        settings = _settings(params, recipe, how, scratch) if ours else plain_settings(scratch, gpu)
        if ours:
            use_attention(model, recipe.attention, packed=True)
        trainer = SFTTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer(PreTrainedTokenizerFast),
            peft_config=lora(recipe, model),
            callbacks=[clock := watch()],
        )
        import polars as pl

        schema = {"input_ids": pl.List(pl.Int32), "labels": pl.List(pl.Int32)}
        table = pl.DataFrame(rows, schema=schema)
        with lora_under_autocast(trainer.model) if ours else nullcontext():
            computing = on_a_card(trainer, asked, how, table) if ours else AS_IT_COMES
            expected = predicted(trainer, shape, asked, how, (table, []))
            if gpu:
                torch.cuda.reset_peak_memory_stats()
            trainer.train()
            computing.undo()
    tokens, seconds = clock.tokens, clock.seconds
    operations = training_operations(shape, lengths, supervised) * tokens / sum(lengths)
    weights = hashlib.sha256()
    for _, weight in sorted((n, w) for n, w in trainer.model.named_parameters() if w.requires_grad):
        weights.update(weight.detach().float().cpu().numpy().tobytes())
    used = float(torch.cuda.max_memory_allocated()) if gpu else memory(shape, 4096, Numbers(4, 4), checkpointing=False)
    return {
        "tokens_s": tokens / seconds,
        "share": operations / seconds / (_peak() or float("inf")),
        "seconds": seconds,
        "bytes": used,
        "predicted_seconds": expected["predicted_seconds"] * tokens / sum(lengths),
        "predicted_bytes": expected["predicted_bytes"],
        "weights": weights.hexdigest(),
        "kernels": computing.way,
    }


def watch() -> Any:
    """Tokens and seconds after the first steps."""
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        tokens = seconds = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if state.global_step == WARM:
                self.began, self.before = time.perf_counter(), state.num_input_tokens_seen
            elif state.global_step > WARM:
                self.seconds = time.perf_counter() - self.began
                self.tokens = state.num_input_tokens_seen - self.before

    return Clock()


def plain_settings(scratch: str, gpu: bool) -> Any:
    """TRL as it comes; the epochs aside, nothing is chosen."""
    from trl import SFTConfig  # type: ignore[attr-defined]

    return SFTConfig(
        output_dir=scratch,
        num_train_epochs=1,
        save_strategy="no",
        report_to=[],
        include_num_input_tokens_seen="non_padding",
        use_cpu=not gpu,
        bf16=gpu,
    )


def train_params(model: Any) -> Any:
    from curation.harness.params import load_params

    return load_params("train", model)


def tokenizer(kind: Any) -> Any:
    from tokenizers import Tokenizer, models

    vocabulary = {"<pad>": 0, "<eos>": 1}
    return kind(tokenizer_object=Tokenizer(models.WordLevel(vocabulary)), pad_token="<pad>", eos_token="<eos>")


if __name__ == "__main__":
    main()
