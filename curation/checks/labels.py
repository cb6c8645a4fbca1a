"""Labels that a row's neighbours do not share: cleanlab's Datalab on out-of-sample votes."""

import numpy as np
import polars as pl

from curation.checks import Context, check
from curation.checks._datalab import issues, matrix

FEWEST = 5  # rows a label needs to be judged by cross-validation
FOLDS = 5
REPORTED_FROM = 0.5


@check("labels", {"doubtful_label": "doubt"}, whole_set=True)
def labels(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """`value` = 1 - the given label's out-of-sample probability, where another label is likelier.

    Northcutt et al. 2021, "Confident Learning". Probabilities are the votes of the nearest neighbours by embedding,
    weighted by closeness, cross-validated. Rows without a label, or with a label that is too rare, are not judged.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    common = pl.col("label").is_not_null() & (pl.len().over("label") >= FEWEST)
    judged = conversations.filter(common).sort("conversation_id")
    if context.vectors is None or judged["label"].n_unique() < 2:
        return pl.DataFrame(schema=["conversation_id", "code", "value"])
    classes, given = np.unique(judged["label"].to_numpy().astype(str), return_inverse=True)
    voters = KNeighborsClassifier(context.params.label_neighbours, weights="distance", metric="cosine")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=context.params.seed)
    votes = cross_val_predict(voters, matrix(judged, context), given, cv=folds, method="predict_proba")
    found = issues("label", {"label": classes[given]}, label_name="label", pred_probs=votes)
    likelier = classes[votes.argmax(axis=1)]
    return (
        judged.select(
            "conversation_id", "label", likelier=pl.Series(likelier), value=1 - pl.Series(found["label_score"])
        )
        .filter((pl.col("value") >= REPORTED_FROM) & (pl.col("likelier") != pl.col("label")))
        .select(
            "conversation_id",
            "value",
            code=pl.lit("doubtful_label"),
            threshold=pl.lit(REPORTED_FROM),
            evidence=pl.format("given {}, neighbours say {}", "label", "likelier"),
        )
    )
