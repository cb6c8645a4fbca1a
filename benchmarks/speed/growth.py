"""How CPU time, memory and disk of each stage grow with the rows, ingest to gate, without embeddings.

    python -m benchmarks.speed.growth --english star.jsonl.gz tm4.jsonl.gz --arabic arbanking77/ --work DIR \
        --rows 10000 100000 300000 1000000 [--memory 2GB] [--checks same] [--without-tokenizer]

Results go to benchmarks/results/growth.json, what was measured there is not measured again unless --again; the tables
are those of docs/scaling.md. Memory is that of all processes of a stage together, a page that n share counted 1/n.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.corruption.arabic import arabic
from benchmarks.results import RESULTS, road
from benchmarks.rows import english
from benchmarks.speed import __main__ as speed
from benchmarks.speed.corpus import Corpus, write
from curation.checks import checks
from training.tokenize import EXCLUDED

FIGURES = {"cpu": "CPU s", "pss": "peak memory MiB", "disk": "disk MiB"}


def main() -> None:
    arguments = parsed()
    results: dict[str, dict[str, Any]] = (
        json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else {}
    )
    corpus: Corpus | None = None
    for rows in arguments.rows:
        key = f"{rows} {arguments.checks} {arguments.memory or 'unlimited'}"
        if key in results and not arguments.again:
            continue
        raw = arguments.work / f"raw-{rows}.jsonl"
        if not raw.exists():
            corpus = corpus or Corpus(
                english(arguments.english, speed.DIALOGUES, 7) + arabic(arguments.arabic, speed.DIALOGUES, 7)
            )
            write(corpus, raw, 0, rows)
        costs = of_stages(arguments, raw)
        results[key] = {"rows": rows, "checks": arguments.checks, "memory": arguments.memory, "stages": costs}
        speed.save(results, arguments.results)
    print(markdown(results))


def of_stages(arguments: argparse.Namespace, raw: Path) -> dict[str, dict[str, float]]:
    """What each stage costs on these rows, with the MiB that it leaves on disk."""
    project = prepared(arguments.work / "growth", raw, arguments.checks, arguments.memory)
    costs = {}
    for stage, module in road("ingest", arguments.last).items():
        if stage == "tokenize" and arguments.without_tokenizer:
            all_fit(project)
            continue
        before = on_disk(project)
        cost = speed.run(module, project)
        costs[stage] = {**cost.rounded(), "disk": round((on_disk(project) - before) / 2**20, 1)}
        print(f"{raw.name} {stage}: {costs[stage]}", file=sys.stderr, flush=True)
    return costs


def prepared(project: Path, raw: Path, which: str, memory: str | None) -> Path:
    """A project over the rows in which nothing stops the road: it is its cost that is asked for."""
    speed.prepared(project, raw)
    skipped = [name for name in checks() if name not in speed.SAME] if which == "same" else []
    speed.set_params(project, skip=skipped)
    speed.pass_the_gate(project)
    if memory:
        params = speed.params_of(project)
        params["machine"] |= {"memory": memory}
        speed.write_params(project, params)
    return project


def all_fit(project: Path) -> None:
    """What the gate waits for, where the base model's template can say every conversation."""
    folder = project / "data/tokenized"
    folder.mkdir()
    EXCLUDED.to_frame().write_parquet(folder / "excluded.parquet")
    (folder / "passed").touch()


def on_disk(project: Path) -> int:
    """Bytes below data/, what stages remember among them."""
    return sum(path.stat().st_size for path in (project / "data").rglob("*") if path.is_file())


# -- tables ------------------------------------------------------------------------------------------------------------


def markdown(results: Mapping[str, Mapping[str, Any]]) -> str:
    """A table for each figure and set of checks: a row a stage, a column a size, and the fitted exponent."""
    kinds = sorted({(found["checks"], found["memory"] or "") for found in results.values()})
    return "\n".join(
        line
        for checked, memory in kinds
        for figure, unit in FIGURES.items()
        for line in _table(
            [f for f in results.values() if (f["checks"], f["memory"] or "") == (checked, memory)],
            figure,
            f"{unit}, checks: {checked}" + (f", machine.memory: {memory}" if memory else ""),
        )
    )


def _table(found: Iterable[Mapping[str, Any]], figure: str, title: str) -> list[str]:
    ordered = sorted(found, key=lambda one: one["rows"])
    sizes = [one["rows"] for one in ordered]
    head = f"| {title} | {' | '.join(f'{rows:,}' for rows in sizes)} | exponent |"
    stages = dict.fromkeys(stage for one in ordered for stage in one["stages"])
    lines = []
    for stage in stages:
        values = [one["stages"].get(stage, {}).get(figure) for one in ordered]
        told = ["" if value is None else f"{value:,.1f}" for value in values]
        lines.append(f"| {stage} | {' | '.join(told)} | {exponent(sizes, values)} |")
    return [head, "|---|" + "---:|" * (len(sizes) + 1), *lines, ""]


def exponent(sizes: Sequence[int], values: Sequence[float | None]) -> str:
    """The slope of the logarithms between the two largest sizes that were measured; "" where there is but one."""
    told = [(size, value) for size, value in zip(sizes, values, strict=True) if value]
    if len(told) < 2:
        return ""
    (small, less), (large, more) = told[-2:]
    return f"{math.log(more / less) / math.log(large / small):.2f}"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--english", type=Path, nargs="+", required=True)
    parser.add_argument("--arabic", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and projects")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--checks", choices=["same", "all"], default="all", help="same: those that the peers have too")
    parser.add_argument("--last", default="gate", help="the last stage to run")
    parser.add_argument("--without-tokenizer", action="store_true", help="leave tokenize out, which needs a base model")
    parser.add_argument("--memory", help="machine.memory")
    parser.add_argument("--again", action="store_true", help="measure anew what stands in the results")
    parser.add_argument("--results", type=Path, default=RESULTS / "growth.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
