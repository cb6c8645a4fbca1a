"""A push to a hub, asked of a small server on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from curation.harness.errors import QiratError
from qirat.publish import Wanted, publish
from tests.qirat.publish.project import project

__all__ = ["project"]  # the fixture


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as an upload asks for."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    private = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lines = [json.loads(line) for line in body.splitlines()]
        self.asked.append((self.path, self.headers["Authorization"], lines))
        if self.path.endswith("/preupload/main"):
            files = [{**one, "uploadMode": "regular", "shouldIgnore": False} for one in lines[0]["files"]]
            self.answer({"files": files})
        elif self.path.endswith("/repos/create"):
            self.answer({"url": "https://huggingface.co/datasets/house/set", "id": "house/set"})
        else:
            self.answer(
                {"commitUrl": "https://huggingface.co/datasets/house/set/commit/1", "commitOid": "1", "success": True}
            )

    def do_GET(self) -> None:
        self.answer([] if "/tree/" in self.path else {"id": "a/b", "private": self.private, "siblings": []})

    def answer(self, value: Any) -> None:
        said = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *said: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_seen")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # a model of another test may have set it
    monkeypatch.setattr(Hub, "asked", [])
    monkeypatch.setattr(Hub, "private", True)
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_push_is_private_and_holds_the_folder(project: Path, hub: type[Hub]):
    told = publish(Wanted("mit", repository="house/set"), yes=True)
    assert "sent: http://127.0.0.1" in told
    assert "hf_not_to_be_seen" not in told
    (created,) = [lines[0] for path, _, lines in hub.asked if path.endswith("/repos/create")]
    assert created["visibility"] == "private"
    (commit,) = [lines for path, _, lines in hub.asked if "/commit/" in path]
    sent = {line["value"]["path"] for line in commit if line["key"] == "file"}
    assert {"README.md", "croissant.json", "provenance.json", "train/data-00000-of-00001.arrow"} <= sent


def test_a_dry_run_of_a_push_asks_the_hub_nothing(project: Path, hub: type[Hub]):
    publish(Wanted("mit", repository="house/set"), yes=False)
    assert hub.asked == []


def test_a_public_repository_is_refused_unless_public_was_said(project: Path, hub: type[Hub]):
    hub.private = False
    with pytest.raises(QiratError, match="is public"):
        publish(Wanted("mit", repository="house/set"), yes=True)
    assert not [path for path, _, _ in hub.asked if "/commit/" in path]
    assert "sent" in publish(Wanted("mit", repository="house/set", public=True), yes=True)
    assert [lines[0]["visibility"] for path, _, lines in hub.asked if path.endswith("/create")] == ["private", "public"]
