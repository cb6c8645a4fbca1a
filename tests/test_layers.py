"""What the layers of the code keep to."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import pytest

from tests.builders import ROOT

ROOMS = ("curation", "training", "expectations", "qirat", "benchmarks", "tests")


def sources() -> dict[str, Path]:
    """Every module of ours, with its file."""
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports() -> dict[str, set[str]]:
    """module -> our modules that it imports, anywhere in its file and for types alone too.

    A package that a module only lies in is not among them: it is imported by everybody in it.
    """
    known = sources()
    return {module: set(_imported(file, module, known)) - {module} for module, file in known.items()}


def _imported(file: Path, module: str, known: Mapping[str, Path]) -> Iterator[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield from [name for name in (inner, source) if name in known][:1]


def circle(graph: Mapping[str, Set[str]]) -> list[str]:
    """Some way along the imports that ends where it begins; nothing if there is none."""
    finished: set[str] = set()
    for start in graph:
        way, left = [start], [iter(sorted(graph[start]))]
        while way:
            following = next(left[-1], None)
            if following is None:
                finished.add(way.pop())
                left.pop()
            elif following in way:
                return [*way[way.index(following) :], following]
            elif following not in finished:
                way.append(following)
                left.append(iter(sorted(graph[following])))
    return []


def test_no_imports_go_in_a_circle():
    assert " -> ".join(circle(imports())) == ""


def test_a_circle_is_found_and_told_from_two_ways_to_one_module():
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert circle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]


BROKEN = {  # a file, and an import that it must not have
    "core/text/folding.py": "curation.core.record.ledger",  # a lower layer
    "split.py": "curation.gate",  # another stage
    "core/record/ledger.py": "training.tokenize",  # the other half
}


@pytest.mark.parametrize("file", [None, *BROKEN])
def test_the_rule_of_layers_holds_and_a_breach_of_it_turns_lint_red(file: str | None, tmp_path: Path):
    for room in ("curation", "training", "expectations", "qirat"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if file:
        path = tmp_path / "curation" / file
        path.write_text(f"{path.read_text('utf-8')}\nimport {BROKEN[file]}\n", "utf-8")
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (file is None), done.stdout
    if file:
        assert BROKEN[file] in done.stdout
