"""Where rows stand on the map: alike ones near each other.

Some vectors, drawn by seed, are laid out by t-SNE (van der Maaten and Hinton 2008, scikit-learn's Barnes-Hut); all
others stand among those of them that they are nearest to, as openTSNE places what is new (Poličar et al. 2019). So
100,000 rows take seconds, and the same table gives the same map. What lies nearer than the drawn vectors are to each
other is interpolated: distances there mean little.
"""

import math
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.harness.files import progress

Floats = NDArray[np.float32]

DRAWN = 2_000  # vectors that are laid out: 5 CPU seconds
DIMENSIONS = 50  # that are left of a vector, as van der Maaten advises
NEAREST = 5
PERPLEXITY = 30.0
FEWEST = 5  # different vectors from which there is anything to lay out
CHUNK = 4_000  # rows that are compared with the drawn ones at a time
COPIES_APART = 0.002  # of the map's side
STEP, GAP = 1 / 150, 0.05  # between rows without a place, and between the map and those
_TURN = math.pi * (3 - math.sqrt(5))  # the golden angle: a spiral of points that never meet


def laid_out(vectors: Floats, seed: int) -> Floats:
    """x and y, 0..1, of each vector (rows, dimensions)."""
    from threadpoolctl import threadpool_limits

    drawn = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:DRAWN])
    with threadpool_limits(1):  # sums of several threads differ from run to run
        shift, axes = _axes(vectors[drawn])
        marks = np.unique(_turned(vectors[drawn], shift, axes), axis=0)
        spots = _spots(marks, seed)
        parts = [vectors[start : start + CHUNK] for start in range(0, len(vectors), CHUNK)]
        placed = [
            _among(_turned(part, shift, axes), marks, spots) for part in progress(parts, "placing", unit="chunks")
        ]
    return np.concatenate(placed) if placed else np.empty((0, 2), np.float32)


def _axes(vectors: Floats) -> tuple[Floats, Floats]:
    """The mean and the first principal axes."""
    if not len(vectors):
        return np.zeros(vectors.shape[1], np.float32), np.eye(vectors.shape[1], 1, dtype=np.float32)
    shift = vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(vectors - shift, full_matrices=False)
    return shift, axes[:DIMENSIONS].T


def _turned(vectors: Floats, shift: Floats, axes: Floats) -> Floats:
    turned: Floats = np.asarray((vectors - shift) @ axes, np.float32)
    return turned


def _spots(marks: Floats, seed: int) -> Floats:
    """x and y, 0..1, of vectors that all differ; too few for a map stand in a circle."""
    if len(marks) < FEWEST:
        angles = np.linspace(0, 2 * np.pi, len(marks), endpoint=False)
        return (0.5 + 0.4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(marks) - 1) / 3)
    init = "pca" if marks.shape[1] > 1 else "random"
    found = TSNE(2, perplexity=perplexity, init=init, random_state=seed, n_jobs=1, max_iter=750).fit_transform(marks)
    low, high = found.min(axis=0), found.max(axis=0)
    spots: Floats = 0.5 + (found - (low + high) / 2) / max((high - low).max(), 1e-9)
    return spots


def _among(vectors: Floats, marks: Floats, spots: Floats) -> Floats:
    """The mean of the nearest spots by one over the squared distance: who is one of the marks stands where it does."""
    apart = (vectors**2).sum(1, keepdims=True) - 2 * vectors @ marks.T + (marks**2).sum(1)
    count = min(NEAREST, len(marks))
    near = np.argpartition(apart, count - 1, axis=1)[:, :count]
    weights = 1 / np.maximum(np.take_along_axis(apart, near, 1), 1e-6)
    weights /= weights.sum(1, keepdims=True)
    placed: Floats = np.einsum("rk,rkd->rd", weights, spots[near]).astype(np.float32)
    return placed


def places(rows: pl.DataFrame, vectors: pl.DataFrame, clusters: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """x and y of each of `rows` (row_id, conversation_id), in their order: 0..1, and y above 1 for what has no vector.

    A copy stands beside what stands for it. Rows without a vector, such as those that could not be read, stand in
    lines below the map.
    """
    spots = laid_out(vectors["vector"].to_numpy(), seed) if vectors.height else np.empty((0, 2), np.float32)
    known = pl.DataFrame({"of": vectors["conversation_id"], "x": spots[:, 0], "y": spots[:, 1]})
    stands = clusters.filter("survivor").select("cluster_id", of="conversation_id").unique("cluster_id", keep="first")
    of = clusters.select("row_id", "cluster_id").join(stands, on="cluster_id").select("row_id", "of").unique("row_id")
    found = (
        rows.select("row_id", "conversation_id")
        .join(of, on="row_id", how="left", maintain_order="left")
        .with_columns(pl.col("of").fill_null(pl.col("conversation_id")))
        .join(known, on="of", how="left", maintain_order="left")
    )
    copy = pl.int_range(pl.len()).over("of")
    around = {name: turned * COPIES_APART * copy.sqrt() for name, turned in _spiral(copy)}
    lost = pl.col("x").is_null()
    step = min(STEP, 1 / math.sqrt(max(1, found["x"].null_count())))
    line = math.floor(1 / step)
    number = lost.cum_sum() - 1
    below = {"x": (number % line) * step, "y": 1 + GAP + (number // line) * step}
    return found.select(
        pl.when(lost).then(below[name]).otherwise(pl.col(name) + around[name]).cast(pl.Float64).round(5).alias(name)
        for name in ("x", "y")
    )


def _spiral(copy: pl.Expr) -> Iterator[tuple[str, pl.Expr]]:
    yield "x", (copy * _TURN).cos()
    yield "y", (copy * _TURN).sin()
