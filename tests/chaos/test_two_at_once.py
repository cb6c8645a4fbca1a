"""Two at once, of stages, of commands that change the same files, of both: one waits or refuses and names the other."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.fs import localfs
from dvc.rwlock import rwlock
from typer.testing import CliRunner

from curation.decisions import answers
from curation.decisions.forget import read_rules, rule, write_rules
from curation.harness import lock
from curation.harness.errors import QiratError
from qirat.cli import app
from tests.builders import ROOT
from tests.chaos.project import main_of, run, small, start, whole
from tests.e2e.project import environment

SLOW = """
stages:
  slow:
    cmd: touch begun; sleep 8
    deps: [data/forget.jsonl]
    outs: [begun]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return small(tmp_path)


@pytest.fixture
def under_dvc(project: Path) -> Path:
    (project / ".dvc/tmp").mkdir(parents=True)
    return project


def holding(of: str) -> "subprocess.Popen[str]":
    """Another process that holds a lock of ours until it is killed."""
    script = f"import time; from pathlib import Path; from curation.harness.lock import held\n{of}"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=-1, text=True, env=environment(ROOT))
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def other(project: Path) -> Iterator["subprocess.Popen[str]"]:
    where = [".qirat/dedup.lock", ".qirat/review.lock"]
    of = "".join(f"with held(Path({name!r}), ''):\n{' ' * n}" for n, name in enumerate(where, 1))
    with holding(f"{of}print('held', flush=True); time.sleep(60)") as process:
        yield process
        process.kill()


def test_a_second_run_of_a_stage_is_refused_with_the_number_of_the_first(other: "subprocess.Popen[str]") -> None:
    with pytest.raises(SystemExit, match=rf"dedup: .* as process {other.pid} is at it already; wait"):
        main_of("dedup")()


def test_a_lock_goes_with_the_process_that_held_it(other: "subprocess.Popen[str]") -> None:
    other.kill()
    other.wait()
    with pytest.raises(SystemExit, match=r"data/ingested/conversations\.parquet is missing"):
        main_of("dedup")()


@pytest.mark.parametrize("command", ["forget --source chat.jsonl --yes", "review gold add 0123 keep"])
def test_a_command_that_waited_in_vain_names_the_other(
    command: str, other: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.3)
    with pytest.raises(QiratError, match=rf"as process {other.pid} is changing data/review"), answers.alone():
        pass
    assert CliRunner().invoke(app, command.split()).exit_code


def test_a_command_waits_and_says_for_whom(other: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill {other.pid}"])
    with answers.alone():
        assert f"waiting: `-c` as process {other.pid} is changing data/review" in capsys.readouterr().err


def test_what_a_stage_reads_is_not_rewritten_meanwhile(under_dvc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.3)
    file = under_dvc / "data/forget.jsonl"
    before = file.read_bytes()
    with (
        rwlock(str(under_dvc / ".dvc/tmp"), localfs, "dvc repro", [str(file)], [], hardlink=False),
        pytest.raises(QiratError, match=rf"^data/forget.jsonl is in use by `dvc repro` as process {os.getpid()};"),
    ):
        write_rules([rule("licence", "gpl")])
    assert file.read_bytes() == before
    write_rules([rule("licence", "gpl")])
    assert read_rules()


@pytest.mark.parametrize("name", ["decisions.jsonl", "answers.jsonl", "gold.jsonl", "pairs.jsonl"])
def test_another_file_may_be_written_meanwhile(name: str, under_dvc: Path) -> None:
    file = under_dvc / "data/review" / name
    with rwlock(str(under_dvc / ".dvc/tmp"), localfs, "dvc repro", [str(file)], [], hardlink=False):
        write_rules([rule("licence", "gpl")])


@pytest.mark.parametrize("torn", ["", '{"write": {', "[]"])
def test_a_torn_lock_of_dvc_is_named(torn: str, under_dvc: Path) -> None:
    (under_dvc / ".dvc/tmp/rwlock").write_text(torn)
    with pytest.raises(QiratError, match="rwlock is torn; delete it"):
        write_rules([rule("licence", "gpl")])


@pytest.mark.skipif(not whole(), reason="`make chaos` waits for DVC")
def test_a_second_dvc_repro_is_refused_and_a_command_waits(project: Path) -> None:
    (project / "dvc.yaml").write_text(SLOW)
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        assert run(project, command)[0] == 0
    with start(project, ["dvc", "repro"]) as first:
        while not (project / "begun").exists():
            time.sleep(0.05)
        code, said = run(project, ["dvc", "repro"])
        assert code
        assert "dvc repro" in said and str(first.pid) in said
        assert "Traceback" not in said
        before = time.monotonic()
        write_rules([rule("licence", "gpl")])
        assert time.monotonic() - before > 1
    assert first.returncode == 0
    assert "Running stage 'slow'" in run(project, ["dvc", "repro"])[1]  # the rule came after what was made
