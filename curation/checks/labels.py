"""Labels that the words do not bear out: cleanlab's Datalab on calibrated out-of-sample probabilities."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks import Context, check
from curation.checks._datalab import issues, matrix

FEWEST = 5  # rows a label needs to be judged by cross-validation
FOLDS = 5
REPORTED_FROM = 0.5

Matrix = npt.NDArray[np.float64]
NOTHING = pl.DataFrame(schema={"conversation_id": pl.String, "code": pl.String, "value": pl.Float64})


@check("labels", {"doubtful_label": "doubt"}, whole_set=True)
def labels(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """`value` = 1 - probability of the given label, where another label is likelier.

    Northcutt et al. 2021, "Confident Learning". The probabilities are those of a shrunken linear discriminant over the
    embeddings, cross-validated. Rows without a label, or with a label that is too rare, are not judged.
    """
    common = pl.col("label").is_not_null() & (pl.len().over("label") >= FEWEST)
    judged = conversations.filter(common).sort("conversation_id")
    if context.vectors is None or judged["label"].n_unique() < 2:
        return NOTHING
    classes, given = np.unique(judged["label"].to_numpy().astype(str), return_inverse=True)
    probabilities = calibrated(_out_of_sample(matrix(judged, context), given, context.params.seed), given)
    found = issues("label", {"label": classes[given]}, label_name="label", pred_probs=probabilities)
    return (
        judged.select(
            "conversation_id",
            "label",
            likelier=pl.Series(classes[probabilities.argmax(axis=1)]),
            value=1 - pl.Series(found["label_score"]),
        )
        .filter((pl.col("value") >= REPORTED_FROM) & (pl.col("likelier") != pl.col("label")))
        .select(
            "conversation_id",
            "value",
            code=pl.lit("doubtful_label"),
            threshold=pl.lit(REPORTED_FROM),
            evidence=pl.format("given {}, the words say {}", "label", "likelier"),
        )
    )


def _out_of_sample(vectors: npt.NDArray[np.float32], given: npt.NDArray[np.intp], seed: int) -> Matrix:
    """Log-probabilities of each label (n, labels) from a model that did not see the row."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    # Closed form, so cheap; ranks label errors as logistic regression does at a thirtieth of its time (docs/log.md).
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    found: Matrix = cross_val_predict(model, vectors.astype(np.float64), given, cv=folds, method="predict_log_proba")
    return np.maximum(found, -700.0)  # below, exp() is zero


def calibrated(logarithms: Matrix, given: npt.NDArray[np.intp]) -> Matrix:
    """Probabilities at the temperature under which the given labels are likeliest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def surprise(temperature: float) -> Any:
        return -log_softmax(logarithms / temperature, axis=1)[np.arange(len(given)), given].mean()

    best = minimize_scalar(surprise, bounds=(0.2, 50.0), method="bounded").x
    probabilities: Matrix = np.exp(log_softmax(logarithms / best, axis=1))
    return probabilities
