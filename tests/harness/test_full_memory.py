"""Memory that ran out ends in a sentence with the numbers, whoever says it and however deep it lies."""

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from curation.harness.damage import explained
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.harness.terminal import Commands

CUDA = (
    "CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a total capacity of 15.89 GiB of which 1.41 GiB is "
    "free. Including non-PyTorch memory, this process has 14.47 GiB memory in use."
)
OF_GPU = "2.32 GiB more were asked for, and GPU 0 has 15.89 GiB of which 1.41 GiB are free"
CUBLAS = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"


class Nothing(Params):
    pass


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{}")


def full_gpu() -> None:
    import torch

    raise torch.OutOfMemoryError(CUDA)


def full_machine() -> None:
    np.empty((1 << 46,), dtype=np.int64)


def full_machine_of_torch() -> None:
    import torch

    torch.empty(1 << 46)


def wrapped() -> None:
    try:
        full_gpu()
    except RuntimeError as error:
        raise ValueError("the batch of 3 conversations could not be read") from error


@pytest.mark.parametrize(
    ("work", "numbers", "cure"),
    [
        (full_gpu, OF_GPU, "pack_tokens"),
        (
            wrapped,
            OF_GPU,
            "model.quantised",
        ),
        (full_machine, "512. TiB more were asked for, and this machine has", "machine.workers"),
        (full_machine_of_torch, "262,144.0 GiB more were asked for, and this machine has", "smaller base"),
    ],
)
def test_a_stage_ends_with_the_numbers(work: object, numbers: str, cure: str) -> None:
    with pytest.raises(SystemExit) as ended, Stage("nothing", Nothing):
        work()  # type: ignore[operator]
    said = str(ended.value)
    assert said.startswith(f"nothing: out of memory: {numbers}")
    assert cure in said


def test_a_command_ends_with_the_numbers() -> None:
    app = typer.Typer(cls=Commands, name="qirat")
    app.command()(full_gpu)
    app.command()(wrapped)  # two of them, so that they are commands
    ran = CliRunner().invoke(app, ["full-gpu"])
    assert str(ran.exception).startswith("qirat: out of memory: 2.32 GiB more were asked for")


def test_other_errors_are_none_of_memory() -> None:
    for error in (RuntimeError("shape mismatch"), ValueError("out of memory, said the customer"), KeyError("memory")):
        assert explained(error) is None


def test_an_allocation_that_failed_without_numbers_is_told_by_those_of_the_machine() -> None:
    said = explained(RuntimeError(CUBLAS)) or ""
    assert said.startswith("out of memory: this machine has")
