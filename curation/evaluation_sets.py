"""The evaluation sets that must not be trained on: JSON lines of {"messages": [...]} in data/evaluation."""

from pathlib import Path

import polars as pl

from curation.conversation import conversations
from curation.ingest.containers import open_file
from curation.ingest.formats import UnreadableError, chat_messages
from curation.ingest.repair import repair_messages
from curation.stage import QiratError


def read_evaluation_sets(folder: Path) -> pl.DataFrame:
    """The record of every evaluation conversation; row_id = file:line. An empty folder is no error."""
    rows = []
    for path in sorted(folder.rglob("*.jsonl*")):
        contents = open_file(path)
        for row in contents.rows if contents else []:
            try:
                if row.fault or not isinstance(row.value, dict):
                    raise UnreadableError(row.fault or "an object with messages was expected")
                messages = repair_messages(chat_messages(row.value.get("messages"), {}), merge=True)
            except UnreadableError as error:
                raise QiratError(f"{path}, row {row.number}: {error}") from None
            rows.append({"row_id": f"{path.relative_to(folder).as_posix()}:{row.number}", "messages": messages})
    return conversations(rows).unique("conversation_id", keep="first", maintain_order=True)
