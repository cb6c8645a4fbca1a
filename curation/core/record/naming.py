"""Which row somebody means: by its row_id, its conversation_id or the beginning of one."""

import polars as pl

from curation.harness.errors import QiratError

SHORTEST_ID = 6  # hex digits that still name a conversation


def called(wanted: str, names: pl.DataFrame, what: str, where: str) -> pl.DataFrame:
    """The rows of that row_id, if `names` has any, or conversation_id; else those of the only id that begins so.

    The error says that no or several of `what` are called so, and `where` ids are found.
    """
    whole = [pl.col(name) == wanted for name in ("row_id", "conversation_id") if name in names.columns]
    found = names.filter(pl.any_horizontal(whole))
    if found.is_empty():
        begins = pl.col("conversation_id").str.starts_with(wanted)
        found = names.filter(begins & (len(wanted) >= SHORTEST_ID))
        if (count := found["conversation_id"].n_unique()) != 1:
            place = "a row_id (source_file:row) or " if "row_id" in names.columns else ""
            raise QiratError(
                f"{count or 'no'} {what} are called {wanted!r}; give {place}at least {SHORTEST_ID} digits of a "
                f"conversation_id, {where}"
            )
    return found
