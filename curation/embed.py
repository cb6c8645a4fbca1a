"""Sentence embeddings of the survivors, once.  python -m curation.embed"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from curation.core.record.conversation import survivors
from curation.harness.engine import map_rows
from curation.harness.errors import QiratError
from curation.harness.memory import version_of
from curation.harness.stage import Stage
from curation.similarity.sentences import Embed, embedded, encoder, hashed, placed, words

CONVERSATIONS = "ingested/conversations"
A_ROW = 400  # bytes of memory that a raw row takes to the end: ids, and hashes of what is embedded
READ = ("row_id", "conversation_id", "messages")
CHUNK = 500  # texts that a process embeds in one go
LARGE = 2_000  # texts from which starting processes pays

_NONE = pl.Array(pl.Float32, 1)
NO_VECTORS = pl.Schema([("conversation_id", pl.String()), ("vector", _NONE), ("reply", _NONE)])


def main() -> None:
    """Embed what the customer says in each surviving conversation, and what the team replies.

    Labels, outliers and retrieval look at the customer's words; copies in other words are alike on both sides.
    """
    with Stage("embed", Embed) as stage:
        stage.refuse_too_little(CONVERSATIONS, A_ROW)
        surviving = survivors(stage.read(CONVERSATIONS, ["row_id", "conversation_id"]), stage.read("dedup/clusters"))
        if surviving.is_empty():
            raise QiratError(
                "there is nothing to embed: every row was quarantined; see data/ingested/quarantine.parquet"
            )
        parts = (
            words(part.join(surviving, on="row_id", how="semi"), stage.params.characters)
            for part in stage.parts(CONVERSATIONS, READ)
        )
        if stage.params.model == "none":
            stage.say("embed.model is none: what compares vectors will stay silent")
            table = pl.DataFrame(schema=NO_VECTORS)
            texts = pl.concat(hashed(one) for part in parts for one in part["said", "replied"])
        else:
            said = pl.concat(parts).sort("conversation_id")
            table, texts = placed(said, vectors_of(said, stage)), pl.concat([said["said"], said["replied"]])

        stage.write("embedded/vectors", table)
        stage.write_metrics({"conversations": table.height, "texts": texts.n_unique()})


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
        parts.extend(stage.progress(fresh, "embedding", total, "parts"))
    finally:  # a stage that is stopped goes on from here
        if parts:
            stage.memory.keep("vectors", version, pl.concat(parts))
            stage.memory.forget_but(["vectors"])
    return pl.concat(parts)


def _prepared(model: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: text and vector of texts (text, words). The model is loaded once a process."""
    encode = encoder(model)
    return lambda texts: texts.select("text", vector=pl.Series(embedded(texts["words"].to_list(), encode)))


def _contents(model: Path) -> list[str]:
    """Hashes of the files of a model that is a folder: its name does not tell when it is trained on."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(model.rglob("*")) if path.is_file()]


if __name__ == "__main__":
    main()
