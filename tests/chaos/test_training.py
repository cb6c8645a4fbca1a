"""The stages from tokenize on and what is asked of them, on a base of a few thousand weights: torn, full, read-only."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.harness.dvc import listed
from curation.report.profile import PATH as VERSIONS
from qirat.cli import app
from tests.chaos.project import STAGES, TRIED, contents, main_of, trainable, whole
from tests.chaos.test_damage import HARMS, files_of_at_most, mounted, pages_left, refused, stopped, whole_or_absent

ROAD = tuple(STAGES)[tuple(STAGES).index("tokenize") :]
SIZES = (0, 1, 300, 1500, 4000, 12_000, 40_000)
WHATEVER_IT_SAYS = ("prompt.md",)  # any words are a prompt
ADAPTER = "models/adapter/{}"
PUBLISHED = ("ledger", "curated/conversations", "splits/test", "ingested/conversations", "dedup/pairs")
READ = {  # commands, and what each reads
    "cost": ["data/tokenized/train.parquet", "data/evaluated/scores.parquet"],
    "preview {id}": ["data/tokenized/train.parquet", "data/tokenized/excluded.parquet"],
    "curve --judged 30": ["data/tokenized/train.parquet", "data/tokenized/dev.parquet"],
    "sweep --tokens 1e6 --seeds 2": ["data/tokenized/test.parquet", "data/seeds.json", "data/looks.jsonl"],
    "canaries": ["data/tokenized/train.parquet", "data/tokenized/dev.parquet"],
    "attribute": [ADAPTER.format("trained_on.parquet"), ADAPTER.format("adapter_model.safetensors")],
    "export adapter out": [ADAPTER.format(name) for name in ("adapter_config.json", "tokenizer.json", "files.json")],
    "export merged out": [
        ADAPTER.format("provenance.json"),
        "data/tokenized/test.parquet",
        "data/evaluated/verdict.json",
    ],
    "publish out --licence mit --yes": [*(f"data/{name}.parquet" for name in PUBLISHED), "data/review/decisions.jsonl"],
    "publish out --licence mit --adapter --yes": [
        ADAPTER.format("adapter_model.safetensors"),
        "data/review/pairs.jsonl",
    ],
    "results": ["data/evaluated/verdict.json", "metrics/gate.json"],
}
GIVEN = (  # commands that write what is given away
    *(f"export {kind} out" for kind in ("adapter", "merged", "axolotl", "llama-factory", "unsloth")),
    "publish out --licence mit --adapter --yes",
    "publish out --licence mit",  # only told what would leave, out of a folder that goes again
)
BASE = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
pytestmark = pytest.mark.skipif(not whole(), reason="`make chaos` trains")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run to its end."""
    root = trainable(tmp_path_factory.mktemp("trained"))
    before = Path.cwd()
    os.chdir(root)
    try:
        for stage in STAGES:
            main_of(stage)()
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_by(stage: str) -> Iterator[Path]:
    """Every file that a stage may read, but for code, in the project at hand."""
    for dep in map(Path, listed(STAGES[stage], "deps")):
        if dep.suffix not in (".py", "") or dep.parts[0] in ("data", "models"):
            yield from (path for path in (sorted(dep.rglob("*")) if dep.is_dir() else [dep]) if path.is_file())


def in_a_sentence(said: str, path: Path) -> None:
    assert str(path) in said, said
    assert "\n" not in said.strip(), said
    assert len(said) < 1500


@pytest.mark.parametrize("stage", ROAD)
def test_a_stage_names_the_torn_file_and_harms_nothing(stage: str, project: Path) -> None:
    before, read = contents(project), list(read_by(stage))
    assert read
    for number, path in enumerate(path for path in read if path.name not in WHATEVER_IT_SAYS):
        was = path.read_bytes()
        for harm in HARMS[number % 3 :: 3]:
            harm(path)
            TRIED[f"torn and foreign files, {stage}"] += 1
            left = contents(project)
            if said := stopped(stage):
                in_a_sentence(said, path)
                assert contents(project) == left, f"{stage}, {path}, {harm.__name__}"
            else:  # one of which it reads no more than that it is there
                now = contents(project)
                other = [name for name in before if now.get(name) != before[name] and name != str(path)]
                assert not other, f"{stage}, {path}, {harm.__name__}"
            path.write_bytes(was)


