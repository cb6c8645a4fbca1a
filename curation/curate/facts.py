"""Where replies of curated conversations state facts that nothing before them contains, and what becomes of each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import polars as pl

from curation.core.record.conversation import FACT, FACTS
from curation.core.text.facts import Fact, facts, ungrounded
from curation.curate.fates import CURATED
from curation.curate.knowledge import STATED, stated
from curation.curate.stating import TOLD, may_state

FINISHED = pl.Schema([*CURATED.items(), ("facts", FACTS)])
Read = tuple[pl.DataFrame, pl.DataFrame]  # rows with `facts`, and STATED
Row = Mapping[str, Any]  # of `may_state`
Apart = Sequence[tuple[int, Fact]]  # turn and fact, each that nothing before the turn holds


def reader(treatments: Mapping[str, str], confirmed: Collection[str]) -> Callable[[pl.DataFrame], Read]:
    """The kernel: the rows with `facts`, and what their replies state.

    Places are those of the words as they now are. `treatments`: kind -> what becomes of it; `confirmed`: values that
    are left out, in any spelling.
    """
    values = frozenset(value for said in confirmed for value in (said, *(fact.value for fact in facts(said))))

    def read(rows: pl.DataFrame) -> Read:
        found, told = dict[str, list[dict[str, Any]]](), list[dict[str, Any]]()
        for row in may_state(rows).iter_rows(named=True):
            apart = list(ungrounded(row["messages"], row["turn"]))
            found[row["conversation_id"]] = _facts(row, apart, treatments, values)
            told += stated(row, apart)
        return _with(rows, found), pl.DataFrame(told, schema=STATED)

    return read


def with_facts(rows: pl.DataFrame, treatments: Mapping[str, str], confirmed: Collection[str]) -> pl.DataFrame:
    """The rows with the column `facts`, FACTS; a row whose replies state none has an empty list."""
    absent = (pl.lit(None).alias(name) for name in TOLD if name not in rows.columns)
    return rows.with_columns(reader(treatments, confirmed)(rows.with_columns(absent))[0]["facts"])


def _with(rows: pl.DataFrame, found: Mapping[str, list[dict[str, Any]]]) -> pl.DataFrame:
    places = [{"conversation_id": key, **one} for key, these in found.items() for one in these]
    flat = pl.DataFrame(places, schema={"conversation_id": pl.String, **_PLACE})
    of_rows = flat.group_by("conversation_id", maintain_order=True).agg(facts=pl.struct(*_PLACE))
    joined = rows.join(of_rows, on="conversation_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("facts").fill_null(pl.lit([], FACTS)))


_PLACE = FACT.to_schema()


def _facts(row: Row, apart: Apart, treatments: Mapping[str, str], confirmed: Collection[str]) -> list[dict[str, Any]]:
    thought = ungrounded(row["messages"], row["thought"], "reasoning")
    found = [("content", *one) for one in apart] + [("reasoning", *one) for one in thought]
    return [
        {
            "turn": turn,
            "field": field,
            "start": fact.start,
            "end": fact.end,
            "kind": fact.kind,
            "treatment": _treatment(treatments[fact.kind], field),
        }
        for field, turn, fact in sorted(found, key=lambda one: (one[1], one[0]))
        if fact.value not in confirmed
    ]


def _treatment(treatment: str, field: str) -> str:
    """What is only thought is not given to be read, and so not learnt either."""
    return "unlearn" if treatment == "ground" and field == "reasoning" else treatment
