"""Where results lie, and parts of the road to run."""

from pathlib import Path

from curation.harness.dvc import stages

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results"


def road(first: str, last: str) -> dict[str, str]:
    """The stages from one to another, each with the module that it runs."""
    modules = {name: stage["cmd"].removeprefix("python -m ") for name, stage in stages().items()}
    names = list(modules)
    return {name: modules[name] for name in names[names.index(first) : names.index(last) + 1]}
