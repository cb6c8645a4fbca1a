"""machine.memory: parts and processes follow it, and too little is told before the work."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curation.dedup.__main__ import KEYS
from curation.dedup.__main__ import main as dedup
from curation.harness.engine import Machine, map_items
from curation.harness.memory_limit import FEWEST_ROWS, MOST_ROWS, _of_groups, in_bytes
from tests.builders import ROOT, params, record, save, talk

HERE = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(("said", "meant"), [("2GB", 2e9), ("1.5 GiB", 1.5 * 2**30), ("500mb", 5e8), (10, 10)])
def test_an_amount_is_read_as_people_write_it(said: str | int, meant: float) -> None:
    assert in_bytes(said) == meant


def test_an_amount_that_is_none_is_refused_with_one_that_is() -> None:
    with pytest.raises(ValidationError, match=r"written as 2GB"):
        Machine(memory="plenty")


@given(*[st.integers(1, 2**40)] * 3, st.one_of(st.just("auto"), st.integers(1, 64)), st.booleans())
def test_less_memory_never_means_larger_parts_or_more_processes(
    one: int, other: int, held: int, workers: int | str, rows: bool
) -> None:
    """Whether there is less of it, or rows take more of the same."""
    small, large = (Machine(memory=size, workers=workers) for size in sorted((one, other)))
    small, large = (large.holding(held), large) if rows else (small, large)
    assert FEWEST_ROWS <= small.rows_at_once <= large.rows_at_once <= MOST_ROWS
    assert 1 <= small.processes <= large.processes
    assert workers == "auto" or large.processes <= workers


def test_processes_have_what_a_million_rows_leave() -> None:
    """Of 2 GB two processes of all checks, of 0.5 GB each, and a million rows took more than there was."""
    machine = Machine(memory="2GB", workers=2)
    assert (machine.processes, machine.holding(900_000_000).processes) == (2, 1)


def _told() -> Callable[[int], int]:
    return lambda _: os.getpid()


def test_where_there_is_room_for_one_process_the_work_still_has_its_own() -> None:
    """What models hold goes when it ends, and is not there any more when all rows are compared."""
    small = Machine(memory="1GB", workers=2)
    assert small.processes == 1
    assert [*map_items(_told, [1], small, large=True)] != [os.getpid()]
    assert [*map_items(_told, [1], Machine(workers=1), large=True)] == [os.getpid()]


def test_a_limit_of_the_system_is_what_there_is() -> None:
    code = "from curation.harness.memory_limit import there_is; print(there_is())"
    limited = f"ulimit -v 3000000; exec {sys.executable} -c '{code}'"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=True)
    assert 1e9 < int(done.stdout) < 3_000_000 * 1024  # addresses are reserved that nothing lies at


@pytest.mark.parametrize("limit", [1_400_000, 1_800_000, 4_000_000])
def test_under_a_limit_of_the_system_a_stage_ends_well_or_says_what_it_needs(limit: int, tmp_path: Path) -> None:
    rows = record(*(talk(f"Where is order {n}?", f"Order {n} is on its way") for n in range(300)))
    save(tmp_path, "ingested/conversations", rows.select(*KEYS, "messages"))
    (tmp_path / "params.yaml").write_text(json.dumps({"dedup": params("dedup")}), "utf-8")
    limited = f"ulimit -v {limit}; exec {sys.executable} -m curation.dedup"
    done = subprocess.run(["bash", "-c", limited], cwd=tmp_path, capture_output=True, text=True, env=HERE)
    assert done.returncode == 0 or "set machine.memory" in done.stderr, done.stderr
    assert (done.returncode == 0) == (tmp_path / "data/dedup/clusters.parquet").exists()
    assert limit == 1_800_000 or (done.returncode == 0) == (limit > 2_000_000)


@pytest.mark.parametrize(
    ("told", "limit"),
    [("0::/a/b\n", "a/memory.max"), ("3:cpu,memory:/a/b\n0::/\n", "memory/a/memory.limit_in_bytes")],
)
def test_a_limit_of_any_control_group_above_is_seen(told: str, limit: str, tmp_path: Path) -> None:
    (tmp_path / "self").write_text(told)
    assert tmp_path / "sys" / limit in _of_groups(tmp_path / "self", tmp_path / "sys")


def test_too_little_memory_is_told_with_the_need_and_the_cure_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, "ingested/conversations", record(talk("Hi", "Hello")).select(*KEYS, "messages"))
    written = {"dedup": params("dedup"), "machine": {"memory": "500MB"}}
    Path("params.yaml").write_text(json.dumps(written), "utf-8")
    with pytest.raises(SystemExit, match=r"1 rows take dedup about 0\.6 GB .* 0\.5 GB; set machine\.memory"):
        dedup()
    assert not Path("data/dedup").exists()
    with_ray = {**written, "machine": {"memory": "1GB", "engine": "ray"}}
    Path("params.yaml").write_text(json.dumps(with_ray), "utf-8")
    with pytest.raises(SystemExit, match=r"about 1\.2 GB .* may take 1\.0 GB; set machine\.memory .* to 1\.5GB"):
        dedup()
    Path("params.yaml").write_text(json.dumps({**written, "machine": {"memory": "1GB"}}), "utf-8")
    dedup()
    assert pl.read_parquet("data/dedup/clusters.parquet").height == 1
