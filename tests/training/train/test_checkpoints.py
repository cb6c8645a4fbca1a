"""A killed training goes on where it was and ends the same; on anything else it refuses, and says what changed."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curation.harness.errors import QiratError
from tests.builders import CHILDREN_PATH, ROOT
from training.train.checkpoints import COMPLETE, Checkpoints, differences


def trained(folder: Path, *kill_at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What came of a run that nothing disturbed, and of one that was killed at these steps."""
    command = [sys.executable, "-m", "tests.training.killing", str(folder), *map(str, kill_at)]
    environment = {**os.environ, "PYTHONPATH": CHILDREN_PATH, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not ended.returncode, ended.stderr[-2000:]
    unbroken, killed = (json.loads((folder / name / "result.json").read_text()) for name in ("unbroken", "killed"))
    return unbroken, killed


def test_killed_at_ten_random_steps_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    steps = sorted(random.Random(5).sample(range(2, 13), 10))
    unbroken, killed = trained(tmp_path, *steps)
    assert (unbroken["resumed"], killed["resumed"]) == (0, 1)
    assert {**killed, "resumed": 0} == unbroken


def whole(place: Path, certificate: dict[str, Any], step: int = 3) -> Checkpoints:
    """A run that was killed after the checkpoint of a step."""
    run = Checkpoints(certificate, place)
    assert run.resumable() is None
    (place / f"checkpoint-{step}").mkdir()
    run.completed(place / f"checkpoint-{step}")
    return run


CERTIFICATE = {
    "data": {"train_sha256": "a" * 64},
    "template": {"sha256": "b"},
    "params": {"recipe": {"rank": 8, "learning_rate": 0.002}},
}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("data", "train_sha256"), "c" * 64, r"data\.train_sha256: was"),
        (("template", "sha256"), "d", r"template\.sha256: was \"b\", is \"d\""),
        (("params", "recipe", "learning_rate"), 0.004, r"params\.recipe\.learning_rate: was 0\.002, is 0\.004"),
    ],
)
def test_another_data_set_template_or_param_is_refused_by_name(
    tmp_path: Path, path: tuple[str, ...], value: object, told: str
) -> None:
    whole(tmp_path, CERTIFICATE)
    changed = json.loads(json.dumps(CERTIFICATE))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(QiratError, match=told):
        Checkpoints(changed, tmp_path).resumable()


def test_only_a_whole_checkpoint_counts_and_the_newest_of_them(tmp_path: Path) -> None:
    run = whole(tmp_path, CERTIFICATE, step=9)
    (tmp_path / "checkpoint-12").mkdir()  # killed while it was written
    assert run.resumable() == tmp_path / "checkpoint-9"
    run.completed(tmp_path / "checkpoint-12")
    assert run.resumable() == tmp_path / "checkpoint-12"
    assert not (tmp_path / "checkpoint-9").exists()


def test_a_run_without_a_whole_checkpoint_has_lost_nothing_and_starts_anew(tmp_path: Path) -> None:
    run = whole(tmp_path, CERTIFICATE)
    (tmp_path / "checkpoint-3" / COMPLETE).unlink()
    assert Checkpoints({"data": "other"}, tmp_path).resumable() is None
    assert run.resumable() is None


def test_of_several_processes_only_one_makes_the_place_ready(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-3").mkdir()
    assert Checkpoints(CERTIFICATE, tmp_path).resumable(prepare=False) is None
    assert (tmp_path / "checkpoint-3").exists()
    assert Checkpoints(CERTIFICATE, tmp_path).resumable() is None
    assert not (tmp_path / "checkpoint-3").exists()


def test_the_trainers_pickle_does_not_stay(tmp_path: Path) -> None:
    run = Checkpoints(CERTIFICATE, tmp_path)
    (tmp_path / "checkpoint-1").mkdir(parents=True)
    (tmp_path / "checkpoint-1" / "training_args.bin").write_bytes(b"pickle")
    run.completed(tmp_path / "checkpoint-1")
    assert not (tmp_path / "checkpoint-1" / "training_args.bin").exists()


def test_differences_name_the_place() -> None:
    assert list(differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 1}, "c": 3, "d": None})) == ["c: was 2, is 3"]


@pytest.mark.parametrize("left", [b"", b"weig", b"\0\0\0\0\0\0\0", b"of another", None])
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "optimizer.pt", "deeper/rng_state.pth"])
def test_a_checkpoint_of_which_a_file_is_not_as_it_was_is_none_and_says_so(
    name: str, left: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = Checkpoints(CERTIFICATE, tmp_path), tmp_path / "checkpoint-7" / name
    assert run.resumable() is None
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    run.completed(tmp_path / "checkpoint-7")
    assert run.resumable() == tmp_path / "checkpoint-7"
    file.unlink() if left is None else file.write_bytes(left)
    assert run.resumable() is None
    assert "the checkpoint there is damaged; training begins anew" in capsys.readouterr().err
    assert not file.parent.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0"])
@pytest.mark.parametrize("name", ["certificate.json", f"checkpoint-3/{COMPLETE}"])
def test_a_torn_certificate_or_marker_is_none(name: str, text: str, tmp_path: Path) -> None:
    run = whole(tmp_path, CERTIFICATE)
    (tmp_path / "checkpoint-3/weights").write_bytes(b"w")
    run.completed(tmp_path / "checkpoint-3")
    (tmp_path / name).write_text(text)
    assert run.resumable() is None
