"""A real server on this machine that answers what a test has it answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]  # of a request, its path and its key: status and body


@contextmanager
def answering(answer: Answer, gone: Callable[[str, str | None], None] = lambda path, key: None) -> Iterator[str]:
    """Its address. A redirection leads to /elsewhere, where nothing is: `gone` hears of who goes there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = answer({**body, "path": self.path, "key": self.headers["Authorization"]})
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def do_GET(self) -> None:
            gone(self.path, self.headers["Authorization"])
            self.send_error(404)

        def log_message(self, *args: Any) -> None: ...

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()
    running.server_close()
