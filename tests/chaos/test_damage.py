"""A torn table, a full disk, read-only data: a sentence with the file and the cure, and no harm done."""

import contextlib
import io
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.harness.dvc import listed, stages
from qirat.cli import app
from tests.chaos.project import ROAD, TRIED, contents, main_of, small, whole

MADE = tuple(stage for stage in ROAD[: ROAD.index("curate") + 1] if stage != "audit")
MORE = tuple(stage for stage in ROAD if stage not in MADE)  # of what takes long to import, or is read by stages that do
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
    made = [dep for dep in deps if not str(dep).startswith(kept)]
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
            TRIED["torn and foreign tables, stages"] += 1
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
    TRIED["torn and foreign tables, commands"] += 1
    left = contents(project)
    done = CliRunner().invoke(app, command.format(id=known).split())
    assert done.exit_code
    one_sentence(str(done.exception.code) if isinstance(done.exception, SystemExit) else repr(done.exception), path)
    assert contents(project) == left


# -- a full disk ------------------------------------------------------------------------------------------------------

WRITE = {  # commands that write, and where
    "forget --customer c3 --yes": "data/forget.jsonl",
    "review gold add {id} keep": "data/review/gold.jsonl",
    "review export queue.csv": "queue.csv",
    "playbook propose": "playbook.proposed.yaml",
}


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Every write beyond so many bytes of a file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def mounted(root: Path, *options: str) -> Iterator[Path]:
    """A file system of its own in the project, as only root may make one."""
    if os.geteuid():
        pytest.skip("only root may mount a file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", root], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    before = Path.cwd()
    try:
        yield root
    finally:
        os.chdir(before)
        subprocess.run(["umount", "--lazy", root], check=True)


@contextlib.contextmanager
def pages_left(root: Path, left: int) -> Iterator[None]:
    """So many pages of 4 kB of the file system are free."""
    at_hand = os.statvfs(root)
    with (root / "filler").open("wb") as filler:
        filler.write(b"\0" * ((at_hand.f_bfree - left) * at_hand.f_bsize))
    try:
        yield
    finally:
        (root / "filler").unlink()


def stopped(stage: str) -> str:
    """What a stage says that stops; "" when it comes to its end."""
    try:
        main_of(stage)()
    except SystemExit as end:
        return str(end.code)
    return ""


def refused(said: str, word: str) -> None:
    assert word in said
    assert ": file too large" not in said or word == "file too large"
    assert "run it again" in said
    assert "Traceback" not in said
    assert "\n" not in said.strip()
    assert ".partial" not in said


def whole_or_absent(project: Path, before: dict[str, str]) -> None:
    """What lies there is what lay there, or what an undisturbed run writes, which here is the same."""
    now = contents(project)
    assert not [name for name in now if name not in before or now[name] != before[name]]


SIZES = (0, 1, 100, 400, 1000, 2000, 3000, 5000, 8000)


@pytest.mark.parametrize("stage", [*MADE, *(MORE if whole() else ())] if whole() else ["dedup", "route", "curate"])
def test_a_disk_that_is_full_at_any_write_stops_a_stage_with_a_sentence(stage: str, project: Path) -> None:
    before, told = contents(project), 0
    for size in SIZES if whole() else (0, 1000):
        shutil.rmtree("data/cache", ignore_errors=True)
        with files_of_at_most(size):
            said = stopped(stage)
        told += bool(said)
        if said:
            TRIED["full disk, stages"] += 1
            refused(said, "file too large")
        whole_or_absent(project, before)
    assert told
    assert not stopped(stage)
    assert contents(project) == before


@pytest.mark.parametrize("command", WRITE)
@pytest.mark.parametrize("size", [0, 1, 20] if whole() else [1])
def test_a_disk_that_is_full_stops_a_command_with_a_sentence(command: str, size: int, project: Path) -> None:
    known = pl.read_parquet("data/ingested/conversations.parquet")["conversation_id"][0]
    before = contents(project)
    with files_of_at_most(size):
        done = CliRunner().invoke(app, command.format(id=known).split())
    TRIED["full disk, commands"] += 1
    assert isinstance(done.exception, SystemExit), done.exception
    refused(str(done.exception.code), "file too large")
    assert WRITE[command] in str(done.exception.code)
    assert contents(project) == before
    assert CliRunner().invoke(app, command.format(id=known).split()).exit_code == 0


@pytest.mark.skipif(not whole(), reason="`make chaos` fills a file system of its own")
@pytest.mark.parametrize("stage", [*MADE, *MORE])
def test_a_full_file_system_stops_a_stage_with_a_sentence(
    stage: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path, "size=16m"):
        shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        before = contents(tmp_path)
        for left in (0, 1, 2, 3, 5, 8):
            shutil.rmtree("data/cache", ignore_errors=True)
            with pages_left(tmp_path, left):
                said = stopped(stage)
                if said or not left:
                    TRIED["full file system, stages"] += 1
                    refused(said, "no space left on device")
            whole_or_absent(tmp_path, before)
        assert not stopped(stage)
        assert contents(tmp_path) == before
        monkeypatch.undo()


@pytest.mark.skipif(not whole(), reason="`make chaos` mounts a file system that may only be read")
@pytest.mark.parametrize("step", [*MADE, *MORE, *WRITE, "why --code outlier", "whatif route.budget=0.2", "results"])
def test_read_only_data_is_said_and_can_be_read(
    step: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path, "size=64m"):
        shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
        known = pl.read_parquet(tmp_path / "data/ingested/conversations.parquet")["conversation_id"][0]
        before = contents(tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        monkeypatch.chdir(tmp_path)
        TRIED["data that may only be read"] += 1
        if step in (*MADE, *MORE):
            refused(stopped(step), "read-only file system")
        else:
            done = CliRunner().invoke(app, step.format(id=known).split())
            if step in WRITE:
                refused(str(getattr(done.exception, "code", done.exception)), "read-only file system")
            else:
                assert "Traceback" not in done.output
                assert done.exit_code == 0
        assert contents(tmp_path) == before
        monkeypatch.undo()
