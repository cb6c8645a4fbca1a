"""Rows that no rule names and that may be of the same customer: named in their words, or spelled nearly so."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import polars as pl

from curation.core.record.conversation import WORDS
from curation.core.text.folding import fold, folded
from curation.core.text.identity import identities, identities_within, identity, nearness, possible_within

NAMED = 3  # rows named as examples
COLUMNS = ("customer", "source_id", "label")


def named_in_words(said: str, others: pl.DataFrame) -> pl.DataFrame:
    """Those of the rows that name the customer in messages, calls or metadata, in whatever spelling."""
    spoken = [
        pl.col("messages").list.eval(pl.element().struct.field(part).drop_nulls()).list.join("\n") for part in WORDS
    ]
    text = pl.concat_str([*spoken, pl.col("metadata").fill_null("")], separator="\n")
    whole_word = rf"(?:^|\W){pl.escape_regex(fold(said))}(?:\W|$)"
    read = others.with_columns(_text=text, _named=folded(text).str.contains(whole_word))
    me = identity(said)
    if "@" in me or me.isdigit():
        spelled = [me in possible_within(one) for one in read["_text"]]
        read = read.with_columns(_named=pl.col("_named") | pl.Series(spelled, dtype=pl.Boolean))
    return read.filter("_named").drop("_text", "_named")


def spelled_nearly(said: str, others: pl.DataFrame) -> Iterator[str]:
    """Which columns of which rows hold another spelling that may be the same customer, and how they differ.

    The spellings themselves are personal data, which no terminal shows unasked.
    """
    me, found = identity(said), defaultdict[tuple[str, str], set[str]](set)
    for value, places in _values(others).items():
        spelled = identities(value)
        if me not in spelled and (how := next(filter(None, (nearness(me, one) for one in sorted(spelled))), None)):
            for column, row in places:
                found[column, how].add(row)
    for (column, how), rows in sorted(found.items()):
        shown = ", ".join(sorted(rows)[:NAMED])
        yield f"{len(rows):,} rows have nearly this in {column}: {how} (first: {shown});"
    if found:
        yield "  they stay unless you say each: look with `qirat why ROW --show-personal-data`, then forget it as well"


def _values(rows: pl.DataFrame) -> dict[str, set[tuple[str, str]]]:
    """Every value that may name somebody, with the columns and rows that hold it."""
    found = defaultdict[str, set[tuple[str, str]]](set)
    for row in rows.select("row_id", *COLUMNS, "metadata", "messages").iter_rows(named=True):
        for column, value in _of_row(row):
            found[value].add((column, row["row_id"]))
    return found


def _of_row(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((column, row[column]) for column in COLUMNS if row[column])
    yield from (("metadata", leaf) for leaf in _leaves(row["metadata"]))
    for message in row["messages"]:
        if message["name"]:
            yield "a speaker's name", message["name"]
        texts = (message[part] for part in ("content", "tool_calls", "reasoning") if message[part])
        yield from (("the words", found) for text in texts for found in identities_within(text))


def _leaves(metadata: str | None) -> Iterator[str]:
    try:
        parts = [json.loads(metadata or "null")]
    except ValueError:
        parts = [metadata]
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list):
            parts += part.values() if isinstance(part, dict) else part
        elif isinstance(part, str | int | float) and not isinstance(part, bool):
            yield str(part)
