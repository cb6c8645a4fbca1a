"""A peer in an environment of its own: one named by --TOOL PYTHON, or made on first use below .qirat/benchmarks."""

import argparse
import os
import subprocess
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import ROOT

DATATROVE = str(ROOT / "benchmarks/peers/datatrove_steps.py")
PACKAGES = {
    "data-juicer": ["py-data-juicer==1.6.1", "aiohttp"],
    "datatrove": ["datatrove[processing]==0.10.1", "orjson", "spacy==3.8.18"],
    "text-dedup": ["text-dedup==0.4.0"],
}


def add_options(parser: argparse.ArgumentParser, *tools: str) -> None:
    for tool in tools:
        parser.add_argument(f"--{tool}", metavar="PYTHON", help="of an environment that has it; without, one is made")


def python_of(tool: str, arguments: argparse.Namespace) -> str:
    """The Python that was named, or that of the tool's own environment."""
    if named := getattr(arguments, tool.replace("-", "_")):
        return str(named)
    python = ROOT / ".qirat/benchmarks" / tool / "bin/python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[tool]], check=True)
    return str(python)


def offline(folder: Path) -> dict[str, str]:
    """The variables that a peer runs with in a folder: ours are hidden from it and nothing is downloaded."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / ".datasets"), "OMP_NUM_THREADS": "1"}


def as_text(messages: Sequence[Mapping[str, str]]) -> str:
    """A conversation as peers get it, a line a turn."""
    return "\n".join(f"{m['role']}: {m['content']}" for m in messages)
