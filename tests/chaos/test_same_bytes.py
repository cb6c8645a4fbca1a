"""Whatever the size of parts, the processes, the engine, the order of the rows and the files they lie in: the same."""

import hashlib
import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from curation import embed
from curation.curate import __main__ as curate
from curation.dedup import guard, near, tokens
from curation.harness import memory_limit, parts, ray_backend
from curation.ingest import reading, texts
from curation.score import __main__ as score
from curation.score import rows
from tests.chaos.project import LARGE, STAGES, TRIED, contents, main_of, run, set_params, small, walk, whole
from tests.training import tiny
from training import tokenize

WAY = tuple(takewhile(lambda stage: stage != "baseline", STAGES))
SETTINGS = {
    "score": {"outlier_neighbours": 4},  # more would be more than a fifth of the rows
    "audit": {"share": 0.5},
    "model": {"name": "tiny"},
}
AT_ONCE = {  # how many rows are in work together
    memory_limit: ("MOST_ROWS", "FEWEST_ROWS"),
    parts: ("ROWS_A_SHELF",),
    reading: ("ROWS_A_CHUNK", "OUTCOMES_A_PART"),
    texts: ("ROWS_A_CHUNK",),
    tokens: ("READ_TOGETHER", "READ_AT_ONCE"),
    near: ("AT_ONCE", "VERIFIED_AT_ONCE"),
    guard: ("JUDGED_AT_ONCE",),
    embed: ("CHUNK",),
    rows: ("CHUNK", "LEAST"),
    score: ("ROWS_KEPT", "PUT_AWAY"),
    curate: ("CHUNK",),
    tokenize: ("AT_ONCE",),
}
PLACES = ("row_id", "source_file", "source_row", "duplicate_of")
A_PLACE = re.compile(r"\w+\.jsonl:\d+")
OF_FILES = {"data/ingested/files.parquet", "metrics/ingest.json"}


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has not run, some of whose rows are said twice, and some at a time."""
    root = small(tmp_path_factory.mktemp("begin"))
    tiny.tokenizer().save_pretrained(root / "tiny")
    (root / "tiny/config.json").write_text('{"model_type": "llama", "vocab_size": 600}', "utf-8")
    save_file({"none": np.zeros(1)}, root / "tiny/model.safetensors")  # tokens want no weights
    set_params(root, SETTINGS)
    chat = root / "data/raw/chat.jsonl"
    lines = [dated(number, line) for number, line in enumerate(chat.read_text("utf-8").splitlines())]
    chat.write_text("".join(f"{line}\n" for line in [*lines, *lines[::7]]), "utf-8")
    return root


def dated(number: int, line: str) -> str:
    """A line of raw data, most of them with a time, which has nothing to do with what they say."""
    when = f'"created_at": "2026-01-{1 + number * 11 % 28:02}", "customer"'
    return line.replace('"customer"', when) if number % 3 else line


@pytest.fixture(scope="module")
def expected(begin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    """By a process whose hashes of texts, and so the order of sets, are others than here."""
    root = tmp_path_factory.mktemp("expected") / "project"
    shutil.copytree(begin, root)
    code, said = run(root, walk(*WAY))
    assert code == 0, said
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return contents(root), placeless()


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    """One of Ray serves all examples, and ends with them."""
    yield
    for folder in Path("/tmp").glob(f"qirat-ray-{os.getpid()}-*"):
        import ray

        ray_backend._end(ray, folder)


def placeless() -> dict[str, str]:
    """What the project at hand tells of its rows, wherever these lie: the bytes, and of tables with places the rows."""
    found = {name: told for name, told in contents(Path()).items() if not name.startswith("data/raw/")}
    return {
        name: _placeless(Path(name)) if name.endswith(".parquet") else told
        for name, told in found.items()
        if name not in OF_FILES
    }


def _placeless(path: Path) -> str:
    table = pl.read_parquet(path)
    lines = [A_PLACE.sub("", repr(row)) for row in table.drop(PLACES, strict=False).iter_rows()]
    if not set(PLACES).isdisjoint(table.columns):
        lines = sorted(lines)
    return hashlib.sha256(repr(lines).encode()).hexdigest()


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
