"""dvc.yaml as our code reads it: the stages of the road in their order, and what each lists."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from curation.harness.errors import QiratError
from curation.harness.yaml_text import from_yaml

CODE = Path(__file__).parents[2]  # the folder of our packages
SHIPPED = Path(
    "qirat/project/dvc.yaml"
)  # below it, the dvc.yaml that says which stage runs what, where none lies in it
PACKAGES = frozenset({"curation", "training", "expectations"})


def stages(root: Path = CODE) -> Mapping[str, Mapping[str, Any]]:
    """What dvc.yaml says of each stage, in the order of the road."""
    path = next((path for path in (root / "dvc.yaml", root / SHIPPED) if path.exists()), root / "dvc.yaml")
    try:
        found: Mapping[str, Mapping[str, Any]] = from_yaml(path.read_text("utf-8"))["stages"]
        return dict(found)
    except (yaml.YAMLError, ValueError, LookupError, TypeError):
        raise QiratError(f"{path} is torn, or lists no stages; take it from git or from the release") from None


def locked(text: str, name: str = "dvc.lock") -> Mapping[str, Mapping[str, Any]]:
    """What the text of a dvc.lock says of each stage that has run; nothing where there is no text."""
    try:
        return dict((yaml.safe_load(text) or {}).get("stages") or {})
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, RecursionError):
        cure = "take it from git (`git checkout dvc.lock`), or delete it and run `dvc repro`"
        raise QiratError(f"{name} is torn, or lists no stages; {cure}") from None


def listed(stage: Mapping[str, Any], *kinds: str) -> list[str]:
    """The names under `params`, `deps`, `outs` and so on, whatever options stand beside them."""
    entries = (entry for kind in kinds for entry in stage.get(kind, ()))
    return [name for entry in entries for name in ([entry] if isinstance(entry, str) else entry)]


def code_of(stage: str, root: Path = CODE) -> list[str]:
    """The folders and files of code among a stage's dependencies."""
    return sorted(place for place in listed(stages(root)[stage], "deps") if Path(place).parts[0] in PACKAGES)


def sources_of(stage: str, root: Path = CODE) -> Iterator[Path]:
    """The files of a stage's code, in an order of their own."""
    for place in code_of(stage, root):
        found = [root / place] if (root / place).is_file() else (root / place).rglob("*")
        yield from sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


@functools.cache
def maker_of(path: Path, root: Path = CODE) -> str:
    """The stage that makes a file, named as the project sees it. Raises QiratError where none does."""
    if not is_made(path, root):
        raise QiratError(f"no stage makes {path}; name a file that one writes, as its project sees it")
    return next(_makers(path, root))


def is_made(path: Path, root: Path = CODE) -> bool:
    """Whether any stage makes a file, or people do."""
    return any(_makers(path, root))


def _makers(path: Path, root: Path) -> Iterator[str]:
    made = ((name, out) for name, stage in stages(root).items() for out in listed(stage, "outs", "metrics"))
    return (name for name, out in made if path.is_relative_to(out))


@functools.cache
def stops(root: Path = CODE) -> Mapping[str, Path | None]:
    """By stage: the marker behind which it lies, which the last stage before it that may end the road leaves."""
    found: dict[str, Path | None] = {}
    marker = None
    for name, stage in stages(root).items():
        marker = next((Path(dep) for dep in listed(stage, "deps") if Path(dep).name == "passed"), marker)
        found[name] = marker
    return found
