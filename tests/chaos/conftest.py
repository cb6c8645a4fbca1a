"""What `make chaos` says at its end, for docs/reliability.md."""

from typing import Any

import pytest

from tests.chaos.project import TRIED


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what it tried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tried"] = dict(TRIED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker tried counts with what the others did."""
    TRIED.update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How often each kind of harm was done."""
    for kind, times in sorted(TRIED.items()):
        terminalreporter.write_line(f"tried: {kind}: {times}")
