"""The full-text index: one FTS5 table a dataset, one column a field, kept by triggers on Argilla's own tables.

A record and its index row are written in one transaction, so a killed server leaves no record that search cannot find.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.event import listens_for

from .folding import fold

# Letters, numbers and marks make a word; FTS5's own choice would split Arabic words at their vowel marks.
_TOKENIZER = "unicode61 remove_diacritics 0 categories ''L* N* Co Mn Mc''"


@listens_for(Engine, "connect")  # type: ignore[untyped-decorator]
def _teach_to_fold(connection: Any, _: Any) -> None:
    """The triggers call `fold`, so every connection knows it."""
    connection.create_function("fold", 1, fold, deterministic=True)


def table(dataset: Any) -> str:
    """Name of the data set's index."""
    return f"text_of_{dataset.id.hex}"


def fields(dataset: Any) -> list[Any]:
    """The fields in the order of the index's columns, which are named f0, f1, …"""
    return sorted(dataset.fields, key=lambda field: field.id.hex)


async def create(db: Any, dataset: Any) -> None:
    """Makes the index of a dataset anew from its records. Row ids are those of the records."""
    await drop(db, dataset)
    name, names = table(dataset), [field.name for field in fields(dataset)]
    columns = ", ".join(f"f{number}" for number in range(len(names)))
    of_dataset = f"dataset_id = '{dataset.id.hex}'"
    insert = f"INSERT INTO {name} (rowid, {columns})"
    remove = f"DELETE FROM {name} WHERE rowid = OLD.rowid"
    for statement in (
        f"CREATE VIRTUAL TABLE {name} USING fts5({columns}, tokenize='{_TOKENIZER}')",
        f"{insert} SELECT rowid, {_texts('records', names)} FROM records WHERE {of_dataset}",
        f"CREATE TRIGGER {name}_insert AFTER INSERT ON records WHEN NEW.{of_dataset} "
        f"BEGIN {insert} VALUES (NEW.rowid, {_texts('NEW', names)}); END",
        f"CREATE TRIGGER {name}_update AFTER UPDATE OF fields ON records WHEN NEW.{of_dataset} "
        f"BEGIN {remove}; {insert} VALUES (NEW.rowid, {_texts('NEW', names)}); END",
        f"CREATE TRIGGER {name}_delete AFTER DELETE ON records WHEN OLD.{of_dataset} BEGIN {remove}; END",
    ):
        await db.execute(_literal(statement))
    await db.commit()


async def drop(db: Any, dataset: Any) -> None:
    """Removes the index and what keeps it, if there."""
    for event in ("insert", "update", "delete"):
        await db.execute(_literal(f"DROP TRIGGER IF EXISTS {table(dataset)}_{event}"))
    await db.execute(_literal(f"DROP TABLE IF EXISTS {table(dataset)}"))
    await db.commit()


def _texts(row: str, names: Sequence[str]) -> str:
    """SQL for the folded words of each field: a text, or what all messages of a chat say."""
    return ", ".join(
        f"(SELECT fold(group_concat(atom, char(10))) FROM json_tree({row}.fields, {_quoted('$.' + json.dumps(name))}) "
        "WHERE type = 'text' AND key IS NOT 'role')"
        for name in names
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(statement: str) -> Any:
    return text(statement.replace(":", r"\:"))  # a colon would name a parameter, and triggers take none
