"""The evaluation sets that must not be trained on: rows of {"messages": [...]} in data/evaluation."""

from pathlib import Path

import polars as pl

from curation.conversation import conversations
from curation.ingest.containers import open_file
from curation.ingest.formats import UnreadableError, chat_messages
from curation.repair import repair_messages
from curation.stage import QiratError


def read_evaluation_sets(folder: Path) -> pl.DataFrame:
    """The record of every evaluation conversation; row_id = file:line. An empty folder is no error."""
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        contents = open_file(path)
        if contents is None:
            raise QiratError(f"{path}: no reader for this file; write evaluation sets as JSONL of {{messages: [...]}}")
        for row in contents.rows:
            try:
                if row.fault or not isinstance(row.value, dict):
                    raise UnreadableError(row.fault or "an object with messages was expected")
                messages = repair_messages(chat_messages(row.value.get("messages"), {}), merge=True)
            except UnreadableError as error:
                raise QiratError(f"{path}, row {row.number}: {error}") from None
            rows.append({"row_id": f"{path.relative_to(folder).as_posix()}:{row.number}", "messages": messages})
    return conversations(rows).unique("conversation_id", keep="first", maintain_order=True)
