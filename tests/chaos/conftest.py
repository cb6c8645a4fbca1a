"""What `make chaos` says at its end, for docs/reliability.md."""

from typing import Any

from tests.chaos.project import TRIED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How often each kind of harm was done."""
    for kind, times in sorted(TRIED.items()):
        terminalreporter.write_line(f"tried: {kind}: {times}")
