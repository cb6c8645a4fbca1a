"""One file a check. A check observes and gives evidence; route decides what an observation means.

A check is a function from conversations to findings under `@check(...)`. To add one, write NAME.py here and NAME.yaml
beside it, which says of each of its codes what it means and when it matters; both are found by themselves. A check says
what languages it knows and is silent outside them.
"""

import functools
import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping

import polars as pl

from curation.checks.check import _CHECKS, NOTHING, Check, Context, in_order, shown
from curation.harness.errors import QiratError, meant


@functools.cache
def checks(skip: Collection[str] = ()) -> Mapping[str, Check]:
    """All checks by name, but for those to `skip`."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    if unknown := sorted(set(skip) - set(_CHECKS)):
        raise QiratError(f"params.yaml, score.skip: there is no check {unknown[0]}{meant(unknown[0], _CHECKS)}")
    return {name: check for name, check in sorted(_CHECKS.items()) if name not in skip}


def findings(conversations: pl.DataFrame, context: Context, which: Iterable[Check]) -> pl.DataFrame:
    """FINDINGS of all these checks, in a fixed order."""
    return in_order([shown(seen(conversations, context, which), conversations, context)])


def seen(conversations: pl.DataFrame, context: Context, which: Iterable[Check]) -> pl.DataFrame:
    """FINDINGS of all these checks, whose evidence is not fit to be shown yet."""
    return pl.concat([NOTHING, *(one.seen(conversations, context) for one in which)])
