"""The home folder of a server: `server.lock` (its process id), `url` (there once it answers), the owner's secrets."""

import argparse
import fcntl
import json
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import Any


def taken(program: str, server: str) -> tuple[Path, socket.socket, Any]:
    """The home and the port that the command line names, both taken hold of, and the lock on the home."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True, help="0 takes any free port")
    arguments = parser.parse_args()
    home: Path = arguments.home.resolve()
    os.umask(0o077)  # the conversations are nobody else's business either
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = take_lock(home, server)
    return home, listen(arguments.port), lock


def take_lock(home: Path, server: str) -> Any:
    """Two servers on one database would run each other's jobs. The system lets go of the lock when we die."""
    lock = (home / "server.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"{server} runs on {home} already; `qirat review stop` ends it")
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    (home / "url").unlink(missing_ok=True)
    return lock


def listen(port: int) -> socket.socket:
    """Bound before anything heavy is imported, so that a taken port is told at once."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        sys.exit(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}; choose another with --port")
    return listener


def read_credentials(home: Path, username: str, api_key: str) -> dict[str, str]:
    """The owner's. On the first start they are made at random, before the owner is: so they are never lost."""
    path = home / "credentials.json"
    if not path.exists():
        owner = {"username": username, "password": secrets.token_urlsafe(16), "api_key": api_key}
        write_privately(path, json.dumps(owner, indent=1) + "\n")
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found


def write_privately(path: Path, content: str) -> None:
    """Readable by its owner only from the first moment, and whole or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
