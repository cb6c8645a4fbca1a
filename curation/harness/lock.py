"""One at a time: locks that name who holds them, and DVC's own lock on files that commands of ours write."""

import contextlib
import fcntl
import itertools
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from curation.harness.errors import QiratError

PATIENCE = 60.0  # seconds to wait for another process before it is named and the command refuses
_LOOK = 0.1  # seconds between two looks whether it has ended


@contextlib.contextmanager
def held(lock: Path, busy: str, patience: float = 0) -> Iterator[None]:
    """Holds a lock of this folder, in which its holder is named; the system lets go of it however the holder ends.

    Another holder is waited for so many seconds, which is said on the terminal. Then QiratError says `busy`, which
    names it in place of {holder}.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        for told in _attempts(patience):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                told(busy.format(holder=file.read().strip() or "another process"))
        file.truncate(0)
        file.write(f"`{command()}` as process {os.getpid()}\n")
        file.flush()
        yield


@contextlib.contextmanager
def unread(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Keeps DVC's stages from a file while it is written.

    DVC hashes what a stage depends on when the stage has ended: what it made of the old file would count as made of
    the new one. Waits for a stage that reads the file as `held` does. Outside a DVC project nothing happens.
    """
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), None)
    if root is None:
        yield
        return
    from dvc.fs import localfs
    from dvc.lock import LockError
    from dvc.rwlock import RWLockFileCorruptedError, rwlock

    folder = root / ".dvc/tmp"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        for told in _attempts(patience):
            try:
                stack.enter_context(rwlock(str(folder), localfs, command(), [], [str(path.absolute())], hardlink=False))
                break
            except LockError as error:
                at_work = re.search(r"\(PID (\d+)\): (.*)", str(error))
                holder = f"`{at_work[2]}` as process {at_work[1]}" if at_work else "another run of DVC"
                told(f"{path} is in use by {holder}; run this again when that has ended")
            except RWLockFileCorruptedError:
                raise QiratError(f"{folder / 'rwlock'} is torn; delete it when no `dvc` runs") from None
        yield


def command() -> str:
    """This process as a person would call it, without what may name a customer: `qirat review pull`."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.stem == "__main__" else program.stem
    words = itertools.takewhile(lambda word: re.fullmatch("[a-z]+", word), sys.argv[1:3])
    return " ".join([name, *words])


class _Waiting:
    """Says once for what it waits, and raises it as an error when it has waited long enough."""

    def __init__(self, patience: float) -> None:
        self._until = time.monotonic() + patience
        self._told = False

    def __call__(self, trouble: str) -> None:
        if time.monotonic() >= self._until:
            raise QiratError(trouble)
        if not self._told:
            print(f"waiting: {trouble}", file=sys.stderr, flush=True)
        self._told = True
        time.sleep(_LOOK)


def _attempts(patience: float) -> Iterator[_Waiting]:
    return itertools.repeat(_Waiting(patience))
