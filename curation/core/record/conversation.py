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
        "tool_call_id": pl.String,  # of a tool's result: the id of the call that it answers
        "reasoning": pl.String,  # what a model thought before this reply, where the source keeps it apart
        "train": pl.Boolean,  # false: shown, never learnt; null: as replies are by default, learnt
    }
)

FACT = pl.Struct(
    {
        "turn": pl.Int32,  # 0-based message
        "field": pl.String,  # of it: content or reasoning
        "start": pl.Int32,  # of the field, in code points
        "end": pl.Int32,
        "kind": pl.String,  # one of curation.core.text.facts.patterns.KINDS
        "treatment": pl.String,  # of route.facts; unlearn: not learnt, ground: learnt behind context that holds it
    }
)
FACTS = pl.List(FACT)  # of curated rows: what replies state and nothing before them contains

WORDS = ("content", "name", "tool_calls", "reasoning")  # fields of a message that hold what somebody wrote
# What makes two messages different ones. Ids of calls change from export to export and only link what stands there.
FIELDS = frozenset(("role", *WORDS))
UNTAUGHT = "untaught"  # the role under which checks see a reply that is not to be learnt

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


def message(  # noqa: PLR0913 - the fields of MESSAGE
    role: str,
    content: str,
    name: str | None = None,
    tool_calls: Any = None,
    tool_call_id: str | None = None,
    reasoning: str | None = None,
    train: bool | None = None,
) -> dict[str, Any]:
    """One message in the shape of MESSAGE; `tool_calls` may be JSON text or any JSON value."""
    if tool_calls is not None and not isinstance(tool_calls, str):
        tool_calls = canonical_json(tool_calls)
    return {
        "role": role,
        "content": content,
        "name": name,
        "tool_calls": tool_calls,
        "tool_call_id": tool_call_id,
        "reasoning": reasoning,
        "train": train,
    }


_BARE: dict[str, Any] = message("", "")


def bare_message(role: str, content: str) -> dict[str, Any]:
    """What message(role, content) gives, at a third of its cost: files hold millions of messages that say no more."""
    said = _BARE.copy()
    said["role"], said["content"] = role, content
    return said


def is_untaught(m: Mapping[str, Any]) -> bool:
    """Whether a message is a reply that its source says not to learn."""
    return m.get("train") is False and m["role"] == "assistant"


def is_taught(m: Mapping[str, Any]) -> bool:
    """Whether a message is a reply to learn."""
    return m["role"] == "assistant" and m.get("train") is not False


def canonical_json(value: Any) -> str:
    """One spelling per value: sorted keys, no spaces, UTF-8 kept; times and decimals, unknown to JSON, as text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def conversation_id(messages: Iterable[Mapping[str, Any]]) -> str:
    """128-bit SHA-256 prefix (32 hex digits) of the messages: the same words have the same id, anywhere.

    A reply that is not to be learnt makes another conversation of it: what people decide on the one says nothing of
    the other. That it may be learnt (train: true) is what all replies are by default, and no part of the id.
    """
    canonical = [
        {
            key: value
            for key, value in m.items()
            if value is not None and (key in FIELDS or (key == "train" and is_untaught(m)))
        }
        for m in messages
    ]
    try:
        spelled = orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)  # texts as canonical_json spells them
    except TypeError:  # it refuses half characters
        spelled = canonical_json(canonical).encode("utf-8", "surrogatepass")
    return _hashed(spelled)


def ids_match(rows: pl.DataFrame) -> pl.Series:
    """Whether each conversation_id is that of the messages.

    Messages that have a role and a content alone are spelled by the column, a third of the cost; what does not match so
    is hashed as `conversation_id` does it.
    """
    field = pl.element().struct.field
    bare = pl.all_horizontal(field(name).is_null() for name in ("train", *FIELDS - {"role", "content"}))
    spelled = pl.when(bare).then(pl.struct(field("content"), field("role")).struct.json_encode())
    texts = rows.select(pl.col("messages").list.eval(spelled).list.join(",", ignore_nulls=False)).to_series()
    ids = [text and _hashed(f"[{text}]".encode()) for text in texts]
    match = (rows["conversation_id"] == pl.Series(ids, dtype=pl.String)).fill_null(False)
    others = rows.filter(~match)
    closer = [conversation_id(messages) for messages in others["messages"]]
    return match.scatter(match.not_().arg_true(), others["conversation_id"] == pl.Series(closer, dtype=pl.String))


def _hashed(spelled: bytes) -> str:
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


SURVIVING = ("row_id", "survivor")  # of dedup's clusters


def survivors(table: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """The ingested conversations that dedup let stand, by conversation_id; of the clusters only SURVIVING counts."""
    surviving = clusters.filter("survivor").select("row_id")
    return table.join(surviving, on="row_id", how="semi").sort("conversation_id")


def as_taught(table: pl.DataFrame) -> pl.DataFrame:
    """The conversations as checks see them: a reply that is not to be learnt has the role UNTAUGHT.

    It stays part of what was said, so turns keep their numbers, but it is nobody's reply to judge.
    """
    untaught = pl.element().struct.field("train").eq(False) & (pl.element().struct.field("role") == "assistant")
    marked = table["messages"].list.eval(untaught.fill_null(False)).list.any().fill_null(False)
    if not marked.any():
        return table
    role = pl.when(untaught.fill_null(False)).then(pl.lit(UNTAUGHT)).otherwise(pl.element().struct.field("role"))
    return table.with_columns(pl.col("messages").list.eval(pl.element().struct.with_fields(role.alias("role"))))


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
