"""The script for a card, rehearsed on a CPU with a tiny model."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from benchmarks.training import luggage
from tests.builders import ROOT


def script(folder: Path, *parts: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / "benchmarks/gpu.sh"), str(folder), *parts]
    here = {**os.environ, "SHAPES": "tiny", "STEPS": "5", **settings}
    return subprocess.run(command, capture_output=True, text=True, env=here, check=False)


@pytest.mark.skipif(not shutil.which("timeout"), reason="GNU timeout")
def test_every_part_writes_its_figures_and_one_that_fails_or_takes_too_long_stops_none_after_it(tmp_path: Path) -> None:
    """What the parts measure, `make gpu-rehearsal` runs with a tiny model."""
    ran = script(tmp_path, "nonsense", "machine")
    assert ran.returncode == 1
    assert "no part nonsense" in (tmp_path / "nonsense.failed").read_text("utf-8")
    assert json.loads((tmp_path / "machine.json").read_text("utf-8"))["card"]
    again = script(tmp_path, "machine", "qirat-tiny", LIMIT="0.1")
    assert "machine:" not in again.stdout  # has its result
    assert (tmp_path / "qirat-tiny.failed").read_text("utf-8").startswith("exit 124")


def test_luggage_holds_what_is_lacking_there_and_nothing_that_is_not(tmp_path: Path) -> None:
    archive = tmp_path / "luggage.tar.xz"
    luggage.pack(archive, ["annotated-types"])
    with tarfile.open(archive) as tar:
        assert "annotated_types/__init__.py" in tar.getnames()
        assert not any("__pycache__" in name or "/tests" in name for name in tar.getnames())
    assert luggage.unpack(archive, tmp_path / "lacking") == []  # it is here
    for name in luggage.PACKAGES:
        assert luggage.distribution(name)
