"""Which engine writes replies, and are they the same? CPU seconds a reply, and greedy agreement with transformers.

    python -m benchmarks.training.generation PROJECT MODEL [--arm prompted] [--language en] [--prompts 16]
        [--tokens 32] [--engine NAME PYTHON PATH ...]

PROJECT is one after a whole run, MODEL the folder of its base model. `alone` is the reference: transformers as it
comes, each prompt alone, unpadded, in float32. `batches` is transformers as it comes, eight padded
prompts at a time; `ours` is what the stages do (training/judge/generation.py). Further engines run in environments of
their own, see generation_engines.py: NAME is llama.cpp, float32 or int8 of CTranslate2, or onnx.
Results go to benchmarks/results/generation.json, `python -m benchmarks.document` shows them.
"""

import argparse
import json
import resource
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from curation.core.record.draw import fair_order
from training.baseline.answers import arms_of
from training.judge.arms import few_shot, prompt_sections, with_prefix
from training.judge.generation import Decoding, generate
from training.judge.scoring import reply_turns
from training.model.base import Model, load_model, load_tokenizer
from training.model.template import InexpressibleError, Renderer

SHOTS, SHOT_WORDS = 2, 160
Prompts = list[list[int]]
ENGINES = Path(__file__).with_name("generation_engines.py")


@dataclass(frozen=True)
class Written:
    """What an engine gave; without the time to load."""

    replies: list[str]
    cpu_seconds: float


def main() -> None:
    arguments = parsed()
    model = Model.model_validate({"name": arguments.model, "dtype": "float32", "template_arguments": {}})
    renderer, loaded = Renderer(load_tokenizer(model)), load_model(model)
    asked = prompts(arguments.project, renderer, arguments)
    ways: dict[str, Callable[[], list[str]]] = {
        "alone": lambda: plain(loaded, renderer, asked, arguments.tokens, 1),
        "batches": lambda: plain(loaded, renderer, asked, arguments.tokens, 8),
        "ours": lambda: ours(loaded, renderer, asked, arguments.tokens),
    }
    found = {name: told(name, timed(way)) for name, way in ways.items()}
    for name, python, path in arguments.engine:
        label = f"{name}, {Path(path).name}"
        found[label] = told(label, elsewhere((name, python, path), asked, arguments.tokens, renderer))
    engines = [
        {
            "engine": name,
            "cpu_seconds": one.cpu_seconds / len(asked),
            "same": sum(map(str.__eq__, found["alone"].replies, one.replies)) / len(asked),
        }
        for name, one in found.items()
    ]
    told_of = {"arm": arguments.arm, "language": arguments.language, "tokens": arguments.tokens}
    results = {**told_of, "prompts": len(asked), "read": sum(map(len, asked)) / len(asked), "engines": engines}
    print(markdown(results))
    path = RESULTS / "generation.json"
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def markdown(found: dict[str, Any]) -> str:
    """A row an engine."""
    lines = [row(one["engine"], f"{one['cpu_seconds']:.1f}", f"{one['same']:.0%}") for one in found["engines"]]
    what = (
        f"Arm `{found['arm']}`, {found['prompts']} prompts in `{found['language']}` of {found['read']:.0f} tokens "
        f"on average, at most {found['tokens']} tokens a reply."
    )
    return "\n".join([what, "", *head("engine", "CPU seconds a reply", "the same reply"), *lines]) + "\n"


def prompts(project: Path, renderer: Renderer, wanted: argparse.Namespace) -> Prompts:
    """Of the arm, on test conversations in the language, in the order in which the stages ask them, sorted."""
    train, test = (pl.read_parquet(project / f"data/splits/{split}.parquet") for split in ("train", "test"))
    sections = prompt_sections((project / "prompt.md").read_text("utf-8"), "prompt.md")
    before = arms_of(sections, few_shot(train, SHOTS, SHOT_WORDS), {})[wanted.arm]
    found: list[list[int]] = []
    for talk in fair_order(test.filter(language=wanted.language), 7).iter_rows(named=True):
        try:
            for turn in reply_turns(talk["messages"]):
                joined, _ = with_prefix(before(talk, turn), talk["messages"][:turn])
                found.append(renderer.prompt(joined, talk["tools"]))
        except InexpressibleError:
            continue
        if len(found) >= wanted.prompts:
            break
    return sorted(found[: wanted.prompts])


def plain(model: Any, renderer: Renderer, asked: Prompts, limit: int, batch: int) -> list[str]:
    """Transformers as it comes, the longest prompts first."""
    import torch
    from transformers import GenerationConfig

    pad = renderer.tokenizer.pad_token_id
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=limit, do_sample=False, eos_token_id=renderer.stops, pad_token_id=pad
    )
    order = sorted(range(len(asked)), key=lambda i: -len(asked[i]))
    written: dict[int, list[int]] = {}
    for start in range(0, len(order), batch):
        indices = order[start : start + batch]
        longest = len(asked[indices[0]])
        padding = [longest - len(asked[i]) for i in indices]
        ids = torch.tensor([[pad] * gap + asked[i] for gap, i in zip(padding, indices, strict=True)])
        seen = torch.tensor([[0] * gap + [1] * (longest - gap) for gap in padding])
        with torch.inference_mode():
            out = model.generate(input_ids=ids, attention_mask=seen, generation_config=config)
        written |= dict(zip(indices, out[:, longest:].tolist(), strict=True))
    return [spoken(renderer, written[i]) for i in range(len(asked))]


def ours(model: Any, renderer: Renderer, asked: Prompts, limit: int) -> list[str]:
    """What the stages do."""
    return [reply.text for reply in generate(model, renderer, asked, Decoding(limit, 32))]


def spoken(renderer: Renderer, written: list[int]) -> str:
    """The words up to the stop token."""
    end = next((at for at, token in enumerate(written) if token in renderer.stops), len(written))
    return str(renderer.tokenizer.decode(written[:end], skip_special_tokens=True)).rstrip("\ufffd").strip()


def told(name: str, written: Written) -> Written:
    """A line, as soon as it is known."""
    print(f"{name}: {written.cpu_seconds:.1f} CPU s", flush=True)
    return written


def timed(way: Callable[[], list[str]]) -> Written:
    begun = resource.getrusage(resource.RUSAGE_SELF)
    replies = way()
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return Written(replies, ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)


def elsewhere(engine: tuple[str, str, str], asked: Prompts, limit: int, renderer: Renderer) -> Written:
    """An engine of another environment, on one thread."""
    name, python, path = engine
    question = json.dumps({"prompts": asked, "limit": limit, "stops": renderer.stops})
    ran = subprocess.run([python, ENGINES, name, path, "1"], input=question, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout.splitlines()[-1])
    replies = [reply.strip() if isinstance(reply, str) else spoken(renderer, reply) for reply in found["replies"]]
    return Written(replies, found["cpu_seconds"])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("model")
    parser.add_argument("--arm", default="prompted")
    parser.add_argument("--language", default="en")  # SmolLM2 spells others letter by letter
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--engine", nargs=3, action="append", default=[], metavar=("NAME", "PYTHON", "PATH"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
