"""What the checks over vectors share: a matrix of them."""

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import Context
from curation.harness.errors import QiratError


def matrix(conversations: pl.DataFrame, context: Context, side: str = "vector") -> npt.NDArray[np.float32]:
    """Vectors of what the customer said (or the team: "reply") in the order of the conversations, (n, dimensions)."""
    assert context.vectors is not None
    vectors = context.vectors.select("conversation_id", side)
    found = conversations.select("conversation_id").join(
        vectors, on="conversation_id", how="left", maintain_order="left"
    )[side]
    if found.null_count() or not np.isfinite(values := np.asarray(found.to_numpy(), np.float32)).all():
        raise QiratError("some conversations have no usable vector; run `dvc repro embed -f`")
    return np.ascontiguousarray(values)


def both_sides(conversations: pl.DataFrame, context: Context) -> npt.NDArray[np.float32]:
    """The vectors of both sides side by side, (n, 2 * dimensions), of which no copy is made."""
    first = matrix(conversations, context, "vector")
    found = np.empty((len(first), 2 * first.shape[1]), np.float32)
    found[:, : first.shape[1]] = first
    del first
    found[:, found.shape[1] // 2 :] = matrix(conversations, context, "reply")
    return found
