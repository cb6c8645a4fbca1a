"""Killed at random moments and run again: the same bytes as if nothing had happened."""

import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.chaos.project import ROAD, TRIED, contents, run, small, start, walk, whole

SEED = 15
AT_ONCE = 5  # kills between two runs to the end
FILLED = "filled.jsonl"
COMMANDS = (
    "qirat forget --customer c3 --yes",
    "qirat review gold add {0} keep",
    "qirat review gold add {1} drop --reason wrong_tone",
    f"qirat review import {FILLED} --annotator sara",
    "qirat review apply {2} --min-similarity 0.1 --yes",
    "qirat playbook propose",
)
TIMES = re.compile(r'"\d{4}-\d\d-\d\dT[^"]*"')  # when somebody answered; the file that is read again is older
WAYS = {"road": (ROAD, 40), "what changed": (ROAD, 30), "commands": (COMMANDS, 30)}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has not run."""
    return small(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def finished(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run, and of which a colleague filled in a sheet."""
    root = tmp_path_factory.mktemp("finished")
    shutil.copytree(raw, root, dirs_exist_ok=True)
    ended_well(root, walk(*ROAD, f"qirat review export {FILLED}"))
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


def ended_well(root: Path, command: Sequence[str]) -> float:
    """Runs a command of `walk` to its end and returns the seconds it took after its imports."""
    with start(root, command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        begun = time.monotonic()
        said = process.stdout.read()
    assert process.returncode == 0, said
    return time.monotonic() - begun


def killed(root: Path, command: Sequence[str], after: float) -> bool:
    """Begins a command and kills it so many seconds after its imports; whether it was still at it."""
    with start(root, command, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        time.sleep(after)
        at_it = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    return at_it


def lies_there(root: Path) -> dict[str, str]:
    """What `contents` has, the files of the review without the times in them; and nothing half written."""
    found = contents(root)
    for path in (root / "data/review").glob("*.jsonl"):
        found[path.relative_to(root).as_posix()] = TIMES.sub('""', path.read_text("utf-8"))
    return found


def lost(begin: Path, work: Path, steps: Sequence[str], kills: int, draw: random.Random) -> list[str]:
    """Kills so often, at moments drawn evenly, and returns what differs in the end from an undisturbed run."""
    undisturbed = work / "undisturbed"
    shutil.copytree(begin, undisturbed)
    seconds = ended_well(undisturbed, walk(*steps))
    wanted, differing = lies_there(undisturbed), []
    for first in range(0, kills, AT_ONCE):
        root = work / f"killed{first}"
        shutil.copytree(begin, root)
        for _ in range(min(AT_ONCE, kills - first)):
            TRIED["kills"] += killed(root, walk(*steps), draw.uniform(0, seconds))
        ended_well(root, walk(*steps))
        now = lies_there(root)
        differing += [name for name in sorted(wanted.keys() | now.keys()) if wanted.get(name) != now.get(name)]
        shutil.rmtree(root)
    return differing


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(raw: Path, tmp_path: Path) -> None:
    assert not lost(raw, tmp_path, ("ingest", "dedup"), 2, random.Random(SEED))


@pytest.mark.skipif(not whole(), reason="`make chaos` kills a hundred times")
@pytest.mark.parametrize("way", WAYS)
def test_a_hundred_kills_lose_nothing(way: str, raw: Path, finished: Path, tmp_path: Path) -> None:
    steps, kills = WAYS[way]
    begin = raw if way == "road" else finished
    if way == "what changed":  # a file more, and one that is read otherwise
        begin = tmp_path / "changed"
        shutil.copytree(finished, begin)
        shutil.copy(begin / "data/raw/chat.jsonl", begin / "data/raw/again.jsonl")
        (begin / "data/raw/chat.jsonl").write_text((begin / "data/evaluation/asked.jsonl").read_text("utf-8"), "utf-8")
    decided, *others = doubts(finished)
    steps = [step.format(*others[-2:], decided) for step in steps]
    assert not lost(begin, tmp_path, steps, kills, random.Random(SEED))


def test_what_a_killed_run_left_is_taken_away(raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path, dirs_exist_ok=True)
    stale = tmp_path / "data/dedup/.pairs.parquet.0123abcd.partial"
    stale.parent.mkdir()
    stale.write_bytes(b"PAR1")
    assert run(tmp_path, walk("ingest", "dedup"))[0] == 0
    assert not stale.exists()
