"""The map's server: this machine only, and only for who has the address.

It listens on the loopback address; every path begins with a token that each start draws anew; a request under another
host name is refused, so that no page elsewhere reads rows by pointing its name here. It only answers GET.
"""

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from curation.commands.atlas.pages import HERE, STYLES, Atlas
from curation.harness.errors import QiratError

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
Body = tuple[str, str]  # kind and text


class Server(ThreadingHTTPServer):
    """Serves a map at `address`; port 0 takes a free one. Raises QiratError where the port is taken."""

    daemon_threads = True

    def __init__(self, atlas: Atlas, port: int = 0) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise QiratError(f"port {port} cannot be used ({error.strerror}); give another with --port") from None
        self.atlas, self.token = atlas, secrets.token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    @property
    def address(self) -> str:
        """Where the map is seen; /en or /ar behind it chooses the language."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away before it had its answer is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        token, *path = asked.path.removeprefix("/").split("/")
        known = secrets.compare_digest(token.encode(), self.server.token.encode())
        if not known or self.headers.get("Host") not in self.server.hosts:
            self._answer(403, ("text/plain", "open the address that `qirat explore` printed"))
        elif not "".join(path):
            self._to_language()
        elif (body := answer(self.server.atlas, path, parse_qs(asked.query))) is None:
            self._answer(404, ("text/plain", "there is no such page"))
        else:
            self._answer(200, body)

    def _to_language(self) -> None:
        """To the page in the language that the browser asks for."""
        first = self.headers.get("Accept-Language", "").lower()
        self._answer(302, ("text/plain", ""), f"/{self.server.token}/{'ar' if first.startswith('ar') else 'en'}/")

    def _answer(self, status: int, body: Body, location: str = "") -> None:
        kind, text = body
        data = text.encode()
        self.send_response(status)
        more = {"Location": location} if location else {}
        own = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(data))}
        for name, value in {**HEADERS, **own, **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Says nothing: what people searched for is theirs."""


def answer(atlas: Atlas, path: list[str], query: dict[str, list[str]]) -> Body | None:
    """What lies at a path behind the token: LANGUAGE and what of it; None where there is nothing."""
    language, *what = path
    if language not in atlas.words:
        return None
    match what:
        case [""]:
            return "text/html", atlas.page(language)
        case ["map.json"]:
            return "application/json", json.dumps(atlas.map(language), ensure_ascii=False, separators=(",", ":"))
        case ["found.json"]:
            return "application/json", json.dumps(atlas.found(" ".join(query.get("words", []))))
        case ["row", number] if number.isascii() and number.isdigit() and int(number) < atlas.rows.height:
            return "text/html", atlas.row(int(number), language)
        case ["atlas.css"]:
            return "text/css", "\n".join(style.read_text("utf-8") for style in STYLES)
        case ["atlas.js"]:
            return "text/javascript", (HERE / "atlas.js").read_text("utf-8")
    return None
