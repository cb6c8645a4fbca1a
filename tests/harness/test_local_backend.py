import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from curation.harness.errors import QiratError
from curation.harness.local_backend import Workers, packed, spread, unpacked
from tests.builders import ROOT


def adder(to: int):
    return partial(int.__add__, to)


def dying():
    return lambda item: os._exit(9)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int):
    assert list(spread(partial(adder, 5), range(20), workers, apart=True)) == list(range(5, 25))


def waiting(folder: Path, number: int) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(600)


def keep_waiting(folder: Path):
    return partial(waiting, folder)


def test_processes_end_with_a_stage_that_is_killed(tmp_path: Path):
    prepare = f"partial(keep_waiting, Path({str(tmp_path)!r}))"
    code = f"from {__name__} import *; list(spread({prepare}, range(2), 2, apart=True))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as stage:
        eventually(lambda: len([*tmp_path.iterdir()]) == 2)
        stage.kill()
    eventually(lambda: not any(Path("/proc", process.name).exists() for process in tmp_path.iterdir()))


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("workers", ["auto", 2])
def test_small_work_stays_in_this_process(workers: Workers):
    assert list(spread(lambda: lambda item: os.getpid(), [1, 2], workers, apart=False)) == [os.getpid()] * 2


def test_a_worker_that_is_killed_stops_the_stage_with_a_cure():
    with pytest.raises(QiratError, match=r"machine\.workers to 1"):
        list(spread(dying, range(3), 2, apart=True))


def threads():
    import polars

    return lambda item: polars.thread_pool_size()


def test_local_backend_do_not_fight_for_the_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    assert list(spread(threads, range(2), 2, apart=True)) == [1, 1]
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "POLARS_MAX_THREADS" not in os.environ


def unpreparable():
    raise QiratError("the model is missing; install it")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_keeps_a_worker_from_starting_is_said(workers: int):
    with pytest.raises(QiratError, match="the model is missing"):
        list(spread(unpreparable, range(3), workers, apart=True))


def unprepared():
    raise AssertionError("not needed")


def test_no_items_need_no_preparation():
    assert list(spread(unprepared, [], 1, apart=False)) == []


def test_rows_travel_without_the_rest_of_their_table():
    table = pl.DataFrame({"messages": [[{"content": f"{n} " + "word " * 200}] for n in range(500)]})
    rows = packed(table, 490, 20)
    assert unpacked(rows).equals(table[490:])
    assert len(rows) < 50_000
