"""The curated set without personal data: first row by row, then what takes the whole set."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

import polars as pl

from curation.privacy.names import name_finder
from curation.privacy.params import Privacy
from curation.privacy.tables import opaque, without_personal_data

CHUNK = 1_000  # conversations that a process masks in one go
LARGE = 8_000  # conversations from which starting processes pays
Masked = tuple[pl.DataFrame, pl.DataFrame]  # CURATED with tags, and MASKED


def masker(kinds: Collection[str], privacy: Privacy) -> Callable[[pl.DataFrame], Masked]:
    """The kernel: rows with tags for these kinds."""
    find_names = name_finder(privacy.names, privacy.name_model)
    return partial(without_personal_data, kinds=kinds, countries=privacy.countries, find_names=find_names)


def joined(parts: Sequence[Masked]) -> Masked:
    """Several parts of the set."""
    tables, done = zip(*parts, strict=True)
    return pl.concat(tables), pl.concat(done)


def as_one_set(masked: Masked) -> Masked:
    """The customers numbered, and all rows in their order."""
    table, done = masked
    named = table.with_columns(customer=opaque(table["customer"]))
    return named.sort("conversation_id", "row_id"), done.sort("row_id")
