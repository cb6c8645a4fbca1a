"""Labels that the words do not bear out: cleanlab's scores of calibrated out-of-sample probabilities."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import NOTHING, Context, check
from curation.checks.models.datalab import matrix
from curation.harness.errors import QiratError

FEWEST = 5  # rows a label needs to be judged by cross-validation
MOST = 200_000_000  # probabilities held at a time (rows x labels, 0.8 GB); the rarest labels beyond are not judged
FOLDS = 5
BLOCK = 10_000  # rows at a time
ROUNDING = 1e-6  # of sums of 32-bit numbers; keeps the covariance of rows that are all the same invertible
REPORTED_FROM = 0.5

Matrix = npt.NDArray[np.float32]


@check(
    "labels",
    version=2,
    whole_set=True,
    needs_vectors=True,
    source="Northcutt et al. 2021, Confident Learning; cleanlab",
)
def labels(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Labels (intents, topics) beside which another one is likelier. `value` = 1 - probability of the given label.

    The probabilities are those of a shrunken linear discriminant, cross-validated and calibrated, over the embeddings
    of both sides: agents mostly understood what was asked, so their replies tell the topic too.
    Rows without a label, or with a label that is too rare, are not judged.
    """
    from cleanlab.rank import get_label_quality_scores

    judged = conversations.filter(_common(conversations)).sort("conversation_id")
    if judged["label"].n_unique() < 2:
        return NOTHING
    classes, given = np.unique(judged["label"].to_numpy().astype(str), return_inverse=True)
    words = np.concatenate([matrix(judged, context, side) for side in ("vector", "reply")], axis=1)
    probabilities = calibrated(_out_of_sample(words, given, context.params.seed), given)
    score = get_label_quality_scores(given, probabilities)  # as Datalab gives, which looks at every row in Python
    if not np.isfinite(score).all():
        raise QiratError("cleanlab gave no label scores to some rows; run `dvc repro embed -f`")
    return (
        judged.select(
            "conversation_id",
            "label",
            likelier=pl.Series(classes[probabilities.argmax(axis=1)]),
            value=(1 - pl.Series(score, dtype=pl.Float64)).round(6),
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


def _common(conversations: pl.DataFrame) -> pl.Expr:
    """Whether a row's label is frequent enough, and not one too many."""
    counts = conversations["label"].drop_nulls().value_counts().filter(pl.col("count") >= FEWEST)
    most = MOST // max(conversations.height, 1)
    judged = counts.sort("count", "label", descending=[True, False]).head(most)["label"]
    return pl.col("label").is_in(judged.to_list())


def _out_of_sample(vectors: Matrix, given: npt.NDArray[np.intp], seed: int) -> Matrix:
    """Log-probabilities of each label (n, labels) from a model that did not see the row.

    A linear discriminant is closed form, so cheap; it ranks label errors as logistic regression does at a thirtieth of
    its time (docs/log.md). What it needs of the rows are sums, so those of a fold are taken from those of all.
    """
    from scipy.special import log_softmax
    from sklearn.model_selection import StratifiedKFold

    found = np.empty((len(vectors), int(given.max()) + 1), np.float32)
    folds = [test for _, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(vectors, given)]
    products = [vectors[test].T @ vectors[test] for test in folds]
    for test, product in zip(folds, products, strict=True):
        seen = np.ones(len(vectors), np.float32)
        seen[test] = 0
        slopes, offsets = _discriminant(vectors, given, seen, sum(products) - product)
        found[test] = log_softmax(vectors[test] @ slopes + offsets, axis=1)
    return np.maximum(found, -700)  # below, exp() is zero


def _discriminant(
    vectors: Matrix, given: npt.NDArray[np.intp], seen: Matrix, products: Matrix
) -> tuple[Matrix, Matrix]:
    """Slopes (dimensions, labels) and offsets of Gaussians with one covariance, from the rows whose `seen` is 1."""
    from scipy.linalg import solve
    from scipy.sparse import csr_matrix

    members = csr_matrix((seen, (given, np.arange(len(given)))))
    counts = np.bincount(given, weights=seen).astype(np.float32)
    means: Matrix = members @ vectors / counts[:, None]
    spread = (products - (means.T * counts) @ means).astype(np.float64) / seen.sum()
    blocks = [slice(start, start + BLOCK) for start in range(0, len(vectors), BLOCK)]
    distances = np.concatenate([((vectors[rows] - means[given[rows]]) ** 2).sum(axis=1) for rows in blocks])
    slopes = solve(shrunken(spread, distances[seen > 0]), means.T, assume_a="pos")
    offsets = np.log(counts / seen.sum()) - 0.5 * np.einsum("kd,dk->k", means, slopes)
    return slopes.astype(np.float32), offsets.astype(np.float32)


def shrunken(covariance: npt.NDArray[np.float64], distances: Matrix) -> npt.NDArray[np.float64]:
    """The covariance drawn towards a sphere as far as its uncertainty asks for (Ledoit and Wolf 2004).

    As sklearn.covariance.ledoit_wolf, without passing over the rows three times: `distances` are their squared
    distances to their means.
    """
    size, rows = len(covariance), len(distances)
    sphere = np.eye(size) * covariance.trace() / size
    away = ((covariance - sphere) ** 2).sum()
    uncertain = ((distances.astype(np.float64) ** 2).mean() - (covariance**2).sum()) / rows
    share = np.clip(uncertain / max(away, ROUNDING**2), 0, 1)
    drawn: npt.NDArray[np.float64] = (1 - share) * covariance + share * sphere + ROUNDING * np.eye(size)
    return drawn


def calibrated(logarithms: Matrix, given: npt.NDArray[np.intp]) -> Matrix:
    """Probabilities at the temperature under which the given labels are likeliest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def surprise(temperature: float) -> Any:
        return -log_softmax(logarithms / temperature, axis=1)[np.arange(len(given)), given].mean()

    best = minimize_scalar(surprise, bounds=(0.2, 50.0), method="bounded").x
    probabilities: Matrix = np.exp(log_softmax(logarithms / best, axis=1))
    return probabilities
