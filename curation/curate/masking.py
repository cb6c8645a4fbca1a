"""Personal data out of used rows, each by itself."""

from collections.abc import Callable, Collection
from functools import partial

import polars as pl

from curation.privacy.names import name_finder
from curation.privacy.params import Privacy
from curation.privacy.tables import without_personal_data

Masked = tuple[pl.DataFrame, pl.DataFrame]  # CURATED with tags, and MASKED


def masker(kinds: Collection[str], privacy: Privacy) -> Callable[[pl.DataFrame], Masked]:
    """The kernel: rows with tags for these kinds."""
    find_names = name_finder(privacy.names, privacy.name_model)
    return partial(without_personal_data, kinds=kinds, countries=privacy.countries, find_names=find_names)
