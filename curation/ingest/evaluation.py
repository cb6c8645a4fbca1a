"""The evaluation sets that must not be trained on: any files that ingest reads, in data/evaluation."""

from pathlib import Path

import polars as pl

from curation.harness.errors import QiratError
from curation.ingest.containers import open_file
from curation.ingest.formats import Reading
from curation.ingest.reading import format_for
from curation.record.conversation import conversations
from curation.record.repair import repair_messages

_NAMES = {  # of roles, as public sets have them
    "user": ("human", "prompter", "customer", "client", "question"),
    "assistant": ("gpt", "bot", "agent", "model", "answer"),
    "tool": ("function",),
}
READING = Reading.model_validate({"roles": {name: role for role, names in _NAMES.items() for name in names}})


def read_evaluation_sets(folder: Path) -> pl.DataFrame:
    """The record of every evaluation conversation; row_id = file:line. An empty folder is no error."""
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        contents = open_file(path)
        chosen = contents and format_for(path.name, contents, {})
        if contents is None or not chosen:
            raise QiratError(f"{path}: no reader for this file; write evaluation sets as JSONL of {{messages: [...]}}")
        if fault := next((row for row in contents.rows if row.fault), None):
            raise QiratError(f"{path}, row {fault.number}: {fault.fault}")
        for outcome in chosen.read(contents, READING):
            number = outcome.rows[0].number
            if outcome.messages is None:
                raise QiratError(f"{path}, row {number}: {outcome.reason}")
            messages = repair_messages(outcome.messages, merge=True)
            rows.append({"row_id": f"{path.relative_to(folder).as_posix()}:{number}", "messages": messages})
    return conversations(rows).unique("conversation_id", keep="first", maintain_order=True)
