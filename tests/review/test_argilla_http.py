"""What can stand at the address that somebody calls an Argilla."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from curation.harness.errors import QiratError
from curation.review.argilla_http import connected, content
from curation.review.embedded.people import People
from curation.review.embedded.process import Address

ME = b'{"username": "owner", "role": "owner"}'
SAID = {
    "/argilla/api/v1/me": (200, "application/json", ME),
    "/argilla/api/v1/users": (200, "application/json", b'{"items": []}'),
    "/page/api/v1/me": (200, "text/html", b"<html>a page of somebody else</html>"),
    "/json/api/v1/me": (200, "application/json", b'["another", "service"]'),
    "/torn/api/v1/me": (200, "application/json", b'{"username": "own'),
    "/bytes/api/v1/me": (200, "application/json", b"\xff\xfe\x00"),
    "/nothing/api/v1/me": (204, "", b""),
    "/moved/api/v1/me": (308, "", b""),
    "/signed-in/api/v1/me": (302, "", b""),
    "/down/api/v1/me": (502, "text/html", b"<html>bad gateway</html>"),
    "/key/api/v1/me": (401, "application/json", b'{"detail": "wrong key"}'),
}


class _Behind(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind, body = SAID.get(self.path, (404, "text/plain", b"not here"))
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "https://elsewhere.example/argilla?token=secret")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Behind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("below", ["/argilla", "/argilla/"])
def test_an_argilla_below_a_path_is_found(host: str, below: str) -> None:
    address = Address(host + below, "key")
    assert content(connected(address), address.url, "GET", "users") == {"items": []}


@pytest.mark.parametrize("below", ["/page", "/json", "/torn", "/bytes", "/nothing", "/argilla/api/v1", "/", "/argila"])
def test_what_is_no_argilla_is_told_with_the_address_and_the_cure(host: str, below: str) -> None:
    for made in (connected, lambda address: People(address, "qirat")):
        with pytest.raises(QiratError, match=rf"{host}{below}.*(no Argilla; set QIRAT_ARGILLA_URL|refused GET me)"):
            made(Address(host + below, "key"))


@pytest.mark.parametrize("below", ["/moved", "/signed-in/"])
def test_an_address_that_sends_on_is_told_where_to_and_nothing_secret(host: str, below: str) -> None:
    with pytest.raises(
        QiratError, match=r"sends on to https://elsewhere.example/argilla; set QIRAT_ARGILLA_URL"
    ) as told:
        connected(Address(host + below, "key"))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(("below", "said"), [("/down", "bad gateway"), ("/key", "wrong key")])
def test_what_is_refused_is_told(host: str, below: str, said: str) -> None:
    with pytest.raises(QiratError, match=f"refused GET me: .*{said}"):
        connected(Address(host + below, "key"))


@pytest.mark.parametrize(
    "url", ["argilla.example", "http://", "http://[::1", "http://host:port/", "ftp://host/", "", "http://مضيف.invalid"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(QiratError, match="QIRAT_ARGILLA_URL"):
        connected(Address(url, "key"))


@pytest.mark.parametrize("key", ["مفتاح", "key\nX-Other: 1", "clé", "key\u2069", "key\x00"])
def test_a_key_that_is_none_is_told(host: str, key: str) -> None:
    with pytest.raises(QiratError, match="QIRAT_ARGILLA_API_KEY") as told:
        connected(Address(f"{host}/argilla", key))
    assert key not in str(told.value)
