"""Runs steps again and again, kills them at random moments, and says what is lost.

python -m tests.chaos.kills BEGIN WORK KILLS STEP ... [-- STEP ...]

What stands after each -- is run when all before it has come to its end. Most of a short run is imports: they are made
once, before any table is read, and each run is a fork.
"""

import contextlib
import importlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import reviewing
from tests.chaos.project import contents, set_params, steps

SEED = 15
AT_ONCE = 5  # kills between two runs to the end
TIMES = re.compile(r'"\d{4}-\d\d-\d\dT[^"]*"')  # when somebody answered
SPEEDS = re.compile(r'"(annotator_\w+_)?(minutes|per_hour)": [\d.]+')  # how fast somebody answered
DRAWN = "data/review/project.jsonl"  # a name that no two projects have


def main() -> None:
    begin, work, kills, *wanted = sys.argv[1:]
    parts = [tuple(part) for last, part in itertools.groupby(wanted, lambda word: word == "--") if not last]
    if reviewing.is_served():
        reviewing.many_requests()
    print(json.dumps(lost(Path(begin), Path(work), int(kills), parts)))


def lost(begin: Path, work: Path, kills: int, parts: Sequence[Sequence[str]]) -> tuple[int, list[str]]:
    """How many runs were killed at their work, and the files that differ in the end from those of undisturbed runs."""
    draw = random.Random(SEED)
    undisturbed = copied(begin, work / "undisturbed")
    for part in parts:
        ended(undisturbed, part)
        for name in json.loads((undisturbed / "imported.json").read_text("utf-8")):
            with contextlib.suppress(Exception):
                if name.partition(".")[0] != "ray":  # it reads its settings when it is imported
                    importlib.import_module(name)
    refuse_to_fork_polars()
    timed = copied(begin, work / "timed")
    seconds = [ended(timed, part) for part in parts]
    right, at_work, differing = lies_there(undisturbed), 0, list[str]()
    while at_work < kills:
        root = copied(begin, work / f"killed{at_work}")
        for part, time_of_it in zip(parts, seconds, strict=True):
            for _ in range(min(AT_ONCE, kills) if part != reviewing.PEOPLE else 0):
                at_work += killed(root, part, draw.uniform(0, time_of_it))
            ended(root, part)
        now = lies_there(root)
        differing += [name for name in sorted(right.keys() | now.keys()) if right.get(name) != now.get(name)]
        shutil.rmtree(root)
    return at_work, differing


def refuse_to_fork_polars() -> None:
    """Raises AssertionError where a module had Polars at work as it was imported: a fork waits for its threads."""
    threads = [path.read_text("utf-8").strip() for path in Path("/proc/self/task").glob("*/comm")]
    assert not any(name.startswith("async-executor") for name in threads), threads


def copied(begin: Path, root: Path) -> Path:
    """The project at another place, on a server of reviews with a workspace of its own."""
    shutil.copytree(begin, root)
    set_params(root, {"review": {"workspace": root.name}})
    return root


def forked(root: Path, wanted: Sequence[str]) -> int:
    """A process of its own that goes through the steps in the project."""
    if child := os.fork():
        return child
    with (root / "said.txt").open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.chdir(root)
    try:
        reviewing.people() if wanted == reviewing.PEOPLE else steps(wanted)
        (root / "imported.json").write_text(json.dumps(sorted(sys.modules)), "utf-8")
        os._exit(0)
    except BaseException as error:
        print(error, file=sys.stderr)
        os._exit(1)


def ended(root: Path, wanted: Sequence[str]) -> float:
    """The seconds that an undisturbed run takes."""
    begun = time.monotonic()
    _, status = os.waitpid(forked(root, wanted), 0)
    if status:
        raise AssertionError((root / "said.txt").read_text("utf-8"))
    return time.monotonic() - begun


def killed(root: Path, wanted: Sequence[str], after: float) -> bool:
    """Kills a run so many seconds after its begin; whether it was still at work."""
    child = forked(root, wanted)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)  # not waited for yet, so it is there, if only as a zombie
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def lies_there(root: Path) -> dict[str, str]:
    """What `contents` has, the files of the review without the times in them, and what Argilla holds of it."""
    found = contents(root)
    for path in [*(root / "data/review").glob("*.jsonl"), *(root / "metrics").glob("review.json")]:
        found[path.relative_to(root).as_posix()] = SPEEDS.sub("", TIMES.sub('""', path.read_text("utf-8")))
    found.pop(DRAWN, None)
    return found | (reviewing.held(root.name) if reviewing.is_served() else {})


if __name__ == "__main__":
    main()
