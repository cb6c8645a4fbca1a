"""Draws by hash: seeded, the same whatever stands around a row; and which conversations a small run looks at."""

import hashlib

import polars as pl


def lot(text: str) -> str:
    """What a text draws, in hex digits. Whoever has a key and a seed writes both into the text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fair_order(conversations: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The rows shuffled so that any first N of them hold the languages in their proportions.

    Depends on ids and seed only, not on the order of the rows.
    """

    draws = [lot(f"{seed}:{conversation}") for conversation in conversations["conversation_id"]]
    return (
        conversations.with_columns(_draw=pl.Series(draws, dtype=pl.String))
        .sort("_draw", maintain_order=True)
        .with_columns(_place=(pl.int_range(pl.len()).over("language") + 0.5) / pl.len().over("language"))
        .sort("_place", "_draw", maintain_order=True)
        .drop("_place", "_draw")
    )
