"""The server that comes with transformers, started for one question, without a network beyond this machine."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

STARTS_WITHIN = 120  # seconds; importing torch takes most of them


def served(folder: Path, question: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """The answer to an OpenAI chat completion of a server of `folder`, which is stopped again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [
        Path(sys.executable).with_name("transformers"),
        "serve",
        folder,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    with (folder.parent / "server.log").open("wb") as log:
        server = subprocess.Popen([*serve, *arguments], env=environment, stdout=log, stderr=log)
    try:
        _wait(server, f"http://127.0.0.1:{port}/health", log.name)
        body = json.dumps({"model": str(folder), **question}).encode()
        sent = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent, timeout=STARTS_WITHIN) as answer:
            found: dict[str, Any] = json.load(answer)
        return found
    finally:
        server.terminate()
        server.wait(30)


def _wait(server: subprocess.Popen[bytes], address: str, log: str) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
        else:
            return
    raise AssertionError(f"the server did not start: {Path(log).read_text('utf-8')[-2000:]}")
