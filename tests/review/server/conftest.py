import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from curation.review.embedded import process
from curation.review.embedded.process import Address
from tests.review.server.argilla import Api, api_of, served


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an embedded server that runs as long as the tests. Its environment is made if there is none."""
    with served(tmp_path_factory.mktemp("argilla") / "home") as home:
        yield home


@pytest.fixture(scope="session")
def owner(home: Path) -> Api:
    return api_of(home)


@pytest.fixture(scope="session")
def any_argilla(request: pytest.FixtureRequest) -> Api:
    """The server of QIRAT_TEST_ARGILLA_URL and QIRAT_TEST_ARGILLA_API_KEY (an owner's), else the embedded one."""
    if url := os.environ.get("QIRAT_TEST_ARGILLA_URL"):
        return Api(url.rstrip("/"), os.environ["QIRAT_TEST_ARGILLA_API_KEY"])
    found: Api = request.getfixturevalue("owner")
    return found


@pytest.fixture(scope="session")
def studio_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the embedded Label Studio of the tests."""
    return tmp_path_factory.mktemp("studio") / "home"


@pytest.fixture(scope="session")
def studio(studio_home: Path) -> Iterator[Address]:
    """Of an embedded Label Studio that runs as long as the tests. Its environment is made if there is none."""
    kind = replace(process.LABEL_STUDIO, home=studio_home)
    process.serve_in_background(0, kind.home, kind)
    yield kind.address()
    process.stop(kind.home)
