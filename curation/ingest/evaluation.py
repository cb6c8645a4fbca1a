"""The evaluation sets that must not be trained on: read as raw files are, but a fault in one stops the stage."""

from collections.abc import Mapping

import polars as pl

from curation.harness.errors import QiratError
from curation.ingest.files import EVALUATION
from curation.ingest.memory import ReadFiles
from curation.ingest.reading import RawFile
from curation.record.conversation import SCHEMA


def evaluation_sets(memory: ReadFiles, files: Mapping[str, RawFile]) -> pl.DataFrame:
    """The record of every evaluation conversation, each once; row_id = file:line. No files are no error.

    A row that cannot be read, or a file without any, would protect nothing.
    """
    tables = [SCHEMA.to_frame()]
    for key, file in files.items():
        if fault := _fault(memory, key):
            raise QiratError(f"{EVALUATION / file.name}{fault}")
        tables += memory.tables(key, "conversations")
    return pl.concat(tables).unique("conversation_id", keep="first", maintain_order=True)


def _fault(memory: ReadFiles, key: str) -> str:
    """Where the file cannot be read and why; "" when all of it was."""
    for unread in memory.tables(key, "quarantine"):
        for number, reason in unread.select("source_row", "reason").head(1).iter_rows():
            return f", row {number}: {reason}" if number else f": {reason}"
    return "" if memory.reports[key].item(0, "conversations") else ": no conversation is in it; fill it or remove it"
