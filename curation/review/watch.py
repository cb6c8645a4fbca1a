"""qirat review watch: pulls again and again, so that what people decide, and say of pairs, is in the files soon after.

An outage is told once, and asked about ever more seldom.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from curation.harness.errors import QiratError
from curation.harness.lock import held
from curation.review.pairs import Judged
from curation.review.pull import Pulled

LOCK = Path(".qirat/watch.lock")

_LONGEST_WAIT = 900.0  # seconds between attempts in an outage
_DOUBLINGS = 10  # of the time between them, more than enough to get there
_STOP_SECONDS = 30  # for `dvc repro` to end well


def watch(
    pulls: Sequence[Callable[[], Pulled | Judged]],
    changed: Callable[[], None],
    every: float,
    say: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Pulls every so many seconds; `changed` follows when that brought new decisions, or new words on pairs.

    Where one pull fails the others count all the same. Until KeyboardInterrupt, at any moment: every file is written
    whole or not at all.
    """
    trouble, failures = "", 0
    known = set[str]()  # answers that cannot be taken, each told once
    while True:
        found, errors = list[Pulled | Judged](), dict[str, None]()  # each error once
        for pull in pulls:
            try:
                found.append(pull())
            except QiratError as error:
                errors[str(error)] = None
        before, trouble, failures = trouble, "; ".join(errors), failures + 1 if errors else 0
        if trouble and trouble != before:
            say(f"{trouble}; trying again until it works")
        if before and not trouble:
            say("it works again")
        for line in _lines(found, known):
            say(line)
        if any(done.new if isinstance(done, Judged) else done.written for done in found):
            changed()
        pause(min(every * 2 ** min(failures, _DOUBLINGS), max(every, _LONGEST_WAIT)))


def _lines(found: Sequence[Pulled | Judged], known: set[str]) -> list[str]:
    """What pulls brought, and what could not be taken and is not `known` from before; then it is."""
    untaken = [fault for done in found for fault in done.unreadable if fault not in known]
    known.update(untaken)
    return [*filter(None, map(_told, found)), *(f"not taken: {fault}" for fault in untaken)]


def _told(done: Pulled | Judged) -> str:
    """What a pull brought; empty where that is nothing."""
    if isinstance(done, Judged):
        return f"{done.new:,} new answers on pairs; {done.total:,} in all" if done.new else ""
    if not (done.answers or done.written):
        return ""
    return (
        f"{done.answers:,} new answers, {done.written:,} new decisions; {done.total:,} decisions in all, "
        f"{len(done.consensus.disagreements):,} conversations undecided"
        + (f", {len(done.again):,} asked again" if done.again else "")
    )


@contextlib.contextmanager
def alone(path: Path = LOCK) -> Iterator[None]:
    """Holds the lock of this folder's only watcher; the system lets go of it however the watcher ends."""
    with held(path, "{holder} watches this folder already; one is enough"):
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
