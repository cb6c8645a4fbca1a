"""The record every stage passes on: one conversation, its messages and where it came from."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import polars as pl

ROLES = ("system", "user", "assistant", "tool")

MESSAGE = pl.Struct(
    {
        "role": pl.String,  # one of ROLES
        "content": pl.String,  # never null; "" where a turn only calls tools
        "name": pl.String,
        "tool_calls": pl.String,  # JSON text, as the source gave it
    }
)

FIELDS = frozenset(field.name for field in MESSAGE.fields)

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "row_id": pl.String,  # source_file:source_row, unique
    "conversation_id": pl.String,  # hash of the messages, see conversation_id()
    "messages": pl.List(MESSAGE),
    "tools": pl.String,  # JSON text
    "label": pl.String,
    "language": pl.String,  # as language.py tells it: ISO 639-1, "mixed", "other" or "und"
    "source": pl.String,  # name of the reader that understood the file
    "source_file": pl.String,  # relative to the raw folder
    "source_row": pl.Int64,  # 1-based line, element or first table row
    "source_id": pl.String,
    "customer": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "licence": pl.String,
    "metadata": pl.String,  # JSON text
}
SCHEMA = pl.Schema(_COLUMNS)


def message(role: str, content: str, name: str | None = None, tool_calls: Any = None) -> dict[str, Any]:
    """One message in the shape of MESSAGE; `tool_calls` may be JSON text or any JSON value."""
    if tool_calls is not None and not isinstance(tool_calls, str):
        tool_calls = canonical_json(tool_calls)
    return {"role": role, "content": content, "name": name, "tool_calls": tool_calls}


def canonical_json(value: Any) -> str:
    """One spelling per value: sorted keys, no spaces, UTF-8 kept; times and decimals, unknown to JSON, as text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def conversation_id(messages: Iterable[Mapping[str, Any]]) -> str:
    """128-bit SHA-256 prefix (32 hex digits) of the messages: the same words have the same id, anywhere."""
    canonical = [{key: value for key, value in m.items() if value is not None and key in FIELDS} for m in messages]
    try:
        spelled = orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)  # texts as canonical_json spells them
    except TypeError:  # it refuses half characters
        spelled = canonical_json(canonical).encode("utf-8", "surrogatepass")
    return hashlib.sha256(spelled).hexdigest()[:32]


def conversations(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table of the record's columns from plain dicts; missing columns are null, ids are computed where absent."""
    filled = [
        {
            **row,
            "messages": [message(**m) for m in row["messages"]],
            "conversation_id": row.get("conversation_id") or conversation_id(row["messages"]),
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=SCHEMA) if filled else pl.DataFrame(schema=SCHEMA)


def survivors(table: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """The ingested conversations that dedup let stand, by conversation_id."""
    surviving = clusters.filter("survivor").select("row_id")
    return table.join(surviving, on="row_id", how="semi").sort("conversation_id")


def turns(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """One row a message: conversation_id, turn (0-based), role, content, then any further `columns` of either."""
    return (
        table.select("conversation_id", "messages", *(c for c in columns if c in table.columns))
        .with_columns(turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.Int32))
        .explode("messages", "turn", empty_as_null=False)
        .unnest("messages")
        .select("conversation_id", "turn", "role", "content", *columns)
    )


def as_text(messages: Iterable[Mapping[str, Any]]) -> str:
    """The conversation as people read it, one `role: content` block a turn."""
    return "\n".join(f"{m['role']}: {m['content']}" for m in messages)
