"""Modules that a library imports for what is hardly ever asked of it: a third of the time that its import takes."""

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def deferred(*names: str) -> Iterator[None]:
    """What is imported in this block has these modules imported when it first asks for something in them.

    Meanwhile, and of what was imported ever after, no garbage is looked for: there is none, and many objects.
    """
    collecting = gc.isenabled()
    gc.disable()
    absent = {name: _Deferred(name) for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
        for name, module in absent.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class _Deferred(ModuleType):
    def __getattr__(self, wanted: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), wanted)
