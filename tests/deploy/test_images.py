"""Images pinned by digest, with a stand-in for the registry."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.test_compose import COMPOSE, DEPLOY

IMAGES = sorted({service["image"].partition("@")[0] for service in COMPOSE["services"].values()})


def test_each_image_gets_the_digest_of_its_registry_and_nothing_else_changes(project: Path) -> None:
    before = (project / "compose.yaml").read_text("utf-8")
    done = _pin(project, "echo sha256:$(echo $* | sha256sum | cut -c1-64)")
    assert done.returncode == 0, done.stderr
    after = (project / "compose.yaml").read_text("utf-8")
    pinned = {service["image"] for service in yaml.safe_load(after)["services"].values()}
    assert {image.partition("@")[0] for image in pinned} == set(IMAGES)
    assert all(len(image.partition("@sha256:")[2]) == 64 for image in pinned)
    without = "\n".join(line.partition("@sha256:")[0] for line in after.splitlines())
    assert without == "\n".join(line.partition("@sha256:")[0] for line in before.splitlines())
    assert sorted(path.name for path in project.glob(".compose*")) == []

    again = _pin(project, "echo sha256:$(echo $* | sha256sum | cut -c1-64)", "--check")
    assert again.returncode == 0 and "every image is pinned" in again.stdout


def test_a_version_that_was_built_anew_is_told_and_written_only_when_asked(project: Path) -> None:
    _pin(project, f"echo sha256:{'1' * 64}")
    before = (project / "compose.yaml").read_bytes()
    moved = f'case "$*" in *redis*) echo sha256:{"2" * 64} ;; *) echo sha256:{"1" * 64} ;; esac'
    checked = _pin(project, moved, "--check")
    assert checked.returncode == 1 and checked.stdout.count("->") == 1 and "redis" in checked.stdout
    assert (project / "compose.yaml").read_bytes() == before
    assert _pin(project, moved).returncode == 0
    assert (project / "compose.yaml").read_text("utf-8").count("@sha256:" + "2" * 64) == 1


@pytest.mark.parametrize(
    "registry",
    [
        "exit 1",
        "echo",
        "echo sha256:abc",
        f"echo '<no value>'; echo sha256:{'1' * 64}",
        f'case "$*" in *redis*) exit 1 ;; *) echo sha256:{"1" * 64} ;; esac',
        f"echo 'sha256:{'1' * 64}|; e touch ran'",
    ],
)
def test_where_one_digest_is_not_to_be_had_nothing_is_written(project: Path, registry: str) -> None:
    before = (project / "compose.yaml").read_bytes()
    done = _pin(project, registry)
    assert done.returncode == 1 and "compose.yaml is as it was" in done.stderr
    assert (project / "compose.yaml").read_bytes() == before
    assert not list(project.glob(".compose*")) and not (project / "ran").exists()


def test_a_wrong_option_is_told(project: Path) -> None:
    assert _pin(project, "exit 1", "--dry-run").returncode == 2


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("compose.yaml", "pin-images.sh"):
        shutil.copy(DEPLOY / name, tmp_path)
    return tmp_path


def _pin(project: Path, registry: str, *given: str) -> subprocess.CompletedProcess[str]:
    programs = project / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "docker").write_text(f"#!/bin/sh\n{registry}\n")
    (programs / "docker").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = ["sh", project / "pin-images.sh", *given]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
