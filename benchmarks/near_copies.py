"""Near-copies: Qirat's dedup beside text-dedup's MinHash, same rows, same thresholds, one run.

    python benchmarks/near_copies.py conversations.jsonl[.gz] [--repeat 10]

Each runs as its users run it, in a process of its own: wall time, CPU time, peak memory, rows removed. text-dedup gets
an environment of its own below .qirat/benchmarks. `--repeat` grows the input by re-worded copies to see how time grows.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
PEER = "text-dedup==0.4.0"
HOME = ROOT / ".qirat/benchmarks/text-dedup"


@dataclass(frozen=True)
class Run:
    """What one process cost."""

    wall: float
    cpu: float
    peak: float  # MiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conversations", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch)
        rows = prepared(arguments.conversations, project, arguments.repeat)
        ours, kept = qirat(project)
        peer, peer_kept = text_dedup(project)
    print(f"{rows:,} conversations, {PEER}")
    print(f"{'':<12}{'wall s':>9}{'CPU s':>9}{'MiB':>8}{'rows/s':>10}{'removed':>10}")
    for name, run, left in (("qirat", ours, kept), ("text-dedup", peer, peer_kept)):
        print(f"{name:<12}{run.wall:>9.1f}{run.cpu:>9.1f}{run.peak:>8.0f}{rows / run.wall:>10.0f}{rows - left:>10,}")
    print(f"{'ratio':<12}{peer.wall / ours.wall:>9.1f}{peer.cpu / ours.cpu:>9.1f}{peer.peak / ours.peak:>8.1f}")


def prepared(source: Path, project: Path, repeat: int) -> int:
    """The project with its rows ingested, and the same texts as JSON lines for the peer."""
    (project / "data/raw").mkdir(parents=True)
    shutil.copy(source, project / "data/raw" / source.name)
    shutil.copy(ROOT / "params.yaml", project)
    run([sys.executable, "-m", "curation.ingest"], project)
    table = project / "data/ingested/conversations.parquet"
    rows = pl.read_parquet(table)
    grown = pl.concat([reworded(rows, n) for n in range(repeat)])
    grown.write_parquet(table)
    with (project / "texts.jsonl").open("w", encoding="utf-8") as handle:
        for messages in grown["messages"]:
            text = "\n".join(m["content"] for m in messages if m["role"] != "system")
            handle.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return grown.height


def reworded(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """The same table with every word of it marked: distinct from other rewordings, alike among themselves."""
    if n == 0:
        return rows
    said = pl.element().struct.with_fields(
        content=pl.element().struct.field("content").str.replace_all(r"(\pL+)", f"${{1}}x{n}")
    )
    return rows.with_columns(
        messages=pl.col("messages").list.eval(said),
        row_id=pl.format("{}#{}", "row_id", pl.lit(n)),
        conversation_id=pl.format("{}{}", "conversation_id", pl.lit(n)),
    )


def qirat(project: Path) -> tuple[Run, int]:
    cost = run([sys.executable, "-m", "curation.dedup"], project)
    return cost, int(pl.read_parquet(project / "data/dedup/clusters.parquet")["survivor"].sum())


def text_dedup(project: Path) -> tuple[Run, int]:
    python = HOME / "bin/python"
    if not python.exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
    options = (
        "--path json --data_files texts.jsonl --split train --column text --ngram 5 --num_perm 128 --threshold 0.7"
    )
    command = [str(python), "-m", "text_dedup.minhash", *options.split(), "--hash_func", "xxh3", "--output", "deduped"]
    cost = run([*command, "--cache_dir", ".cache"], project)
    from datasets import load_from_disk

    return cost, len(load_from_disk(str(project / "deduped")))


def run(command: list[str], folder: Path) -> Run:
    """Runs to the end; its output is shown only if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            said.seek(0)
            sys.exit(said.read().decode()[-3000:])
    return Run(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
