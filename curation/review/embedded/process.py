"""Starting and stopping the embedded server, and finding the one that runs."""

import fcntl
import http.client
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from curation.harness.errors import QiratError
from curation.review.embedded import environment
from curation.review.embedded.environment import Environment

HOME = Path(".qirat/argilla/home")

_START_SECONDS = 600  # a slow machine that makes the tables of Label Studio for the first time
_STOP_SECONDS = 20


@dataclass(frozen=True)
class Kind:
    """A server that comes along."""

    title: str
    module: str  # beside this file; its environment runs it
    home: Path
    alive: str  # what it answers at once
    environment: Environment

    def address(self) -> "Address":
        """Of the one that runs on its home."""
        url = _url(self.home)
        if url is None or running(self.home) is None:
            raise QiratError(f"no {self.title} server runs here; start one with `qirat review serve --background`")
        return Address(url, credentials(self.home)["api_key"])


ARGILLA = Kind("Argilla", "sqlite_argilla", HOME, "/api/v1/version", environment.ARGILLA)
LABEL_STUDIO = Kind(
    "Label Studio", "loopback_studio", Path(".qirat/label_studio/home"), "/health/", environment.LABEL_STUDIO
)


@dataclass(frozen=True)
class Address:
    """Where a server answers, and the key that opens it."""

    url: str
    api_key: str


def serve(port: int, home: Path = HOME, kind: Kind = ARGILLA) -> None:
    """Becomes the server: this process is it from here on, so there is no child to outlive it."""
    command, environment = _command(port, home, kind)
    os.execve(command[0], command, environment)


def serve_in_background(port: int, home: Path = HOME, kind: Kind = ARGILLA) -> str:
    """Starts the server apart from this terminal, unless it runs already, and returns its URL once it answers."""
    if running(home) and (url := _url(home)):
        return url
    command, environment = _command(port, home, kind)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = home / "start.log"  # until the server writes its own log
    words.unlink(missing_ok=True)
    words.touch(mode=0o600)
    with words.open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    try:
        while server.poll() is None and time.monotonic() < deadline:
            url = _url(home)
            if url and running(home) == server.pid and _answers(url, kind.alive):
                return url
            time.sleep(0.2)
    except KeyboardInterrupt:
        server.kill()
        raise
    server.kill()
    said = words.read_text("utf-8", "replace").strip().splitlines()[-5:]
    raise QiratError(f"the {kind.title} server did not start. Its last words ({words}):\n" + "\n".join(said))


def stop(home: Path = HOME) -> bool:
    """Ends the server; False when none ran. Answers people were given as saved are saved."""
    process = running(home)
    if process is None:
        return False
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while running(home) == process:
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)  # SQLite keeps what was committed
            deadline = float("inf")
        time.sleep(0.1)
    return True


def running(home: Path = HOME) -> int | None:
    """The process id of the server on this home: it holds a lock as long as it lives, whatever ends it."""
    path = home / "server.lock"
    if not path.exists():
        return None
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read() or 0) or None
    return None


def address(home: Path = HOME) -> Address:
    """Another Argilla when QIRAT_ARGILLA_URL and QIRAT_ARGILLA_API_KEY name one, else the embedded server."""
    url, api_key = os.environ.get("QIRAT_ARGILLA_URL"), os.environ.get("QIRAT_ARGILLA_API_KEY")
    if url and api_key:
        return Address(url, api_key)
    if url or api_key:
        raise QiratError("set both QIRAT_ARGILLA_URL and QIRAT_ARGILLA_API_KEY to use another Argilla, or neither")
    return replace(ARGILLA, home=home).address()


def is_elsewhere(kind: Kind) -> bool:
    """Whether QIRAT_ARGILLA_URL names the server that is used, so that none runs here."""
    return kind is ARGILLA and bool(os.environ.get("QIRAT_ARGILLA_URL"))


def credentials(home: Path = HOME) -> dict[str, str]:
    """The owner's username, password and api_key, as the server made them on its first start."""
    found: dict[str, str] = json.loads((home / "credentials.json").read_text("utf-8"))
    return found


def _command(port: int, home: Path, kind: Kind) -> tuple[list[str], dict[str, str]]:
    if running(home):
        raise QiratError(f"the {kind.title} server runs already; `qirat review stop` ends it")
    python = kind.environment.interpreter()
    command = [str(python), "-m", kind.module, "--home", str(home.absolute()), "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    return command, {**environment, "PYTHONPATH": str(Path(__file__).parent.absolute()), "PYTHONNOUSERSITE": "1"}


def _url(home: Path) -> str | None:
    path = home / "url"
    return path.read_text("utf-8") if path.exists() else None


def _answers(url: str, place: str) -> bool:
    """Asked without a proxy: the server is on this machine."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", place)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
