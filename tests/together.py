"""How pytest-xdist deals the tests out: whole files, so that what a file builds once is built once, the longest first.

`--dist loadgroup` would do so for marked files, but pytest 9.2 keeps the ids of tests where xdist 3.8 does not look for
them, and no group is kept: each worker then builds every project and starts every server of its own.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ONE_SERVER = "tests/review/server/"  # its files share an Argilla
# What takes longest, the first first: a long file that is begun last is waited for alone. The browser's comes early as
# it makes the server's environment where there is none, for which everybody else who has a server would wait.
FIRST = (
    "tests/e2e/test_pipeline.py",
    "tests/e2e/review/",
    "tests/training/",
    "tests/e2e/",
    "tests/deploy/",
    "tests/review/",
    "tests/score/",
)


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of a file, or of files that share a server, run one after the other on one worker."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # not by the number of tests, but as `in_order` has them

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ONE_SERVER if file.startswith(ONE_SERVER) else file


def in_order(items: list[pytest.Item]) -> None:
    """Tests as they are to begin; otherwise as they were collected."""
    items.sort(key=lambda item: next((n for n, first in enumerate(FIRST) if item.nodeid.startswith(first)), len(FIRST)))
