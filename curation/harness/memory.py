"""What an earlier run worked out is worth as much as the code that did it: one version for all that is remembered."""

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

CACHE = Path("data/cache")  # in neither git nor DVC; may be deleted at any time
CODE = Path(__file__).parents[2]  # the folder of our packages, and of the dvc.yaml that says which stage runs what
PACKAGES = frozenset({"curation", "training", "expectations"})


def version_of(stage: str, *parts: Any) -> str:
    """A hash of the code that a stage of dvc.yaml depends on, of the libraries' versions, and of `parts`.

    Parts are params or JSON values. Any of these may change what a row gives, so a table remembered under another hash
    is worth nothing. It is as coarse as DVC, less comments and layout: of Python the syntax tree counts.
    """
    plain = [part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in parts]
    text = json.dumps([code_version(stage), *plain], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@functools.cache
def code_version(stage: str, root: Path = CODE) -> str:
    """A hash of a stage's code, word lists and templates, and of the versions of all that qirat requires."""
    digest = hashlib.sha256()
    for path in _sources(stage, root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + _meaning(path) + b"\0")
    for name in sorted({re.split(r"[^\w.-]", line)[0] for line in importlib.metadata.requires("qirat") or ()}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    return digest.hexdigest()


def _sources(stage: str, root: Path) -> Iterator[Path]:
    """The files of ours among the dependencies that dvc.yaml lists for a stage, in the order of names."""
    stages: Mapping[str, Any] = yaml.safe_load((root / "dvc.yaml").read_text("utf-8"))["stages"]
    for place in sorted(dep for dep in stages[stage]["deps"] if Path(dep).parts[0] in PACKAGES):
        found = [root / place] if (root / place).is_file() else (root / place).rglob("*")
        yield from sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _meaning(path: Path) -> bytes:
    """What of a file counts: of Python its syntax tree, of any other all bytes."""
    contents = path.read_bytes()
    return ast.dump(ast.parse(contents)).encode() if path.suffix == ".py" else contents
