"""Waits for the end of the process that started Ray, then ends what Ray forgets and removes its folder.

    python ray_caretaker.py FOLDER < a pipe that the process holds open

What Ray started ends with it, but for two agents that go on for a minute or more.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

ROUNDS, PAUSE = 20, 0.25  # seconds; what is about to end may still write


def main() -> None:
    """Returns when nothing is left."""
    folder, started_by = Path(sys.argv[1]), os.getppid()
    sys.stdin.read()
    for _ in range(ROUNDS):
        using = [process for process in users(folder) if process != started_by]  # it may just be ending
        for process in using:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        if not using and not folder.exists():
            return
        time.sleep(PAUSE)


def users(folder: Path) -> list[int]:
    """The processes that have a file of the folder open; where the system has no /proc it tells of none."""
    return [int(process.name) for process in Path("/proc").glob("[1-9]*") if _uses(process / "fd", folder)]


def _uses(opened: Path, folder: Path) -> bool:
    """Whether one of the links of a folder of open files leads into the folder."""
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        return any(folder in link.readlink().parents for link in opened.iterdir())
    return False


if __name__ == "__main__":
    main()
