"""dvc.yaml must know of every module a stage runs, or an edit leaves stale results behind."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from curation.harness.dvc import listed
from curation.harness.params import OF_NO_STAGE
from tests.builders import ROOT


def outputs(stage: dict[str, Any]) -> list[str]:
    """Paths under outs and metrics, whatever options stand beside them."""
    return [o if isinstance(o, str) else next(iter(o)) for o in (*stage["outs"], *stage.get("metrics", []))]


STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
PACKAGES = ("curation", "training", "expectations")
HARNESS = Path("curation/harness")  # how stages run, not what comes out


def file_of(module: str) -> Path | None:
    """The source of one of our modules, relative to the repository."""
    path = Path(*module.split("."))
    found = [p for p in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / p).exists()]
    return found[0] if found and module.split(".")[0] in PACKAGES else None


@cache
def imported(path: Path) -> frozenset[Path]:
    """Our modules that a file imports, anywhere in it."""

    def names() -> Iterator[str]:
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    return frozenset(found for name in names() if (found := file_of(name)))


def closure(start: Path) -> set[Path]:
    """All of our files that run when `start` runs; a package that discovers its modules runs them all."""
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += imported(path)
            if "pkgutil" in (ROOT / path).read_text("utf-8"):
                waiting += [p.relative_to(ROOT) for p in (ROOT / path).parent.glob("*.py")]
    return seen


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_a_stage_runs_is_among_its_dependencies(stage: str):
    module = STAGES[stage]["cmd"].removeprefix("python -m ")
    path = file_of(module)
    assert path is not None
    start = path.with_name("__main__.py") if path.name == "__init__.py" else path
    listed = [Path(dep) for dep in STAGES[stage]["deps"]]
    ran = {
        p for p in closure(start) if HARNESS not in p.parents and (ROOT / p).read_text("utf-8").count("\n") > 1
    }  # no empty packages
    missing = {str(p) for p in ran if not any(p == dep or dep in p.parents for dep in listed)}
    assert missing == set()


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_listed_that_is_not_there(stage: str):
    made = {out for s in STAGES.values() for out in outputs(s)}
    for dep in STAGES[stage]["deps"]:
        inside = any(Path(dep) == Path(out) or Path(out) in Path(dep).parents for out in made) or dep == "metrics"
        assert inside or (ROOT / dep).exists(), dep


def test_every_section_of_params_is_read_by_a_stage_or_named_as_nobody_s():
    read = {name for stage in STAGES.values() for name in listed(stage, "params")}
    assert set(yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))) == read | set(OF_NO_STAGE)


def test_what_the_stages_write_is_not_committed():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listing.stdout.split("\n")
    outs = {out for s in STAGES.values() for out in outputs(s)}
    assert [path for path in tracked if any(path == out or path.startswith(f"{out}/") for out in outs)] == []
