"""What these tests make up are the figures of metrics that ship: a newcomer with a margin would be missed in them."""

from collections.abc import Iterator

import pytest

from training.judge import metrics as package

WITH_MARGIN = ("nll", "playbook", "stopped")


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = {name: m for name, m in package.metrics().items() if m.margin is None or name in WITH_MARGIN}
    monkeypatch.setattr(package, "_METRICS", known)
    package.metrics.cache_clear()
    yield
    package.metrics.cache_clear()
