"""Where replies of curated conversations state facts that nothing before them contains, and what becomes of each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from curation.core.record.conversation import FACTS, is_taught
from curation.core.text.facts import facts, ungrounded
from curation.curate.fates import CURATED
from curation.curate.knowledge import statements

FINISHED = pl.Schema([*CURATED.items(), ("facts", FACTS)])
AT_ONCE = 50  # conversations whose texts, read for their facts, are remembered for what they state
Read = tuple[pl.DataFrame, pl.DataFrame]  # rows with `facts`, and STATED


def fact_finder(treatments: Mapping[str, str], confirmed: Collection[str]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: rows with `facts`, places in the words as they now are; kind -> treatment, and values left out."""
    values = {value for said in confirmed for value in (said, *(fact.value for fact in facts(said)))}
    return partial(with_facts, treatments=treatments, confirmed=frozenset(values))


def reader(treatments: Mapping[str, str], confirmed: Collection[str]) -> Callable[[pl.DataFrame], Read]:
    """The kernel: the rows with `facts`, and what their replies state."""
    find = fact_finder(treatments, confirmed)

    def read(rows: pl.DataFrame) -> Read:
        few = list(rows.iter_slices(AT_ONCE)) or [rows]
        found = [(find(some), statements(some)) for some in few]
        return pl.concat(some for some, _ in found), pl.concat(stated for _, stated in found)

    return read


def with_facts(rows: pl.DataFrame, treatments: Mapping[str, str], confirmed: Collection[str]) -> pl.DataFrame:
    """The rows with the column `facts`, FACTS; a row whose replies state none has an empty list."""
    found = [_facts(messages, treatments, confirmed) for (messages,) in rows.select("messages").iter_rows()]
    return rows.with_columns(facts=pl.Series(found, dtype=FACTS))


def _facts(
    messages: Sequence[Mapping[str, Any]], treatments: Mapping[str, str], confirmed: Collection[str]
) -> list[dict[str, Any]]:
    learnt = [turn for turn, m in enumerate(messages) if is_taught(m)]
    thought = [turn for turn in learnt if messages[turn].get("reasoning")]
    found = [
        (turn, field, fact)
        for field, replies in (("content", learnt), ("reasoning", thought))
        for turn, fact in ungrounded(messages, replies, field)
        if fact.value not in confirmed
    ]
    return [
        {
            "turn": turn,
            "field": field,
            "start": fact.start,
            "end": fact.end,
            "kind": fact.kind,
            "treatment": _treatment(treatments[fact.kind], field),
        }
        for turn, field, fact in sorted(found, key=lambda one: (one[0], one[1]))
    ]


def _treatment(treatment: str, field: str) -> str:
    """What is only thought is not given to be read, and so not learnt either."""
    return "unlearn" if treatment == "ground" and field == "reasoning" else treatment
