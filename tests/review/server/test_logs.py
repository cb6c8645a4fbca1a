import logging
import warnings
from pathlib import Path

import pytest

from curation.review.embedded.hosting import logs


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that is written to instead of what the tests write to."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging, "raiseExceptions", True)
    with warnings.catch_warnings():
        logs.write_to(tmp_path / "server.log")
    return tmp_path / "server.log"


def test_errors_are_told_with_their_place_and_without_what_they_quote(log: Path) -> None:
    try:
        int("what a customer said")
    except ValueError as error:
        logging.getLogger("argilla").error(error, exc_info=error)
        logging.getLogger("argilla").error("giving up: %s", error)
    assert "ValueError" in log.read_text() and Path(__file__).name in log.read_text()
    assert "customer said" not in log.read_text().replace('int("what a customer said")', "")  # the code itself


def test_the_log_is_bounded(log: Path) -> None:
    for _ in range(60):
        logging.getLogger("argilla").error("x" * 100_000)
    assert sum(path.stat().st_size for path in log.parent.iterdir()) < 4_500_000
