"""dvc.yaml must know of every module a stage runs, or an edit leaves stale results behind."""

import ast
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from curation.harness.dvc import code_of, listed, stages
from curation.harness.params import OF_NO_STAGE
from tests.builders import ROOT


def outputs(stage: dict[str, Any]) -> list[str]:
    """Paths under outs and metrics, whatever options stand beside them."""
    return [o if isinstance(o, str) else next(iter(o)) for o in (*stage["outs"], *stage.get("metrics", []))]


STAGES = stages(ROOT)
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


# -- nothing else keeps a list of stages or tables ---------------------------------------------------------------------


FEWEST = 4  # names that make a list one that a newcomer would have to know of
FOLDERS = {Path(out).name for stage in STAGES.values() for out in listed(stage, "outs") if out.startswith("data/")}


def strings(node: ast.AST) -> list[str]:
    """The texts of a literal list, tuple, set or dict (its keys), or of words that are split."""
    if isinstance(node, ast.Dict):
        entries = node.keys
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        entries = list(node.elts)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
        return node.value.split()
    else:
        return []
    return [entry.value for entry in entries if isinstance(entry, ast.Constant) and isinstance(entry.value, str)]


def is_stage(text: str) -> bool:
    """Whether a text is the name of a stage, or of its module."""
    return text.rpartition(".")[2] in STAGES and text.rpartition(".")[0] in ("", *PACKAGES)


def is_table(text: str) -> bool:
    """Whether a text names a table of some stage."""
    return text.partition("/")[0] in FOLDERS and text.count("/") == 1


def kept_by_hand(source: str, is_name: Callable[[str], bool]) -> list[str]:
    """The lists of such names in a source."""
    lists = map(strings, ast.walk(ast.parse(source)))
    return [" ".join(some) for some in lists if len(set(filter(is_name, some))) >= FEWEST]


def test_no_list_of_stages_or_tables_is_kept_by_hand_beside_dvc_yaml():
    listing = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    sources = {Path(name): (ROOT / name).read_text("utf-8") for name in listing.stdout.split()}
    assert len(sources) > 200
    assert {path: found for path, source in sources.items() if (found := kept_by_hand(source, is_stage))} == {}
    product = {path: source for path, source in sources.items() if path.parts[0] in ("qirat", *PACKAGES)}
    assert {path: found for path, source in product.items() if (found := kept_by_hand(source, is_table))} == {}


@pytest.mark.parametrize(
    ("source", "is_name"),
    [
        ('X = ("ingest", "dedup", "embed", "score")', is_stage),
        ('for x in "curation.score curation.route curation.curate expectations.validate".split(): ...', is_stage),
        ('X = {"gate": 1, "train": 2, "evaluate": 3, "report": 4}', is_stage),
        ('read(["ingested/conversations", "dedup/clusters", "scored/findings", "routed/queue"])', is_table),
    ],
)
def test_a_list_kept_by_hand_is_found(source: str, is_name: Callable[[str], bool]):
    assert kept_by_hand(source, is_name)
    assert not kept_by_hand(source.replace("score", "scoring").replace("gate", "gated"), is_name)


def test_the_page_on_the_pipeline_draws_the_stages_in_their_order():
    page = (ROOT / "docs/pipeline.md").read_text("utf-8")
    (drawn,) = [line.split() for line in page.splitlines() if "data/raw ─" in line]
    assert [word for word in drawn if word in STAGES] == list(STAGES)


def test_what_a_stage_depends_on_is_told_in_a_few_folders():
    code = {stage: code_of(stage) for stage in STAGES}
    assert sum(map(len, code.values())) <= 64
    assert max(map(len, code.values())) <= 8
    files = {(stage, place) for stage, places in code.items() for place in places if place.endswith(".py")}
    assert files == {(stage, place) for stage, place in files if Path(place).stem == stage}
