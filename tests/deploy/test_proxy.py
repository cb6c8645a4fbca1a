"""The proxy's configuration in a real nginx, before a server that answers everything."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from curation.review.embedded.sqlite_argilla import pages
from tests.deploy.test_compose import DEPLOY, _argilla

CONFIGURATION = (DEPLOY / "nginx.conf").read_text("utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and what the server behind it was asked."""

    secure: int
    plain: int
    asked: list[tuple[str, str, dict[str, str]]]

    def ask(self, method: str, place: str, body: bytes = b"", headers: dict[str, str] | None = None) -> "Reply":
        trusting = ssl._create_unverified_context()
        return _asked(
            http.client.HTTPSConnection("127.0.0.1", self.secure, context=trusting), method, place, body, headers
        )


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def folder() -> Iterator[Path]:
    """Owned by a user without rights where the tests run as root, as in the container."""
    with tempfile.TemporaryDirectory(prefix="qirat-") as name:
        yield Path(name)


@pytest.fixture
def proxy(folder: Path) -> Iterator[Proxy]:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not here")
    asked: list[tuple[str, str, dict[str, str]]] = []
    behind = ThreadingHTTPServer(("127.0.0.1", 0), _answering(asked))
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    secure, plain = _free_port(), _free_port()
    command = [NGINX, "-c", str(_configuration(folder, secure, plain, behind.server_port)), "-g", "daemon off;"]
    owner = "nobody" if os.getuid() == 0 else None
    if owner:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
    checked = subprocess.run([*command[:3], "-t"], capture_output=True, text=True, check=False, user=owner)
    assert checked.returncode == 0 and "[warn]" not in checked.stderr, checked.stderr
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=owner) as nginx:
        _wait_until(lambda: _listens(secure))
        yield Proxy(secure, plain, asked)
        nginx.terminate()
    behind.shutdown()
    behind.server_close()


def test_the_sixth_sign_in_in_a_row_is_refused_and_work_goes_on(proxy: Proxy) -> None:
    tried = [proxy.ask("POST", "/api/v1/token", b"username=owner&password=guess").status for _ in range(7)]
    assert tried == [200] * 5 + [429] * 2
    assert proxy.ask("GET", "/api/v1/me").status == 200
    spellings = ("/api/v1/token/", "/api//v1/token", "/api/v1/%74oken", "/api/v1/./token", "/API/v1/token")
    for spelling in (*spellings, "/argilla/api/v1/token", "/%61rgilla//api/v1/token/"):
        assert proxy.ask("POST", spelling, b"x").status == 429, spelling


def test_headers_stand_on_every_reply_also_on_refusals(proxy: Proxy) -> None:
    for place in ("/", "/api/v1/me", "/api/v1/status", "/api/v1/token"):
        headers = proxy.ask("GET", place).headers
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["server"] == "nginx"


def test_no_other_site_is_let_in_and_no_version_told(proxy: Proxy) -> None:
    headers = proxy.ask("GET", "/api/v1/me", headers={"Origin": "https://evil.example"}).headers
    assert not [name for name in headers if name.startswith("access-control")]
    assert "server-timing" not in headers
    assert proxy.ask("GET", "/api/v1/status").status == 404


@pytest.mark.parametrize("below", ["", "/argilla"])
def test_nobody_reads_a_record_by_its_id_which_shows_what_is_hidden(proxy: Proxy, below: str) -> None:
    for spelling in (
        "records/1f3c",
        "records/1f3c/",
        "/records//1f3c",
        "Records/1f3c",
        "records/%31f3c",
        "records/1?a=b",
    ):
        assert proxy.ask("GET", f"{below}/api/v1/{spelling}").status == 404, spelling
        assert proxy.ask("HEAD", f"{below}/api/v1/{spelling}").status == 404, spelling
    assert proxy.asked == []
    for method, place in (("POST", "records/1f3c/responses"), ("GET", "datasets/1f3c/records"), ("GET", "records/")):
        assert proxy.ask(method, f"{below}/api/v1/{place}").status == 200, place


def test_the_server_behind_hears_the_true_address_and_not_the_claimed_one(proxy: Proxy) -> None:
    proxy.ask("GET", "/api/v1/me", headers={"X-Forwarded-For": "10.9.8.7", "X-Argilla-Api-Key": "key"})
    _, _, heard = proxy.asked[-1]
    assert heard["x-forwarded-for"] == "127.0.0.1"
    assert heard["x-forwarded-proto"] == "https"
    assert heard["x-argilla-api-key"] == "key"


def test_a_push_fits_and_what_is_larger_than_any_is_refused(proxy: Proxy) -> None:
    assert proxy.ask("PUT", "/api/v1/datasets/1/records/bulk", b"x" * (8 << 20)).status == 200
    assert proxy.ask("POST", "/api/v1/token", b"x" * 10_000).status == 413


def test_plain_http_only_leads_to_https_with_the_method_kept(proxy: Proxy) -> None:
    answer = _asked(http.client.HTTPConnection("127.0.0.1", proxy.plain), "POST", "/api/v1/token?a=1", b"x", None)
    assert answer.status == 308
    assert answer.headers["location"] == "https://127.0.0.1/api/v1/token?a=1"
    assert proxy.asked == []


def test_old_tls_is_refused(proxy: Proxy) -> None:
    old = ssl._create_unverified_context()
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", proxy.secure)) as connection:
        old.wrap_socket(connection)


def test_the_policy_allows_the_pages_own_scripts_by_hash() -> None:
    """Of the pinned version: when Argilla's pages change, this says which hashes to write."""
    index = _argilla("static/index.html").read_text("utf-8").replace("@@baseUrl@@", "")
    assert f'add_header Content-Security-Policy "{pages.security_policy(index)}" always;' in CONFIGURATION


def _configuration(folder: Path, secure: int, plain: int, behind: int) -> Path:
    """The configuration as shipped, but for ports, certificate and the name of the server behind."""
    subject = "-subj /CN=localhost -days 2 -keyout privkey.pem -out fullchain.pem"
    subprocess.run(
        ["openssl", *f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes {subject}".split()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    changed = CONFIGURATION
    for place, here in (
        ("/tmp/", f"{folder}/"),  # first: the folder is below it
        ("listen 8443", f"listen 127.0.0.1:{secure}"),
        ("listen 8080", f"listen 127.0.0.1:{plain}"),
        ("/etc/nginx/certificates", str(folder)),
        ("http://argilla:6900", f"http://127.0.0.1:{behind}"),
        ("/dev/stdout", f"{folder}/access.log"),  # the tests' own is root's
        ("worker_processes auto", "worker_processes 1"),
    ):
        assert place in changed
        changed = changed.replace(place, here)
    path = folder / "nginx.conf"
    path.write_text(changed)
    return path


def _answering(asked: list[tuple[str, str, dict[str, str]]]) -> type[BaseHTTPRequestHandler]:
    class Behind(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin") or "*")
            self.send_header("Access-Control-Allow-Credentials", "true")
            self.send_header("Server-Timing", "total;dur=1")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - their names are the base class's

        def log_message(self, *_: object) -> None: ...

    return Behind


def _asked(
    connection: http.client.HTTPConnection, method: str, place: str, body: bytes, headers: dict[str, str] | None
) -> Reply:
    try:
        connection.request(method, place, body or None, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
