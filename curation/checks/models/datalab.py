"""What the checks over vectors share: a matrix of them, and cleanlab's Datalab made to fail loudly."""

import contextlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import Context
from curation.harness.errors import QiratError
from curation.similarity.neighbours import BLOCK, nearest
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


def graph(vectors: Rows, k: int) -> Any:
    """The k nearest rows of each by cosine distance, as the sparse matrix that Datalab takes instead of vectors."""
    from scipy.sparse import csr_matrix

    places, distances = nearest(vectors, k)
    rows = len(vectors)
    return csr_matrix(
        (distances.ravel().astype(np.float64), places.ravel(), np.arange(0, rows * k + 1, k)), shape=(rows, rows)
    )


def issues(kind: str, data: dict[str, Any], options: dict[str, Any], **given: Any) -> tuple[Any, Any]:
    """Datalab's table of one kind of issue (pandas) and what it says of the whole set.

    Datalab prints errors and goes on; here they stop the stage, and so does a row without a score.
    """
    from cleanlab import Datalab

    said = io.StringIO()
    lab = Datalab(data=data, label_name="label" if "label" in data else None, verbosity=0)
    with contextlib.redirect_stdout(said):
        lab.find_issues(**given, issue_types={kind: dict(options)})  # a copy: Datalab writes into it
    if kind not in lab.issue_summary["issue_type"].tolist():
        raise QiratError(f"cleanlab gave no {kind} scores: {said.getvalue().strip()}")
    found = lab.get_issues(kind)
    scored = int(found[f"{kind}_score"].notna().sum())
    if scored != (rows := len(next(iter(data.values())))):
        raise QiratError(f"cleanlab gave {kind} scores to {scored:,} of {rows:,} rows: {said.getvalue().strip()}")
    return found, lab.get_info(kind)
