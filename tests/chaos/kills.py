"""Runs steps again and again, kills them at random moments, and says what is lost.

python -m tests.chaos.kills BEGIN WORK KILLS STEP ...

Most of a short run is imports: they are made once, before any table is read, and each run is a fork.
"""

import contextlib
import importlib
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

from tests.chaos.project import contents, steps

SEED = 15
AT_ONCE = 5  # kills between two runs to the end
TIMES = re.compile(r'"\d{4}-\d\d-\d\dT[^"]*"')  # when somebody answered


def main() -> None:
    begin, work, kills, *wanted = sys.argv[1:]
    print(json.dumps(lost(Path(begin), Path(work), int(kills), wanted)))


def lost(begin: Path, work: Path, kills: int, wanted: Sequence[str]) -> tuple[int, list[str]]:
    """How many runs were killed at their work, and the files that differ in the end from those of undisturbed runs."""
    draw = random.Random(SEED)
    undisturbed = copied(begin, work / "undisturbed")
    ended(undisturbed, wanted)
    for name in json.loads((undisturbed / "imported.json").read_text("utf-8")):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    seconds = ended(copied(begin, work / "timed"), wanted)
    right, at_work, differing = lies_there(undisturbed), 0, list[str]()
    while at_work < kills:
        root = copied(begin, work / f"killed{at_work}")
        for _ in range(AT_ONCE):
            at_work += killed(root, wanted, draw.uniform(0, seconds))
        ended(root, wanted)
        now = lies_there(root)
        differing += [name for name in sorted(right.keys() | now.keys()) if right.get(name) != now.get(name)]
        shutil.rmtree(root)
    return at_work, differing


def copied(begin: Path, root: Path) -> Path:
    shutil.copytree(begin, root)
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
        steps(wanted)
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
    """What `contents` has, the files of the review without the times in them."""
    found = contents(root)
    for path in (root / "data/review").glob("*.jsonl"):
        found[path.relative_to(root).as_posix()] = TIMES.sub('""', path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    main()
