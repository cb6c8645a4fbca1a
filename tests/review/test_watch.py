import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.consensus.consensus import Consensus
from curation.core.record.conversation import conversations, message
from curation.decisions.decisions import read_decisions
from curation.harness.errors import QiratError
from curation.review import watch
from curation.review.embedded import process
from curation.review.pairs import Judged
from curation.review.pull import Pulled
from tests.builders import save_codes

REPOSITORY = Path(__file__).parents[2]

NOTHING, NEW = (Pulled(n, n, n, Consensus([], [], [], pl.DataFrame())) for n in (0, 1))
NO_PAIRS, PAIRS = Judged(0, 0, 2, 0), Judged(5, 3, 5, 0)


def told(*pulls: Pulled | str, waits: list[float] | None = None) -> tuple[list[str], int]:
    """What a watcher says of these pulls, errors by their sentence, before somebody stops it; and changes it saw.

    `waits` gets the seconds that it would have waited after each.
    """
    said: list[str] = []
    changes: list[None] = []
    script = iter(pulls)

    def pull() -> Pulled:
        step = next(script, None)
        if step is None:
            raise KeyboardInterrupt
        if isinstance(step, str):
            raise QiratError(step)
        return step

    with watch.interrupted_by_signals():
        pause = [].append if waits is None else waits.append
        watch.watch([pull, lambda: NO_PAIRS], lambda: changes.append(None), 60.0, said.append, pause)
    return said, len(changes)


def test_an_outage_is_told_once_and_its_end_too() -> None:
    said, changes = told("no Argilla", "no Argilla", "no Argilla", NOTHING, NEW, NOTHING)
    assert said[:2] == ["no Argilla; trying again until it works", "it works again"]
    assert said[2].startswith("1 new answers, 1 new decisions")
    assert (len(said), changes) == (3, 1)


def test_an_answer_that_cannot_be_taken_is_told_once_and_stops_nobody() -> None:
    by_hand = replace(NOTHING, unreadable=("record 7: made by hand",))
    said, changes = told(by_hand, replace(NEW, unreadable=by_hand.unreadable), by_hand)
    assert said == ["not taken: record 7: made by hand", said[1]] and said[1].startswith("1 new answers")
    assert changes == 1


def test_an_outage_of_weeks_is_waited_out() -> None:
    assert told(*["no Argilla"] * 2000, NOTHING)[0][-1] == "it works again"


def test_an_outage_is_asked_about_ever_more_seldom() -> None:
    waits: list[float] = []
    told(NOTHING, *["no Argilla"] * 5, NOTHING, waits=waits)
    assert waits == [60, 120, 240, 480, 900, 900, 60]


def test_another_trouble_is_told_and_the_same_one_later_again() -> None:
    said, _ = told("a", "b", NOTHING, "a")
    assert [line[0] for line in said] == ["a", "b", "i", "a"]


def test_a_pull_that_brings_nothing_is_not_told_and_changes_nothing() -> None:
    assert told(NOTHING, NOTHING) == ([], 0)


def test_what_people_say_of_pairs_is_brought_too_and_neither_waits_for_the_other() -> None:
    said: list[str] = []
    changes: list[None] = []
    rounds = iter([(NOTHING, PAIRS), (NEW, "no splits"), ("no queue", PAIRS), (NOTHING, NO_PAIRS)])
    step: list[Any] = []

    def pull(place: int) -> Any:
        if not place:
            step[:] = next(rounds, [None])
        if step[place] is None:
            raise KeyboardInterrupt
        if isinstance(step[place], str):
            raise QiratError(step[place])
        return step[place]

    with watch.interrupted_by_signals():
        watch.watch([lambda: pull(0), lambda: pull(1)], lambda: changes.append(None), 1.0, said.append, [].append)
    assert said[0] == "3 new answers on pairs; 5 in all"
    assert said[1].startswith("no splits; ") and said[2].startswith("1 new answers, 1 new decisions")
    assert said[3].startswith("no queue; ") and said[4:] == [said[0], "it works again"]
    assert len(changes) == 3


def test_one_watcher_a_folder_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / "watch.lock"
    hold = "import sys, time; from pathlib import Path; from curation.review.watch import alone\n"
    hold += f"with alone(Path({str(lock)!r})): print('held', flush=True); time.sleep(60)"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout and other.stdout.readline() == b"held\n"
        with pytest.raises(QiratError, match=f"process {other.pid} watches"), watch.alone(lock):
            pass
        other.kill()
    with watch.alone(lock):
        assert f"process {os.getpid()}" in lock.read_text()


