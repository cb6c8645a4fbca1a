"""qirat review watch: pulls again and again, so that what people decide is in the files soon after.

The schedule is what counts. A webhook of Argilla may wake the watcher early: its call is believed only when its
signature is right, and even then says no more than "look". An outage is told once, and asked about ever more seldom.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation.harness.errors import QiratError
from curation.review.embedded.process import Address
from curation.review.pull import Pulled

LOCK = Path(".qirat/watch.lock")
EVENTS = ("response.created", "response.updated")
SECRET = "QIRAT_WEBHOOK_SECRET"  # of a webhook that somebody else made in Argilla

_SETTLE = 1.0  # seconds without a call after which a burst of answers is taken to be over
_LONGEST_BURST = 5.0  # seconds
_LONGEST_WAIT = 900.0  # seconds between attempts in an outage
_DOUBLINGS = 10  # of the time between them, more than enough to get there
_STOP_SECONDS = 30  # for `dvc repro` to end well
_LARGEST_CALL = 16 * 2**20  # bytes; a call carries the record and all its answers


@dataclass(frozen=True)
class Watcher:
    """What to do and how often. `pull` asks Argilla; `changed` follows when that brought new decisions."""

    pull: Callable[[], Pulled]
    changed: Callable[[], None]
    every: float  # seconds
    called: threading.Event
    say: Callable[[str], None]

    def run(self) -> None:
        """Until KeyboardInterrupt, at any moment: every file is written whole or not at all."""
        trouble, failures = "", 0
        while True:
            self.called.clear()  # a call during the pull may be about what the pull did not see
            try:
                done = self.pull()
            except QiratError as error:
                failures += 1
                if str(error) != trouble:
                    self.say(f"{error}; trying again until it works")
                trouble = str(error)
            else:
                if failures:
                    self.say("it works again")
                trouble, failures = "", 0
                self._tell(done)
            self._wait(min(self.every * 2 ** min(failures, _DOUBLINGS), max(self.every, _LONGEST_WAIT)))

    def _tell(self, done: Pulled) -> None:
        if done.answers or done.written:
            self.say(
                f"{done.answers:,} new answers, {done.written:,} new decisions; {done.total:,} decisions in all, "
                f"{len(done.consensus.disagreements):,} conversations undecided"
            )
        if done.written:
            self.changed()

    def _wait(self, seconds: float) -> None:
        """Until the time is over or, when somebody answers, until a burst of answers is."""
        if self.called.wait(seconds):
            burst_ends = time.monotonic() + _LONGEST_BURST
            while self.called.is_set() and time.monotonic() < burst_ends:
                self.called.clear()
                time.sleep(_SETTLE)


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


# -- being called ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def webhook(port: int, address: Address, called: threading.Event) -> Iterator[int]:
    """Listens on this machine, and has Argilla call here when somebody answers; yields the port.

    An Argilla on another machine cannot call 127.0.0.1: whoever forwards its calls makes the webhook there and gives
    its secret here, in the environment.
    """
    secret = os.environ.get(SECRET, "")
    local = urlsplit(address.url).hostname in ("127.0.0.1", "localhost", "::1")
    if not secret and not local:
        raise QiratError(
            f"{address.url} is another machine and cannot call this one; forward its calls to --webhook and set "
            f"{SECRET} to the secret of the webhook made there, or leave --webhook out"
        )
    with _listening(port, called) as listener:
        url = f"http://127.0.0.1:{listener.server_port}/"
        with contextlib.nullcontext(secret) if secret else _registered(address, url) as listener.secret:
            yield listener.server_port


class _Listener(ThreadingHTTPServer):
    """Answers at once: the embedded server waits for it, and does nothing else meanwhile."""

    daemon_threads = True
    secret = ""
    called: threading.Event


@contextlib.contextmanager
def _listening(port: int, called: threading.Event) -> Iterator[_Listener]:
    try:
        listener = _Listener(("127.0.0.1", port), _Call)
    except OSError as error:
        raise QiratError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}; choose another") from None
    listener.called = called
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.shutdown()
        listener.server_close()


class _Call(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("content-length") or ""
        if not length.isdecimal() or int(length) > _LARGEST_CALL:
            self.send_error(413)
        elif is_signed(self.rfile.read(int(length)), dict(self.headers.items()), self.server.secret):
            self.server.called.set()
            self.send_response(204)
            self.end_headers()
        else:
            self.send_error(401)

    def log_message(self, *_: Any) -> None:
        """Says nothing: anybody on this machine can call."""


def is_signed(body: bytes, headers: dict[str, str], secret: str) -> bool:
    """Whether a call is signed with the secret, and of the last five minutes (standardwebhooks.com)."""
    from standardwebhooks.webhooks import Webhook

    if not secret:
        return False
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except Exception:  # whatever a stranger's headers make it stumble over
        return False
    return True


@contextlib.contextmanager
def _registered(address: Address, url: str) -> Iterator[str]:
    """Argilla calls `url` meanwhile; yields the secret it signs with. What a killed watcher left there goes."""
    import httpx

    key = {"X-Argilla-Api-Key": address.api_key}
    with httpx.Client(base_url=f"{address.url.rstrip('/')}/api/v1/", headers=key, timeout=30) as argilla:

        def asked(method: str, place: str, **details: Any) -> Any:
            try:
                answer = argilla.request(method, place, **details).raise_for_status()
            except httpx.HTTPError as error:
                raise QiratError(f"Argilla at {address.url} takes no webhook: {error}") from None
            return answer.json()

        for left in asked("GET", "webhooks")["items"]:
            if left["description"] == str(LOCK.absolute()):
                asked("DELETE", f"webhooks/{left['id']}")
        made = asked("POST", "webhooks", json={"url": url, "events": EVENTS, "description": str(LOCK.absolute())})
        try:
            yield made["secret"]
        finally:
            with contextlib.suppress(QiratError):  # Argilla may be gone; the next watcher takes it away
                asked("DELETE", f"webhooks/{made['id']}")
