"""Killed at random moments and run again: the same bytes as if nothing had happened."""

import contextlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from curation.harness.ray_backend import OURS, SHORT
from curation.harness.ray_caretaker import users
from tests.builders import ROOT
from tests.chaos.project import (
    ROAD,
    SPREAD,
    TRIED,
    contents,
    main_of,
    run,
    set_params,
    small,
    start,
    trainable,
    walk,
    whole,
)
from tests.chaos.reviewing import ANSWERED, PEOPLE
from tests.review.server.argilla import api_of, served

FILLED = "filled.jsonl"
COMMANDS = (
    "qirat forget --customer c3 --yes",
    "qirat review gold add {0} keep",
    "qirat review gold add {1} drop --reason wrong_tone",
    f"qirat review import {FILLED} --annotator sara",
    "qirat review apply {2} --min-similarity 0.1 --yes",
    f"qirat review import {FILLED} --annotator sara",  # the metrics of the review by what was applied too
    "qirat playbook propose",
)
SPREADING = ROAD[: ROAD.index("validate")]  # behind it there is one process
WAYS = {"road": (ROAD, 15), "what changed": (ROAD, 15), "commands": (COMMANDS, 20)}
TRAINING = (("tokenize", "gate"), ("baseline",), ("train", "strength"), ("evaluate", "report"))
REVIEW = (  # each is killed, and ended, before the next one begins
    ("qirat review push",),
    PEOPLE,
    ("qirat review pull",),
    ("qirat review apply {0} --min-similarity 0.1 --yes",),
    ("qirat review push",),
    ("qirat forget --customer c3 --yes",),
    ("ingest", "dedup"),
    ("qirat review push", "qirat review pull"),
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has not run."""
    return small(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def finished(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run, and of which a colleague filled in a sheet."""
    root = tmp_path_factory.mktemp("finished")
    shutil.copytree(raw, root, dirs_exist_ok=True)
    code, said = run(root, walk(*ROAD, f"qirat review export {FILLED}"))
    assert code == 0, said
    rows = [json.loads(line) for line in (root / FILLED).read_text("utf-8").splitlines()]
    doubtful = doubts(root)[0]
    for row in rows:
        row["decision"] = "keep" if row["id"].startswith(doubtful) else ""
    (root / FILLED).write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")
    return root


def doubts(root: Path) -> list[str]:
    """The ids of doubtful conversations of which none is of the customer who is forgotten."""
    queue = pl.read_parquet(root / "data/routed/queue.parquet").filter(reason="doubt")
    theirs = pl.read_parquet(root / "data/ingested/conversations.parquet").filter(customer="c3")
    found: list[str] = queue.join(theirs, on="conversation_id", how="anti")["conversation_id"].to_list()
    return found


def kill(what: str, begin: Path, work: Path, kills: int, *parts: Sequence[str]) -> None:
    """Nothing is lost by so many kills of steps; of each part what was killed in the part before it has ended."""
    words = [word for part in parts for word in ("--", *part)]
    code, said = run(ROOT, [sys.executable, "-m", "tests.chaos.kills", str(begin), str(work), str(kills), *words])
    assert code == 0, said
    at_work, differing = json.loads(said.splitlines()[-1])
    TRIED[f"kills, {what}"] += at_work
    assert at_work >= kills
    assert not differing


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    kill("ingest, dedup", small(tmp_path / "raw"), tmp_path / "work", 3, ("ingest", "dedup"))


@pytest.mark.skipif(not whole(), reason="`make chaos` kills a hundred times")
@pytest.mark.parametrize("way", WAYS)
def test_kills_lose_nothing(way: str, raw: Path, finished: Path, tmp_path: Path) -> None:
    steps, kills = WAYS[way]
    begin = raw if way == "road" else finished
    if way == "what changed":  # a file more, and one that is read otherwise
        begin = tmp_path / "changed"
        shutil.copytree(finished, begin)
        shutil.copy(begin / "data/raw/chat.jsonl", begin / "data/raw/again.jsonl")
        shutil.copy(begin / "data/evaluation/asked.jsonl", begin / "data/raw/chat.jsonl")
    decided, *others = doubts(finished)
    kill(way, begin, tmp_path, kills, [step.format(*others[-2:], decided) for step in steps])


@pytest.mark.skipif(not whole(), reason="`make chaos` trains")
def test_kills_of_what_trains_and_judges_lose_nothing(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    begin.mkdir()
    code, said = run(trainable(begin), walk(*ROAD))
    assert code == 0, said
    kill("tokenize to report", begin, tmp_path, 35, *TRAINING)


@pytest.mark.skipif(not whole(), reason="`make chaos` starts Argilla")
def test_kills_beside_argilla_lose_nothing_and_double_nothing(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = tmp_path / "begin"
    shutil.copytree(finished, begin)
    decided = doubts(finished)[:4]
    (begin / ANSWERED).write_text(json.dumps(decided), "utf-8")
    with served(tmp_path / "home") as home:
        api = api_of(home)
        monkeypatch.setenv("QIRAT_ARGILLA_URL", api.url)
        monkeypatch.setenv("QIRAT_ARGILLA_API_KEY", api.key)
        parts = [[step.format(*decided) for step in part] for part in REVIEW]
        kill("push, pull, apply, forget", begin, tmp_path, 40, *parts)


def test_a_stage_that_is_killed_leaves_nothing_of_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither processes nor parts of conversations; and the next run ends as if nothing had been."""
    roots = [small(tmp_path / name) for name in ("here", "there") if not (tmp_path / name).mkdir()]
    set_params(roots[1], {"machine": {"engine": "ray", "workers": 2}})
    with monkeypatch.context() as patch:
        patch.setenv(SPREAD, "1")
        process = start(roots[1], walk("ingest", "dedup"))
    with process:
        folders = Path("/tmp").glob
        while process.poll() is None and not [*folders(f"qirat-ray-{process.pid}-*/ray/session_*/sockets/raylet*")]:
            time.sleep(0.02)
        (folder,) = folders(f"qirat-ray-{process.pid}-*")
        process.kill()
        assert process.wait() == -signal.SIGKILL
    TRIED["kills, stage that has Ray"] += 1
    eventually(lambda: not folder.exists() and not users(folder))
    for root in roots:
        code, said = run(root, walk("ingest", "dedup"))
        assert code == 0, said
    assert contents(roots[0]) == contents(roots[1])


@pytest.mark.skipif(not whole(), reason="`make chaos` starts processes again and again")
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_kills_of_stages_that_have_more_processes_lose_nothing_and_leave_nothing(
    engine: str, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, temporary = tmp_path / "begin", tmp_path / "temporary"
    shutil.copytree(raw, begin)
    temporary.mkdir()
    monkeypatch.setenv(SPREAD, str(tmp_path))  # a mark of these processes, too
    monkeypatch.setenv("TMPDIR", str(temporary))
    set_params(begin, {"machine": {"engine": engine, "workers": 2}})
    kill(f"processes, {engine}", begin, tmp_path, 10, SPREADING)
    eventually(lambda: not marked(str(tmp_path)))
    eventually(lambda: not [*temporary.iterdir(), *abandoned()])


def marked(value: str) -> list[int]:
    """The processes in whose environment the value stands; none where the system has no /proc."""
    return [int(process.name) for process in Path("/proc").glob("[1-9]*") if value in _environment(process)]


def _environment(process: Path) -> str:
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        return (process / "environ").read_text("utf-8", "replace")
    return ""


def abandoned() -> list[Path]:
    """Folders of Ray whose stage is gone."""
    return [path for path in SHORT.glob(f"{OURS}*") if not Path("/proc", path.name.split("-")[2]).exists()]


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for it, however busy the machine is."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_what_a_killed_run_left_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small(tmp_path))
    stale = Path("data/ingested/.conversations.parquet.0123abcd.partial")
    stale.parent.mkdir()
    stale.write_bytes(b"PAR1")
    main_of("ingest")()
    assert not stale.exists()
