"""Does the adapter win? SmolLM2-135M on the English conversations of the sample, on a CPU, by the real stages.

    python -m benchmarks.training.adapter_wins FOLDER

FOLDER becomes a project as in benchmarks/training/curation_pays.py, of which only conversations in English stay: the
base model knows no Arabic. Then the stages run, gate to evaluate, with more tokens to learn from and more
conversations to answer than the CPU profile has, all else as shipped: no recipe is tried out. Test conversations are
looked at once, by baseline and evaluate. What is finished is not run again.
Results go to benchmarks/results/adapter_wins.json, `python -m benchmarks.document` shows them.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS, ROOT, road
from benchmarks.training.curation_pays import made
from curation.harness.params import load_params
from training.commands.trial import interval
from training.judge.arms import ADAPTER, PROMPT_ARMS
from training.judge.scoring import Evaluate

METRICS = ("playbook", "playbook_pass", "nll", "chrf", "style", "stopped", "words", "prompt_tokens")
ARMS = (*PROMPT_ARMS, ADAPTER)
Values = dict[str, Any]


def main() -> None:
    arguments = parsed()
    made(arguments.folder)
    os.chdir(arguments.folder)
    in_english()
    changed = overrides(arguments)
    write_params(changed)
    for module in road("gate", "evaluate").values():
        run(module)
    results = {"overrides": changed, **measured()}
    arguments.results.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
    print(markdown(results))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Does the adapter win?")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=24_000, help="to train on")
    parser.add_argument("--strength", type=float, default=0.5, help="how much of what was learnt the adapter keeps")
    parser.add_argument("--conversations", type=int, default=60, help="of test, answered by every arm")
    parser.add_argument("--results", type=Path, default=RESULTS / "adapter_wins.json")
    return parser.parse_args()


def in_english() -> None:
    """Takes the other languages out of the splits."""
    for split in ("train", "dev", "test"):
        path = Path(f"data/splits/{split}.parquet")
        pl.read_parquet(path).filter(language="en").write_parquet(path)


def overrides(arguments: argparse.Namespace) -> Values:
    """What differs from params.yaml as shipped."""
    every = {"conversations": arguments.conversations, "generated": arguments.conversations}
    learnt = {"train_tokens": arguments.tokens}
    kept = {"cpu": arguments.strength}
    return {"train": {"cpu": learnt}, "strength": kept, "evaluate": {**every, "forgetting": 200, "batch": 24}}


def write_params(changed: Values) -> None:
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text("utf-8"))
    params["train"]["cpu"] |= changed["train"]["cpu"]
    params["strength"] |= changed["strength"]
    params["evaluate"] |= changed["evaluate"]
    path.write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")


def run(module: str) -> None:
    """One stage, unless it ended well before."""
    ended = Path("ended", module)
    if not ended.exists():
        print(f"{module} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", module], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        ended.parent.mkdir(exist_ok=True)
        ended.touch()


# -- what came ---------------------------------------------------------------------------------------------------------


def measured() -> Values:
    """Figures of the finished project."""
    tables = {name: pl.read_parquet(f"data/evaluated/{name}.parquet") for name in ("arms", "comparisons")}
    rows = {name: table.filter(language="all").drop("language").to_dicts() for name, table in tables.items()}
    return {
        **rows,
        "rules": pl.read_parquet("data/evaluated/rules.parquet").filter(language="all").to_dicts(),
        "forgetting": pl.read_parquet("data/evaluated/forgetting.parquet").to_dicts(),
        "memorised": dict(pl.read_parquet("data/evaluated/memorised.parquet")["what"].value_counts().iter_rows()),
        "verdict": json.loads(Path("data/evaluated/verdict.json").read_text("utf-8")),
        "training": {**figures("train"), **figures("strength")},
        "margins": load_params("evaluate", Evaluate).guarded,
    }


def figures(stage: str) -> Values:
    found: Values = json.loads(Path(f"metrics/{stage}.json").read_text("utf-8"))
    return found


def markdown(found: Mapping[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    return "\n".join(
        [*_training(found), "", *_arms(found), "", *_gains(found), "", *_forgotten(found), "", *_verdict(found)]
    )


def _training(found: Mapping[str, Any]) -> Iterator[str]:
    seen = found["training"]
    yield (
        f"Trained on {seen['examples_seen']:,.0f} of {seen['examples']:,.0f} conversations, {seen['tokens_seen']:,.0f} "
        f"tokens, {seen['steps']:,.0f} steps; dev loss {seen['dev_loss_start']:.3f} before and "
        f"{seen.get('dev_loss', seen['dev_loss_best']):.3f} after."
    )


def _arms(found: Mapping[str, Any]) -> Iterator[str]:
    cells = {(one["arm"], one["metric"]): _figure(one) for one in found["arms"]}
    arms = _in_order({arm for arm, _ in cells})
    yield from head("", *arms)
    for metric in METRICS:
        if (ADAPTER, metric) in cells:
            yield row(metric, *(cells.get((arm, metric), "") for arm in arms))


def _in_order(arms: Collection[str]) -> list[str]:
    """Those of ARMS that were measured; earlier results lack some."""
    return [arm for arm in ARMS if arm in arms]


def _gains(found: Mapping[str, Any]) -> Iterator[str]:
    yield from head("adapter minus", *(metric for metric in METRICS if METRICS.index(metric) < 6))
    cells = {(one["against"], one["metric"]): one for one in found["comparisons"]}
    for arm in _in_order({against for against, _ in cells}):
        row_of = [cells.get((arm, metric)) for metric in METRICS[:6]]
        yield row(arm, *(_figure({**one, "value": one["difference"]}, "+") if one else "" for one in row_of))


def _forgotten(found: Mapping[str, Any]) -> Iterator[str]:
    yield from head("general ability", "base", "adapter", "difference", "questions")
    by = {(one["language"], one["arm"], one["against"]): one for one in found["forgetting"]}
    for language in ("all", "en", "ar"):
        base, ours, lost = (by[language, *key] for key in (("base", None), ("adapter", None), ("adapter", "base")))
        yield row(language, _figure(base), _figure(ours), _figure(lost, "+"), str(lost["n"]))


def _verdict(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"The verdict: **{found['verdict']['verdict']}**."
    yield ""
    yield from (f"- {reason}" for reason in found["verdict"]["reasons"])


def _figure(one: Mapping[str, float], sign: str = "") -> str:
    places = 0 if abs(one["value"]) >= 100 else 1 if abs(one["value"]) >= 10 else 3
    return interval(one, f"{sign}.{places}f")


if __name__ == "__main__":
    main()
