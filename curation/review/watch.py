"""qirat review watch: pulls again and again, so that what people decide is in the files soon after.

An outage is told once, and asked about ever more seldom.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from curation.harness.errors import QiratError
from curation.review.pull import Pulled

LOCK = Path(".qirat/watch.lock")

_LONGEST_WAIT = 900.0  # seconds between attempts in an outage
_DOUBLINGS = 10  # of the time between them, more than enough to get there
_STOP_SECONDS = 30  # for `dvc repro` to end well


def watch(
    pull: Callable[[], Pulled],
    changed: Callable[[], None],
    every: float,
    say: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Pulls every so many seconds; `changed` follows when that brought new decisions.

    Until KeyboardInterrupt, at any moment: every file is written whole or not at all.
    """
    trouble, failures = "", 0
    while True:
        try:
            done = pull()
        except QiratError as error:
            failures += 1
            if str(error) != trouble:
                say(f"{error}; trying again until it works")
            trouble = str(error)
        else:
            if failures:
                say("it works again")
            trouble, failures = "", 0
            if done.answers or done.written:
                say(
                    f"{done.answers:,} new answers, {done.written:,} new decisions; {done.total:,} decisions in all, "
                    f"{len(done.consensus.disagreements):,} conversations undecided"
                )
            if done.written:
                changed()
        pause(min(every * 2 ** min(failures, _DOUBLINGS), max(every, _LONGEST_WAIT)))


@contextlib.contextmanager
def alone(path: Path = LOCK) -> Iterator[None]:
    """Holds the lock of this folder's only watcher; the system lets go of it however the watcher ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise QiratError(f"process {lock.read().strip()} watches this folder already; one is enough") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does; the end it brings is a good one."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def repro(say: Callable[[str], None]) -> None:
    """`dvc repro`, to its end or, when this process is told to stop, to a stop of its own."""
    say("running dvc repro")
    running = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], start_new_session=True)
    try:
        code = running.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGINT)
        try:
            running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
        raise
    if code:
        say(f"dvc repro ended with {code}; see above. It runs again after the next new decision")
