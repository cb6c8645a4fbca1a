"""A table that is torn, empty, of another kind or of another table: a sentence with the file and the cure, no harm."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.harness.dvc import listed, stages
from qirat.cli import app
from tests.builders import ROOT
from tests.chaos.project import contents, module, small, whole

MADE = ("ingest", "dedup", "embed", "score", "route", "curate")
MORE = ("audit", "validate", "split")  # of what takes long to import, or is read by stages that do
READ = {  # commands and a table that each reads
    "why --code outlier": "ledger",
    "whatif route.budget=0.2": "scored/findings",
    "facts": "facts/facts",
    "forget --source chat.jsonl": "ingested/conversations",
    "review export queue.csv": "routed/queue",
    "review gold add {id} keep": "ingested/conversations",
}


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def headless(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rubbish(path: Path) -> None:
    path.write_text("هذا ليس جدولا, this is no table\n" * 9, "utf-8")


def zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def foreign(path: Path) -> None:
    if path.suffix == ".parquet":
        pl.DataFrame({"x": [1, 2]}).write_parquet(path)
    else:
        path.write_text('["not", "ours"]', "utf-8")


HARMS = (half, headless, empty, rubbish, zeros, foreign)


def main_of(stage: str) -> Callable[[], None]:
    name = module(stage)
    package = (ROOT / name.replace(".", "/")).is_dir()
    found: Callable[[], None] = importlib.import_module(f"{name}.__main__" if package else name).main
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run."""
    root = small(tmp_path_factory.mktemp("torn"))
    before = Path.cwd()
    os.chdir(root)
    try:
        for stage in [*MADE, *(MORE if whole() else ())]:
            main_of(stage)()
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(stage: str) -> list[Path]:
    """The tables of other stages that a stage reads, in the project at hand."""
    deps = [Path(dep) for dep in listed(stages()[stage], "deps") if dep.startswith(("data/", "metrics/"))]
    kept = ("data/raw", "data/evaluation", "data/review", "data/seeds.json", "data/forget.jsonl")
    made = [dep for dep in deps if str(dep).startswith(kept) is False]
    files = [path for dep in made for path in (sorted(dep.rglob("*")) if dep.is_dir() else [dep])]
    return [path for path in files if path.suffix in (".parquet", ".json") and path.exists()]


def one_sentence(said: str, path: Path) -> None:
    assert str(path) in said
    assert "Traceback" not in said
    assert "dvc repro" in said
    assert "\n" not in said.strip()
    assert len(said) < 1500


@pytest.mark.parametrize("stage", [*MADE[1:], *(MORE if whole() else ())])
def test_a_stage_names_the_torn_table_and_harms_nothing(stage: str, project: Path) -> None:
    read = inputs(stage)
    assert read
    for number, path in enumerate(read if whole() else read[-3:]):
        before, was = contents(project), path.read_bytes()
        for harm in HARMS if whole() else (HARMS[number % len(HARMS)], foreign):
            harm(path)
            left = contents(project)
            try:
                main_of(stage)()
            except SystemExit as end:
                one_sentence(str(end.code), path)
                assert contents(project) == left, f"{stage}, {path}, {harm.__name__}"
            else:  # a table of which it reads no more than that it is there
                assert contents(project) == {**before, str(path): left[str(path)]}, f"{stage}, {path}, {harm.__name__}"
            path.write_bytes(was)
    main_of(stage)()
    assert contents(project) == before


@pytest.mark.parametrize("command", READ)
@pytest.mark.parametrize("harm", HARMS if whole() else (half, foreign))
def test_a_command_names_the_torn_table(command: str, harm: Callable[[Path], None], project: Path) -> None:
    path = Path("data") / f"{READ[command]}.parquet"
    known = pl.read_parquet("data/ingested/conversations.parquet")["conversation_id"][0]
    harm(path)
    left = contents(project)
    done = CliRunner().invoke(app, command.format(id=known).split())
    assert done.exit_code
    one_sentence(str(done.exception.code) if isinstance(done.exception, SystemExit) else repr(done.exception), path)
    assert contents(project) == left
