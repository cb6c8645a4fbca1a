"""What the two cleanlab checks share: a matrix of the vectors, and Datalab made to fail loudly."""

import contextlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks import Context
from curation.stage import QiratError


def matrix(conversations: pl.DataFrame, context: Context) -> npt.NDArray[np.float32]:
    """Vectors in the order of the conversations, (n, dimensions)."""
    assert context.vectors is not None
    found = conversations.select("conversation_id").join(
        context.vectors, on="conversation_id", how="left", maintain_order="left"
    )["vector"]
    if found.null_count() or not np.isfinite(values := np.asarray(found.to_numpy(), np.float32)).all():
        raise QiratError("some conversations have no usable vector; run `dvc repro embed -f`")
    return values


def issues(kind: str, data: dict[str, Any], label_name: str | None = None, k: int = 10, **given: Any) -> Any:
    """Datalab's issue table of one kind (pandas). Datalab prints errors and goes on; here they stop the stage."""
    from cleanlab import Datalab

    said = io.StringIO()
    lab = Datalab(data=data, label_name=label_name, verbosity=0)
    options = {"k": k} if kind == "outlier" else {}
    with contextlib.redirect_stdout(said):
        lab.find_issues(**given, issue_types={kind: options})
    if kind not in lab.get_issue_summary()["issue_type"].tolist():
        raise QiratError(f"cleanlab gave no {kind} scores: {said.getvalue().strip()}")
    return lab.get_issues(kind)
