"""Whatever the size of parts, the processes, the engine, the order of the rows and the files they lie in: the same."""

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from curation import embed
from curation.curate import __main__ as curate
from curation.dedup import near, tokens
from curation.harness import memory_limit, ray_backend
from curation.ingest import reading
from curation.score import rows as score
from tests.chaos.project import LARGE, ROAD, TRIED, contents, main_of, set_params, small, whole

LEFT_OUT = {"audit", "validate", "gate"}  # they look on, in one process
WAY = tuple(stage for stage in ROAD if stage not in LEFT_OUT)
AT_ONCE = {  # how many rows are in work together
    memory_limit: ("MOST_ROWS", "FEWEST_ROWS"),
    reading: ("ROWS_A_CHUNK",),
    tokens: ("READ_TOGETHER", "READ_AT_ONCE"),
    near: ("AT_ONCE", "VERIFIED_AT_ONCE"),
    embed: ("CHUNK",),
    score: ("CHUNK", "LEAST"),
    curate: ("CHUNK",),
}
PLACES = ("row_id", "source_file", "source_row", "duplicate_of", "evidence")
FREE = (
    "dedup/pairs",
    "embedded/vectors",
    "scored/findings",
    "routed/verdicts",
    "splits/train",
    "splits/dev",
    "splits/test",
)


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has not run, some of whose rows are said twice."""
    root = small(tmp_path_factory.mktemp("begin"))
    chat = root / "data/raw/chat.jsonl"
    lines = chat.read_text("utf-8").splitlines()
    chat.write_text("".join(f"{line}\n" for line in [*lines, *lines[::7]]), "utf-8")
    return root


@pytest.fixture(scope="module")
def expected(begin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    root = tmp_path_factory.mktemp("expected") / "project"
    with pytest.MonkeyPatch.context() as patch:
        shutil.copytree(begin, root)
        patch.chdir(root)
        for stage in WAY:
            main_of(stage)()
        return contents(root), placeless()


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    """One of Ray serves all examples, and ends with them."""
    yield
    for folder in Path("/tmp").glob(f"qirat-ray-{os.getpid()}-*"):
        import ray

        ray_backend._end(ray, folder)


def placeless() -> dict[str, str]:
    """What the project at hand tells of its rows, wherever these lie."""
    tables = {name: pl.read_parquet(f"data/{name}.parquet").drop(PLACES, strict=False) for name in FREE}
    rows = {name: repr(sorted(map(repr, table.iter_rows()))) for name, table in tables.items()}
    return {name: hashlib.sha256(some.encode()).hexdigest() for name, some in rows.items()}


def dealt(lines: Sequence[str], chance: random.Random) -> Mapping[str, list[str]]:
    """The lines in another order and in other files."""
    files: dict[str, list[str]] = {}
    for line in chance.sample(lines, len(lines)):
        files.setdefault(f"{chance.choice('abc')}.jsonl", []).append(line)
    return files


def ran(begin: Path, machine: Mapping[str, Any], at_once: int, dealt_by: int | None) -> Any:
    """`contents` of the project when it has run, or `placeless` where its rows were dealt anew."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder, "project")
        shutil.copytree(begin, root)
        set_params(root, {"machine": machine})
        if dealt_by is not None:
            raw = root / "data/raw/chat.jsonl"
            lines = raw.read_text("utf-8").splitlines()
            raw.unlink()
            for name, some in dealt(lines, random.Random(dealt_by)).items():
                (raw.parent / name).write_text("".join(f"{line}\n" for line in some), "utf-8")
        for module, names in AT_ONCE.items():
            for name in names:
                patch.setattr(module, name, at_once)
        for module in LARGE:
            patch.setattr(f"{module}.LARGE", -1)
        patch.chdir(root)
        for stage in WAY:
            main_of(stage)()
        TRIED["runs elsewhere"] += 1
        return contents(root) if dealt_by is None else placeless()


@given(at_once=st.integers(1, 60), workers=st.integers(1, 3 if whole() else 1), dealt_by=st.none() | st.integers(0, 99))
@example(at_once=7, workers=2, dealt_by=None)
@example(at_once=11, workers=1, dealt_by=1)
@settings(max_examples=30 if whole() else 2)
def test_parts_processes_order_and_files_change_nothing(
    begin: Path, expected: Any, at_once: int, workers: int, dealt_by: int | None
) -> None:
    assert ran(begin, {"workers": workers}, at_once, dealt_by) == expected[dealt_by is not None]


@given(at_once=st.integers(1, 60), workers=st.integers(1, 2), dealt_by=st.none() | st.integers(0, 99))
@example(at_once=9, workers=2, dealt_by=None)
@settings(max_examples=20, phases=tuple(Phase) if whole() else (Phase.explicit,))
def test_nor_does_ray(begin: Path, expected: Any, at_once: int, workers: int, dealt_by: int | None) -> None:
    machine = {"engine": "ray", "workers": workers}
    assert ran(begin, machine, at_once, dealt_by) == expected[dealt_by is not None]
