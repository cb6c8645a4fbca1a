"""One browser for the tests of a file."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.browser import BROWSER, OPTIONS


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield opened
        opened.close()