def test_a_watcher_that_is_told_to_stop_lets_dvc_stop_well(tmp_path: Path) -> None:
    (tmp_path / "dvc.py").write_text(  # `python -m dvc` finds it before the real one
        "import time\ntry:\n    print('runs', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    open('tidied', 'w').close()\n    raise SystemExit(1)\n"
    )
    script = "from curation.review.watch import *\nwith interrupted_by_signals():\n    repro(print)\nprint('ended')"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as watcher:
        assert watcher.stdout
        while watcher.stdout.readline() != b"runs\n":
            pass
        watcher.send_signal(signal.SIGTERM)
        assert watcher.stdout.read().endswith(b"ended\n")
    assert watcher.returncode == 0
    assert (tmp_path / "tidied").exists()


def test_a_dvc_that_fails_is_told_and_the_watch_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.py").write_text("raise SystemExit(255)")
    said: list[str] = []
    watch.repro(said.append)
    assert "ended with 255" in said[-1]


class Watched:
    """A project with the embedded server and a watcher, all run as a user runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        for name in ("QIRAT_ARGILLA_URL", "QIRAT_ARGILLA_API_KEY"):
            self.environment.pop(name, None)

    def command(self, *arguments: str) -> dict[str, Any]:
        return {
            "args": [sys.executable, "-m", "curation.review.commands", *arguments],
            "cwd": self.folder,
            "env": self.environment,
        }

    def review(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(**self.command(*arguments), capture_output=True, text=True, check=False)

    def api(self, method: str, place: str, body: Any = None) -> Any:
        home = self.folder / process.HOME
        headers = {"X-Argilla-Api-Key": process.credentials(home)["api_key"], "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body is not None else None
        url = f"{(home / 'url').read_text()}/api/v1/{place}"
        with urllib.request.urlopen(urllib.request.Request(url, content, headers, method=method)) as answer:
            return json.loads(answer.read() or "null")

    def answer(self, **values: str) -> str:
        """Answers the first record that nobody has answered; returns its conversation."""
        (dataset,) = self.api("GET", "me/datasets")["items"]
        items = self.api("GET", f"datasets/{dataset['id']}/records?include=responses")["items"]
        record = next(item for item in items if not item["responses"])
        body = {"status": "submitted", "values": {name: {"value": value} for name, value in values.items()}}
        self.api("POST", f"records/{record['id']}/responses", body)
        return str(record["external_id"])

    def decided(self) -> dict[str, str]:
        path = self.folder / "data/review/decisions.jsonl"
        return {d.conversation_id: d.decision for d in read_decisions(path)} if path.exists() else {}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    rows = [
        {"row_id": f"f:{n}", "messages": [message("user", f"Where is {n}?"), message("assistant", "On its way.")]}
        for n in range(3)
    ]
    table = conversations([{**row, "language": "en", "source": "t"} for row in rows])
    ids = table.select("conversation_id")
    queue = ids.with_columns(
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        priority=0.5,
        reason=pl.lit("doubt"),
        codes=pl.lit(["rude"]),
        evidence=pl.lit(["rude: damn"]),
        verdict=pl.lit("review"),
        group="conversation_id",
    )
    nothing = pl.Series([], dtype=pl.Array(pl.Float32, 4))
    tables = {
        "ingested/conversations": table,
        "routed/queue": queue,
        "routed/verdicts": queue.select("conversation_id", "verdict", "codes", "priority"),
        "scored/findings": ids.with_columns(code=pl.lit("rude"), value=1.0, turn=pl.lit(1, pl.Int64)),
        "embedded/vectors": pl.DataFrame({"conversation_id": [], "vector": nothing, "reply": nothing}),
    }
    for place, content in tables.items():
        path = tmp_path / "data" / f"{place}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        content.write_parquet(path)
    save_codes(tmp_path)
    project = Watched(tmp_path)
    try:
        for step in (("serve", "--background", "--port", "0"), ("push",)):
            done = project.review(*step)
            assert done.returncode == 0, done.stderr
        yield project
    finally:
        project.review("stop")


def test_an_answer_is_in_the_files_within_seconds_and_the_watcher_ends_well(watched: Watched) -> None:
    command = watched.command("watch", "--every", "1")
    with (watched.folder / "said").open("w+") as said, subprocess.Popen(**command, stderr=said) as watcher:
        try:
            _until(lambda: "pulling every" in _text(said))
            _until(lambda: (watched.folder / "metrics/review.json").exists())  # the first pull is over

            first = watched.answer(decision="drop")
            _until(lambda: watched.decided() == {first: "drop"})
            second = watched.answer(decision="keep")
            _until(lambda: watched.decided() == {first: "drop", second: "keep"})

            refused = watched.review("watch")
            assert refused.returncode == 1 and "one is enough" in refused.stderr
        finally:
            watcher.send_signal(signal.SIGTERM)
            watcher.wait(30)
        assert watcher.returncode == 0
        assert _text(said).endswith("watch: stopped\n")
    assert not [*watched.folder.rglob("*.partial")]


def _text(file: Any) -> str:
    return Path(file.name).read_text("utf-8")


def _until(true: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