@pytest.mark.parametrize("command", READ)
def test_a_command_names_the_torn_file(command: str, project: Path) -> None:
    known = pl.read_parquet("data/tokenized/train.parquet")["conversation_id"][0]
    (project / "data/looks.jsonl").touch()
    for path in map(Path, READ[command]):
        was = path.read_bytes()
        for harm in HARMS:
            harm(path)
            TRIED["torn and foreign files, commands of training"] += 1
            left = contents(project)
            done = CliRunner().invoke(app, command.format(id=known).split())
            assert isinstance(done.exception, SystemExit), f"{path}, {harm.__name__}: {done.exception!r} {done.output}"
            in_a_sentence(str(done.exception.code), path)
            assert contents(project) == left, f"{path}, {harm.__name__}"
            assert not Path("out").exists()
            path.write_bytes(was)


@pytest.mark.parametrize("name", BASE)
def test_a_base_model_that_is_torn_or_foreign_is_refused(name: str, project: Path) -> None:
    path = Path("tiny", name)
    was, before = path.read_bytes(), contents(project)
    for harm in HARMS:
        harm(path)
        TRIED["torn and foreign files, base model"] += 1
        for stage in ("baseline",) if path.suffix == ".safetensors" else ("tokenize", "baseline"):
            said = stopped(stage)
            assert "tiny" in said and "\n" not in said.strip(), f"{stage}, {harm.__name__}: {said}"
        assert contents(project) == before
        path.write_bytes(was)


@pytest.mark.parametrize("stage", ROAD)
def test_a_disk_that_is_full_at_any_write_stops_a_stage_with_a_sentence(stage: str, project: Path) -> None:
    before, told = contents(project), 0
    for size in SIZES:
        shutil.rmtree("data/cache", ignore_errors=True)
        with files_of_at_most(size):
            said = stopped(stage)
        if said:
            told += 1
            TRIED[f"full disk, {stage}"] += 1
            assert ": a file:" not in said
            refused(said, "no space left" if "no space left" in said else "file too large")  # PyTorch tells no other
        whole_or_absent(project, before)
    assert told
    assert not stopped(stage)
    assert contents(project) == before


@pytest.mark.parametrize("command", GIVEN)
def test_a_disk_that_is_full_leaves_no_half_of_what_is_given_away(command: str, project: Path) -> None:
    before = contents(project)
    for size in SIZES:
        with files_of_at_most(size):
            done = CliRunner().invoke(app, command.split())
        if done.exit_code:
            TRIED["full disk, commands of training"] += 1
            refused(str(getattr(done.exception, "code", done.exception)), "file too large")
            assert not Path("out").exists()
        else:
            taken_back()
        assert contents(project) == before
    assert CliRunner().invoke(app, command.split()).exit_code == 0


@pytest.mark.parametrize("step", [*ROAD, *GIVEN])
def test_a_full_file_system_stops_a_step_with_a_sentence(
    step: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path, "size=96m"):
        shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tmp").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        before = contents(tmp_path)
        for left in (0, 1, 3, 8, 30, 100):
            shutil.rmtree("data/cache", ignore_errors=True)
            with pages_left(tmp_path, left):
                said = stopped(step) if step in ROAD else ended(step)
            if said or not left:
                TRIED[f"full file system, {step if step in ROAD else 'commands of training'}"] += 1
                refused(said, "no space left on device")
                assert not Path("out").exists()
            else:
                taken_back()
            whole_or_absent(tmp_path, before)
            assert not [*Path("tmp").iterdir()]
        assert not (stopped(step) if step in ROAD else ended(step))
        taken_back()
        assert contents(tmp_path) == before
        monkeypatch.undo()


def taken_back() -> None:
    """What a command wrote that came to its end, of `publish` its line too."""
    shutil.rmtree("out", ignore_errors=True)
    VERSIONS.unlink(missing_ok=True)


def ended(command: str) -> str:
    """What a command says that stops; "" when it comes to its end."""
    done = CliRunner().invoke(app, command.split())
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return str(done.exception.code) if done.exception else ""


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
