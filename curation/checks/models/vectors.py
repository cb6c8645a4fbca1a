"""What the checks over vectors share: a matrix of them, and what is near what."""

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import Context
from curation.similarity.neighbours import BLOCK, Near, nearest
from curation.similarity.vectors import SIDES, Rows


def matrix(conversations: pl.DataFrame, context: Context, side: str = "vector") -> Rows:
    """Vectors of what the customer said (or the team: "reply") in the order of the conversations, (n, dimensions)."""
    assert context.vectors is not None
    return context.vectors.rows(conversations, side)


def both_sides(conversations: pl.DataFrame, context: Context) -> npt.NDArray[np.float32]:
    """The vectors of both sides side by side, (n, 2 * dimensions)."""
    sides = [matrix(conversations, context, side) for side in SIDES]
    found = np.empty((conversations.height, 2 * sides[0].shape[1]), np.float32)
    for start in range(0, len(found), BLOCK):
        rows = slice(start, start + BLOCK)
        for side, half in zip(sides, np.split(found[rows], len(sides), axis=1), strict=True):
            half[:] = side[rows]
    return found


def near(conversations: pl.DataFrame, context: Context, of: str) -> Near:
    """The nearest of each conversation by what the customer said, so many as the params say.

    `of`: the name of the part of the set, under which an earlier run may have told them (`context.near`).
    """
    vectors, k = matrix(conversations, context), context.params.outlier_neighbours
    return context.near(of, conversations["conversation_id"], vectors, k) if context.near else nearest(vectors, k)
