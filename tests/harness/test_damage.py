"""What is said of files that are torn, missing, or of another place; what is never blamed on them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from curation.harness.damage import explained
from curation.harness.dvc import locked, maker_of
from curation.harness.errors import QiratError
from curation.harness.files import atomic, finished_table
from curation.harness.memory import remembered_json
from curation.harness.parts import height_of
from curation.harness.stage import MARK
from tests.builders import ROOT, save

WEIGHTS = Path("models/adapter/adapter_model.safetensors")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    return tmp_path


@pytest.mark.parametrize("part", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\0" * len(b), lambda b: b[:3]])
def test_torn_weights_are_named(part: Callable[[bytes], bytes]) -> None:
    WEIGHTS.parent.mkdir(parents=True)
    save_file({"x": np.zeros(9)}, WEIGHTS)
    WEIGHTS.write_bytes(part(WEIGHTS.read_bytes()))
    assert explained(RuntimeError("what a library says")) == (
        f"{WEIGHTS} is torn, or no Safetensors; run `dvc repro strength`, which makes it anew"
    )


@pytest.mark.parametrize(
    "read", [pl.read_parquet, Path.read_text, Path.read_bytes, lambda path: pl.scan_parquet(path).collect()]
)
@pytest.mark.parametrize("name", ["models/adapter/trained_on.parquet", "data/evaluated/verdict.json"])
def test_a_missing_file_of_the_pipeline_is_told_with_the_stage_that_makes_it(
    read: Callable[[Path], object], name: str
) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        read(Path(name))
    assert str(explained(missing.value)).startswith(f"{name} is missing; run `dvc repro ")


def test_a_file_that_no_stage_makes_is_told_as_one() -> None:
    with pytest.raises(QiratError, match=r"no stage makes /elsewhere/data/dedup/pairs\.parquet; name a file that one"):
        maker_of(Path("/elsewhere/data/dedup/pairs.parquet"))
    other = Path("other.parquet").absolute()
    other.write_bytes(b"PAR1")
    with pytest.raises(QiratError, match="no Parquet; no stage of this project makes it: take it anew from where"):
        height_of(other)


def test_another_missing_file_keeps_its_traceback() -> None:
    with pytest.raises(FileNotFoundError) as missing:
        Path("of a library").read_text()
    assert explained(missing.value) is None


def test_a_package_that_is_not_installed_is_blamed_on_no_table() -> None:
    save(Path(), "splits/train", pl.DataFrame({"x": [1]}))
    assert explained(ImportError("no module named so")) is None
    assert explained(TypeError("something of ours"))


def test_a_table_of_ours_in_the_place_of_another_is_refused() -> None:
    for name in ("train", "test"):
        save(Path(), f"splits/{name}", pl.DataFrame({"x": [1]}))
    rows = pl.DataFrame({"x": [1]})
    rows.write_parquet("data/splits/test.parquet", metadata={MARK: "splits/train"})
    assert finished_table("splits/train").equals(rows)
    with pytest.raises(
        QiratError, match=r"^data/splits/test\.parquet is .*: it holds the table splits/train; run `dvc"
    ):
        finished_table("splits/test")


@pytest.mark.parametrize("text", ["", "{", "[1]", '"seconds"', "\0\0", "null"])
def test_what_only_saves_time_is_never_in_the_way(text: str) -> None:
    Path("kept.json").write_text(text)
    assert remembered_json(Path("kept.json")) == {}
    assert remembered_json(Path("none.json")) == {}


@pytest.mark.parametrize("text", ["stages: [", "- 1", "stages: [1]", "stages: x", "'schema", "\0"])
def test_a_torn_lock_of_the_pipeline_is_named(text: str) -> None:
    with pytest.raises(QiratError, match=r"^dvc\.lock is torn, or lists no stages; take it from git"):
        locked(text)


def test_a_lock_that_is_not_there_yet_says_nothing() -> None:
    assert locked("") == {}
    assert locked("schema: '2.0'\nstages: {split: {cmd: x}}") == {"split": {"cmd": "x"}}


@pytest.mark.parametrize("fails", ["rename", "replace"])
def test_a_folder_that_cannot_be_exchanged_stays_whole(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("models/adapter")
    folder.mkdir(parents=True)
    (folder / "old").touch()

    def refused(self: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system", str(self))

    with (
        monkeypatch.context() as patch,
        pytest.raises(QiratError, match="read-only file system"),
        atomic(folder) as temporary,
    ):
        temporary.mkdir()
        (temporary / "new").touch()
        patch.setattr(Path, fails, refused)
    assert [path.name for path in folder.iterdir()] == ["old"]


def test_of_a_folder_no_half_is_left_however_early_its_exchange_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("models/adapter")
    folder.mkdir(parents=True)
    for name in ("adapter_model.safetensors", "provenance.json"):
        (folder / name).write_text("old")
    taken_away = shutil.rmtree

    def killed(path: Path) -> None:
        next(Path(path).iterdir()).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt), atomic(folder) as temporary:
        temporary.mkdir()
        (temporary / "provenance.json").write_text("new")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"provenance.json": "new"}
    monkeypatch.setattr(shutil, "rmtree", taken_away)
    with atomic(folder) as temporary:
        temporary.mkdir()
    assert [path.name for path in folder.parent.iterdir()] == ["adapter"]


def test_a_file_is_on_the_disk_before_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink().name))
    with atomic(Path("models/adapter")) as temporary:
        (temporary / "deep").mkdir(parents=True)
        (temporary / "deep/weights").write_text("w")
        (temporary / "words.json").write_text(json.dumps({}))
    assert sorted(synced) == ["weights", "words.json"]
