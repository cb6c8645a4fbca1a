"""The training half needs no network: the stages and the export, in a process that forbids one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.results import road
from tests.builders import ROOT
from tests.chaos.project import walk
from tests.training.tiny import project

# Python looks for this module in every process that it starts, also in those that a stage starts.
FORBID = '''
import os, sys

def forbid(event, arguments):
    """Notes and refuses every attempt to look up or reach another machine; sockets of this one may be used."""
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[-1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        if isinstance(address, (str, bytes)) and event == "socket.connect":
            return
        with open(os.environ["ATTEMPTS"], "a") as file:
            file.write(f"{event} {address}\\n")
        raise PermissionError(f"no network here: {event} {address}")

sys.addaudithook(forbid)
'''
STAGES = [stage for stage, module in road("tokenize", "evaluate").items() if module.startswith("training.")]


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that can reach nobody; settings that would keep libraries from trying are absent."""
    (tmp_path / "sitecustomize").mkdir()
    (tmp_path / "sitecustomize/sitecustomize.py").write_text(FORBID, "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_", "WANDB_"))}
    path = os.pathsep.join((str(tmp_path / "sitecustomize"), str(ROOT)))
    return {**kept, "PYTHONPATH": path, "ATTEMPTS": str(tmp_path / "attempts"), "HF_HOME": str(tmp_path / "hub")}


def test_the_guard_refuses_and_notes_a_connection(tmp_path: Path, offline: dict[str, str]) -> None:
    reach = "import socket; socket.create_connection(('127.0.0.1', 9))"
    assert subprocess.run([sys.executable, "-c", reach], env=offline, capture_output=True).returncode == 1
    assert "127.0.0.1" in (tmp_path / "attempts").read_text("utf-8")


def test_from_tokens_to_the_exported_model_nothing_reaches_for_a_network(
    tmp_path: Path, offline: dict[str, str]
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    project(root)
    ran = subprocess.run(
        walk(*STAGES, "qirat export merged out"), cwd=root, env=offline, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert not (tmp_path / "attempts").exists(), (tmp_path / "attempts").read_text("utf-8")
    assert (root / "data/evaluated/verdict.json").exists() and (root / "out/model.safetensors").exists()
