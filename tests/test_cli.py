"""The command line is quick to answer and says what to do next."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.project import run

HEAVY = "torch transformers great_expectations argilla cleanlab trl peft datasets sklearn pandas".split()


def test_importing_the_command_line_loads_nothing_heavy():
    code = "import sys, curation.cli; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(HEAVY) & set(loaded) == set()


def test_help_names_every_command_and_the_way_through(tmp_path: Path):
    said = run(tmp_path, "qirat", "--help").stdout
    assert all(command in said for command in ("sample", "why", "results", "review", "dvc repro", "data/raw"))


@pytest.mark.parametrize("command", [["why", "abc"], ["why", "--outcome", "dropped"], ["review", "push"]])
def test_before_the_pipeline_ran_the_cure_is_named_without_a_traceback(tmp_path: Path, command: list[str]):
    done = run(tmp_path, "qirat", *command, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "dvc repro" in done.stderr or "run this from the folder" in done.stderr
