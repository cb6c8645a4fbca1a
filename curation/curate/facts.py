"""Where replies of curated conversations state facts that nothing before them contains, and what becomes of each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from curation.record.conversation import FACTS, is_taught
from curation.text.facts import facts, ungrounded


def fact_finder(treatments: Mapping[str, str], confirmed: Collection[str]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: rows with `facts`, places in the words as they now are; kind -> treatment, and values left out."""
    values = {value for said in confirmed for value in (said, *(fact.value for fact in facts(said)))}
    return partial(with_facts, treatments=treatments, confirmed=frozenset(values))


def with_facts(rows: pl.DataFrame, treatments: Mapping[str, str], confirmed: Collection[str]) -> pl.DataFrame:
    """The rows with the column `facts`, FACTS; a row whose replies state none has an empty list."""
    found = [_facts(messages, treatments, confirmed) for (messages,) in rows.select("messages").iter_rows()]
    return rows.with_columns(facts=pl.Series(found, dtype=FACTS))


def _facts(
    messages: Sequence[Mapping[str, Any]], treatments: Mapping[str, str], confirmed: Collection[str]
) -> list[dict[str, Any]]:
    learnt = [turn for turn, m in enumerate(messages) if is_taught(m)]
    return [
        {"turn": turn, "start": fact.start, "end": fact.end, "kind": fact.kind, "treatment": treatments[fact.kind]}
        for turn, fact in ungrounded(messages, learnt)
        if fact.value not in confirmed
    ]
