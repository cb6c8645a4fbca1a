"""What all tests share: machines are noisy, so no example is wrong for being slow, and each process has one core.

Properties are tried on the same examples in every run, so that no change turns red by what was drawn for it; new ones
are drawn with CHAOS=1.
"""

import gc
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None, derandomize=not os.environ.get("CHAOS"))
settings.load_profile("patient")
# Threads of several processes wait for one another by spinning: two workers with two threads each take many times as
# long as with one. Read when torch and NumPy are imported; processes that tests start have it as well.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _environment(server: str, requirements: str) -> str:
    """Where a server's environment is kept from clone to clone: one for each set of pins and Python."""
    clone = Path(__file__).parents[1]
    pins = (clone / "curation/review/embedded" / requirements).read_bytes()
    key = hashlib.sha256(pins + sys.base_prefix.encode()).hexdigest()[:12]
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qirat"
        caches.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # somebody without a home
        return str(clone / ".qirat" / server / "environment")
    return str(caches / f"{server}-{key}")


os.environ.setdefault("QIRAT_ARGILLA_ENVIRONMENT", _environment("argilla", "requirements.txt"))
os.environ.setdefault("QIRAT_STUDIO_ENVIRONMENT", _environment("label_studio", "studio_requirements.txt"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.together import Together

    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from tests.together import in_order

        in_order(items)


_looked_through = 0  # modules


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Trainers have the collector look through everything again and again; libraries that are imported stay anyway."""
    global _looked_through
    if len(sys.modules) > _looked_through + 100:
        _looked_through = len(sys.modules)
        gc.collect()
        gc.freeze()
