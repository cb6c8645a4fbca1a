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

PATIENCE = 60.0  # seconds that a command waits for another process before it names it and refuses
_LOOK = 0.1  # seconds between two looks whether it has ended


@contextlib.contextmanager
def held(lock: Path, busy: str, waits: bool = False) -> Iterator[None]:
    """Holds a lock of this folder, in which its holder is named; the system lets go of it however the holder ends.

    Where another holds it QiratError says `busy`, which names it in place of {holder}; who `waits` says so on the
    terminal, and is patient first.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+b", buffering=0) as file:
        for told in _attempts(PATIENCE if waits else 0):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                told(busy.format(holder=file.read().decode().strip() or "another process"))
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
            file.truncate(0)
            file.write(f"`{command()}` as process {os.getpid()}\n".encode())
        yield


@contextlib.contextmanager
def unread(path: Path) -> Iterator[None]:
    """Keeps DVC's stages from a file while it is written.

    DVC hashes what a stage depends on when the stage has ended: what it made of the old file would count as made of
    the new one. Waits for a stage that reads the file, as `held` does. Outside a DVC project nothing happens.
    """
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), None)
    if root is None:
        yield
        return
    from dvc.fs import localfs
    from dvc.lock import LockError
    from dvc.rwlock import RWLockFileCorruptedError, RWLockFileFormatError, rwlock

    folder = root / ".dvc/tmp"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        for told in _attempts(PATIENCE):
            try:
                stack.enter_context(rwlock(str(folder), localfs, command(), [], [str(path.absolute())], hardlink=False))
                break
            except LockError as error:
                at_work = re.search(r"\(PID (\d+)\): (.*)", str(error))
                holder = f"`{at_work[2]}` as process {at_work[1]}" if at_work else "another run of DVC"
                told(f"{path} is in use by {holder}; run this again when that has ended")
            except (RWLockFileCorruptedError, RWLockFileFormatError):
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
