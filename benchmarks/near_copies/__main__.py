"""Near-copies: Qirat's dedup beside text-dedup's and datatrove's MinHash; same rows, threshold and machine, one run.

    python -m benchmarks.near_copies dialogues.jsonl[.gz] ... [--text-dedup PYTHON] [--datatrove PYTHON] [--rows 25000]
    python -m benchmarks.near_copies dialogues.jsonl[.gz] ... --growth 10000 100000 1000000

Copies with a known truth and twins that mean something else are planted among real dialogues (planted.py).
Each tool runs as its users run it, as whole commands with two processes: wall and CPU seconds, the memory of its
largest process. Each peer gets an environment of its own below .qirat/benchmarks unless the Python of one is given.

Pairs: two rows in one cluster. F1 is over the planted copies, and a twin taken for a copy is a wrong pair; "F1 words"
lets twins count neither way. Pairs of the corpus that are as alike by nature never count. Proved: removed rows whose
kept row is as alike as the threshold asks. Twins lost: those put together with what they are no copy of.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.near_copies.planted import Messages, Planted, as_text, dialogues, planted, recombined, templated
from benchmarks.peers.environment import DATATROVE, PACKAGES, add_options, python_of
from benchmarks.results import ROOT
from benchmarks.rows import Shingles, jaccard, shingles

PEERS = ("text-dedup", "datatrove")
CLUSTERS = "data/dedup/clusters.parquet"
PROCESSES = 2
AT_ONCE = 50_000  # rows made at a time
Run = Callable[[Path], "Found"]  # from the folder with the rows
TEMPLATED = 10_000
JUDGED = 20_000  # predicted pairs whose similarity is looked at; of more, as many evenly spread


@dataclass(frozen=True)
class Cost:
    """What a command cost."""

    wall: float
    cpu: float
    peak: float  # MiB, of the largest process


@dataclass(frozen=True)
class Found:
    """What a tool made of the rows: a cluster for each row that is in one, and the rows it kept."""

    cost: Cost
    cluster: dict[int, str]
    kept: set[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "dialogues", type=Path, nargs="+", help="JSON lines with messages, or MultiDoGO's customer_turns"
    )
    add_options(parser, *PEERS)
    parser.add_argument("--rows", type=int, help="dialogues to take; all unless told")
    parser.add_argument("--threshold", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--growth", type=int, nargs="+", metavar="ROWS", help="Qirat alone on as many rows")
    arguments = parser.parse_args()
    rows = dialogues(arguments.dialogues, arguments.rows, arguments.seed)
    if arguments.growth:
        growth(rows, arguments.growth, arguments.seed)
    else:
        tools: dict[str, Run] = {
            "qirat": qirat,
            "text-dedup": partial(text_dedup, python_of("text-dedup", arguments), arguments.threshold),
            "datatrove": partial(datatrove, python_of("datatrove", arguments)),
        }
        side_by_side(planted(rows, arguments.threshold, arguments.seed), tools, arguments.threshold)
        templates(tools)


def side_by_side(data: Planted, tools: Mapping[str, Run], threshold: float) -> None:
    """The table of all tools over one set of rows, then the ratios."""
    print(f"{len(data.rows):,} conversations, {len(data.copies):,} planted copies, {len(data.twins):,} planted twins")
    peers = ", ".join(package for tool in PEERS for package in PACKAGES[tool])
    print(f"threshold {threshold}, shingles of 5 words, {PROCESSES} processes, {peers}")
    columns = "wall s, CPU s, MiB, rows/s, removed, proved, twins lost, precision, recall, F1, F1 words".split(", ")
    print(f"{'':<12}" + "".join(f"{name:>11}" for name in columns))
    sets = [shingles(as_text(messages)) for messages in data.rows]
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_rows(data.rows, scratch)
        for name, tool in tools.items():
            found = tool(scratch)
            costs[name] = found.cost
            print(f"{name:<12}" + "".join(f"{cell:>11}" for cell in row_of(found, data, sets, threshold)), flush=True)
    for name, cost in costs.items():
        ratios = cost.wall / costs["qirat"].wall, cost.cpu / costs["qirat"].cpu
        if name != "qirat":
            print(f"qirat is {ratios[0]:.1f} times as fast as {name} (wall), {ratios[1]:.1f} times (CPU)")


def templates(tools: Mapping[str, Run]) -> None:
    """How many conversations of one template, each with arguments of its own, every tool throws away."""
    rows = templated(TEMPLATED)
    print(f"of {TEMPLATED:,} tool calls of one template with different arguments")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_rows(rows, scratch)
        for name, tool in tools.items():
            found = tool(scratch)
            print(f"{name:<12}{len(rows) - len(found.kept):>7,} removed in {found.cost.wall:.1f} s", flush=True)


def row_of(found: Found, data: Planted, sets: Sequence[Shingles], threshold: float) -> list[str]:
    """The cells of one tool."""
    removed = [row for row in range(len(data.rows)) if row not in found.kept]
    surviving = {found.cluster[row]: row for row in sorted(found.kept & found.cluster.keys(), reverse=True)}
    proved = sum(jaccard(sets[row], sets[surviving[found.cluster[row]]]) >= threshold for row in removed)
    hits, lost = (
        sum(a in found.cluster and found.cluster[a] == found.cluster.get(b) for a, b in pairs)
        for pairs in (data.copies, data.twins)
    )
    wrong, recall = wrong_pairs(found, data, sets, threshold), hits / len(data.copies)
    precision, of_words = (hits / max(1, hits + false) for false in (wrong + lost, wrong))
    f1, f1_of_words = (2 * p * recall / max(1e-9, p + recall) for p in (precision, of_words))
    cost = found.cost
    return [
        *(f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak:.0f}", f"{len(data.rows) / cost.wall:,.0f}"),
        *(f"{len(removed):,}", f"{proved / max(1, len(removed)):.3f}", f"{lost:,}"),
        *(f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", f"{f1_of_words:.3f}"),
    ]


def wrong_pairs(found: Found, data: Planted, sets: Sequence[Shingles], threshold: float) -> float:
    """Pairs put together, planted ones aside, that are less alike than the threshold."""
    members: dict[str, list[int]] = {}
    for row, cluster in sorted(found.cluster.items()):
        members.setdefault(cluster, []).append(row)
    known = {*data.copies, *data.twins}
    pairs = [(a, b) for group in members.values() for i, a in enumerate(group) for b in group[i + 1 :]]
    judged = [pair for pair in pairs[:: max(1, len(pairs) // JUDGED)] if pair not in known]
    wrong = sum(jaccard(sets[a], sets[b]) < threshold for a, b in judged)
    return wrong * max(1, len(pairs) // JUDGED)


def growth(rows: Sequence[Messages], sizes: Sequence[int], seed: int) -> None:
    """Qirat alone on ever more rows of about 1 KB, the turns of real dialogues put together anew."""
    print(f"{'rows':>10}{'wall s':>9}{'CPU s':>9}{'us/row':>9}{'MiB':>9}{'removed':>10}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            prepared(scratch)
            for first in range(0, size, AT_ONCE):
                part = recombined(rows, first, min(size, first + AT_ONCE), seed)
                part.write_parquet(scratch / f"{first:09}.parquet")
            pl.scan_parquet(scratch / "*.parquet").sink_parquet(table(scratch))
            cost = run(dedup_command(), scratch)
            clusters = pl.scan_parquet(scratch / CLUSTERS)
            removed = clusters.select((~pl.col("survivor")).sum()).collect().item()
        figures = f"{cost.wall:>9.1f}{cost.cpu:>9.1f}{cost.wall / size * 1e6:>9.1f}{cost.peak:>9,.0f}{removed:>10,}"
        print(f"{size:>10,}{figures}", flush=True)


# -- the tools --------------------------------------------------------------------------------------------------------


def qirat(scratch: Path) -> Found:
    cost = run(dedup_command(), scratch)
    clusters = pl.read_parquet(scratch / "data/dedup/clusters.parquet").with_columns(
        row=pl.col("row_id").cast(pl.Int64)
    )
    kept = set(clusters.filter("survivor")["row"])
    return Found(cost, dict(clusters.select("row", "cluster_id").iter_rows()), kept)


def text_dedup(python: str, threshold: float, scratch: Path) -> Found:
    options = (
        f"--path json --data_files texts/*.jsonl --split train --column text --idx_column id --ngram 5 --min_length 1 "
        f"--threshold {threshold} --hash_func xxh3 --output kept --cache_dir .cache --num_proc {PROCESSES} --debug"
    )
    cost = run([python, "-m", "text_dedup.minhash", *options.split()], scratch)
    # The clusters are in a pickle, which is opened where it was made; the rows it dropped as too short are in none.
    shown = (
        "import datasets, json, pickle; found = pickle.load(open('kept/uf.pkl', 'rb')); "
        "kept = datasets.load_from_disk('kept')['id']; "
        "print(json.dumps([list(kept), {row: found.find(row) for row in list(found.parent)}]))"
    )
    said = subprocess.run([python, "-c", shown], cwd=scratch, check=True, capture_output=True, text=True).stdout
    kept, clusters = json.loads(said)
    return Found(cost, {int(row): cluster for row, cluster in clusters.items()}, set(map(int, kept)))


def datatrove(python: str, scratch: Path) -> Found:
    """Its 14 buckets of 8 hashes, made for a threshold of 0.72, are its defaults."""
    cost = run([python, DATATROVE, "copies"], scratch)
    cluster: dict[int, str] = {}
    kept: set[int] = set()
    for side in ("stayed", "went"):
        for row in (json.loads(line) for file in sorted((scratch / side).iterdir()) for line in file.open("rb")):
            if row["metadata"].get("minhash_cluster_id", -1) >= 0:
                cluster[int(row["id"])] = str(row["metadata"]["minhash_cluster_id"])
            if side == "stayed":
                kept.add(int(row["id"]))
    return Found(cost, cluster, kept)


# -- running them -----------------------------------------------------------------------------------------------------


def write_rows(rows: Sequence[Messages], scratch: Path) -> None:
    """The rows as Qirat's ingest leaves them, and as the JSON lines that the peers read, a file a process."""
    from curation.core.record.conversation import conversations

    prepared(scratch)
    conversations([{"row_id": str(n), "messages": messages} for n, messages in enumerate(rows)]).write_parquet(
        table(scratch)
    )
    (scratch / "texts").mkdir()
    share = -(-len(rows) // PROCESSES)
    for part in range(PROCESSES):
        with (scratch / f"texts/{part}.jsonl").open("w", encoding="utf-8") as handle:
            for row, messages in list(enumerate(rows))[part * share : (part + 1) * share]:
                handle.write(json.dumps({"id": str(row), "text": as_text(messages)}, ensure_ascii=False) + "\n")


def prepared(scratch: Path) -> None:
    """A project of its own with the params that ship."""
    table(scratch).parent.mkdir(parents=True)
    (scratch / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())


def table(scratch: Path) -> Path:
    return scratch / "data/ingested/conversations.parquet"


def dedup_command() -> list[str]:
    return [sys.executable, "-m", "curation.dedup"]


def run(command: Sequence[str], folder: Path) -> Cost:
    """Runs to the end; its output is shown only if it fails. CPU time is that of all its processes."""
    threads = {"POLARS_MAX_THREADS": str(PROCESSES), "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    cost = folder / "cost.json"
    measured = [sys.executable, str(ROOT / "benchmarks/near_copies/cost.py"), str(cost), *command]
    done = subprocess.run(measured, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout.decode()[-3000:]}")
    return Cost(**json.loads(cost.read_text()))


if __name__ == "__main__":
    main()
