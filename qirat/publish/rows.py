"""The curated conversations as chat models and trainers take them, and nothing that is only ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from curation.core.record.conversation import is_untaught
from training.model.template.messages import InexpressibleError, objects, plain

Row = dict[str, Any]
Parts = Mapping[str, Sequence[Row]]  # rows by split
PARTS = ("train", "dev", "test")
RECORDED = ("messages", "tools", "conversation_id", "label", "language", "source", "licence", "facts")


def conversation_rows(splits: Mapping[str, pl.DataFrame]) -> tuple[Parts, int]:
    """The published columns of every conversation, and how many no chat template can say.

    `id` is the hash of the words as they leave, never of words before masking; customers, times, places in the raw
    files and metadata stay here. `facts` are places in `messages`, as FACTS.
    """
    parts: dict[str, list[Row]] = {}
    left_out = 0
    for split, table in splits.items():
        parts[split] = []
        for row in table.select(RECORDED).iter_rows(named=True):
            try:
                parts[split].append(_row(row, split))
            except InexpressibleError:
                left_out += 1
    return parts, left_out


def spoken(messages: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Messages as TRL's conversational formats have them: no empty keys, tool calls as objects, thoughts apart.

    Raises InexpressibleError for tool calls that are no JSON.
    """
    return [
        said | ({"reasoning_content": m["reasoning"]} if m.get("reasoning") else {})
        for m, said in zip(messages, plain(messages), strict=True)
    ]


def tools_of(text: str | None) -> list[Row] | None:
    """A row's tools as objects; None where it has none. Raises InexpressibleError."""
    return objects(text) or None


def present(parts: Mapping[str, Iterable[Row]]) -> dict[str, list[Row]]:
    """The splits that have rows, in their order."""
    found = {split: list(parts.get(split, ())) for split in PARTS}
    return {split: rows for split, rows in found.items() if rows}


def _row(row: Mapping[str, Any], split: str) -> Row:
    facts = [{**fact, "field": FIELDS.get(fact["field"], fact["field"])} for fact in row["facts"] or ()]
    return {
        "id": row["conversation_id"],
        "messages": spoken(row["messages"]),
        "tools": tools_of(row["tools"]),
        **{name: row[name] for name in ("label", "language", "source", "licence")},
        "facts": facts,
        "untaught": [turn for turn, m in enumerate(row["messages"]) if is_untaught(m)],
        "split": split,
    }


FIELDS = {"reasoning": "reasoning_content"}  # of a message here -> as `spoken` names it
