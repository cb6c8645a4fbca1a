"""One file a check. A check observes and gives evidence; route decides what an observation means.

A check is a function from conversations to findings under `@check(...)`. To add one, write a module here and name its
codes in params.yaml under route.limits; it is found by itself. A check says what languages it knows and is silent
outside them.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping

import polars as pl

from curation.checks.check import _CHECKS, FINDINGS, Check, Context, in_order, shown
from curation.harness.errors import QiratError as QiratError
from curation.harness.params import Params as Params
from curation.harness.workers import Workers as Workers
from curation.privacy.tables import with_evidence_masked as with_evidence_masked
from curation.record.playbook import Playbook as Playbook


@functools.cache
def checks() -> Mapping[str, Check]:
    """All checks by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_CHECKS.items()))


def findings(conversations: pl.DataFrame, context: Context, which: Iterable[Check]) -> pl.DataFrame:
    """FINDINGS of all these checks, in a fixed order."""
    found = pl.concat([pl.DataFrame(schema=FINDINGS), *(one.seen(conversations, context) for one in which)])
    return in_order([shown(found, conversations, context)])
