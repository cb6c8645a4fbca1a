"""Which conversations a small run looks at: seeded, and fair to every language."""

import hashlib

import polars as pl


def fair_order(conversations: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The rows shuffled so that any first N of them hold the languages in their proportions.

    Depends on ids and seed only, not on the order of the rows.
    """

    def draw(conversation: str) -> str:
        return hashlib.sha256(f"{seed}:{conversation}".encode()).hexdigest()

    return (
        conversations.with_columns(_draw=pl.col("conversation_id").map_elements(draw, return_dtype=pl.String))
        .sort("_draw", maintain_order=True)
        .with_columns(_place=(pl.int_range(pl.len()).over("language") + 0.5) / pl.len().over("language"))
        .sort("_place", "_draw", maintain_order=True)
        .drop("_place", "_draw")
    )
