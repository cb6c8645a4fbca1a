"""The stages that train and judge, on a model of a few thousand weights: torn tables, read-only data."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.chaos.project import STAGES, TRIED, contents, whole
from tests.chaos.test_damage import HARMS, inputs, mounted, one_sentence, refused, stopped
from tests.training import tiny

ROAD = tuple(stage for stage, told in STAGES.items() if told["cmd"].startswith("python -m training."))
pytestmark = pytest.mark.skipif(not whole(), reason="`make chaos` trains")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run to its end."""
    root = tiny.project(tmp_path_factory.mktemp("trained"))
    before = Path.cwd()
    os.chdir(root)
    try:
        for stage in ROAD:
            assert stopped(stage) == "", stage
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("stage", ROAD)
def test_a_stage_names_the_torn_table_and_harms_nothing(stage: str, project: Path) -> None:
    for number, path in enumerate(path for path in inputs(stage) if path.suffix == ".parquet"):
        was = path.read_bytes()
        for harm in HARMS[number % len(HARMS) :: 3]:
            harm(path)
            TRIED["torn and foreign tables, training"] += 1
            left = contents(project)
            if said := stopped(stage):
                one_sentence(said, path)
                assert contents(project) == left, f"{stage}, {path}, {harm.__name__}"
            path.write_bytes(was)


@pytest.mark.parametrize("stage", ROAD)
def test_read_only_data_is_said(stage: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path, "size=256m"):
        shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
        before = contents(tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        monkeypatch.chdir(tmp_path)
        TRIED["data that may only be read"] += 1
        refused(stopped(stage), "read-only file system")
        assert contents(tmp_path) == before
        monkeypatch.undo()
