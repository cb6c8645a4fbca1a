"""A copy of the project in a folder of its own, and the real commands run there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.builders import ROOT

COPIED = (
    "qirat curation training expectations dvc.yaml params.yaml playbook.yaml prompt.md .dvc/config .dvcignore".split()
)
DATA = "data/raw data/evaluation data/review data/forget.jsonl data/versions.jsonl data/seeds.json".split()


def project(root: Path) -> Path:
    """Code, params and raw data copied to `root`, under git and DVC as a user has them."""
    for name in [*COPIED, *DATA]:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, target)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def environment(root: Path) -> dict[str, str]:
    """`python` is the one that runs the tests, and its modules are the copy's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}


def run(root: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a command of the environment, `dvc` or `qirat`, in the project."""
    done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done


def ran(output: str) -> list[str]:
    """The stages that DVC ran, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")]


def edit(root: Path, name: str, old: str, new: str) -> None:
    """Replaces one place of a file."""
    text = (root / name).read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    (root / name).write_text(text.replace(old, new), "utf-8")
