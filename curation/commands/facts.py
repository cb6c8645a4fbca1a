"""The facts that the replies of the curated set state: `qirat facts --contradictions`.

Reads data/facts/facts.parquet, which the stage curate writes; data/facts/facts.csv holds the same for a spreadsheet.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from curation.core.text.facts.patterns import KINDS
from curation.harness.errors import QiratError, meant
from curation.harness.files import finished_table

WIDEST = 40  # characters of a value or a context in a line


def facts(kind: str | None, contradictions: bool, house: bool, most: int) -> dict[str, Any]:
    """The facts asked for, most told first, at most so many of them; those that contradict one another by context."""
    if kind is not None and kind not in KINDS:
        raise QiratError(f"there is no kind of facts {kind!r}{meant(kind, KINDS)}; the kinds are {', '.join(KINDS)}")
    table = finished_table("facts/facts")
    asked = table.filter(
        pl.lit(True) if kind is None else pl.col("kind") == kind,
        pl.col("contradictory") if contradictions else pl.lit(True),
        pl.col("house") if house else pl.lit(True),
    )
    if contradictions:
        told = pl.col("conversations").sum().over("context_id")
        asked = asked.sort(told, "context_id", "first_seen", "value", descending=[True, False, False, False])
    return {
        "facts": table.height,
        "asked": asked.height,
        "contradictory": table.filter("contradictory")["context_id"].n_unique(),
        "house": table.filter("house").select("kind", "value").n_unique(),
        "by_context": contradictions,
        "rows": [{name: _plain(value) for name, value in row.items()} for row in asked.head(most).to_dicts()],
    }


def as_text(answer: Mapping[str, Any]) -> str:
    """The answer as a person reads it."""
    rows = answer["rows"]
    lines = [*(_stories(rows) if answer["by_context"] else _lines(rows))]
    if answer["asked"] > len(rows):
        lines.append(f"and {answer['asked'] - len(rows):,} more (--most; data/facts/facts.csv has all)")
    return "\n".join(
        [
            *(lines or ["No such fact."]),
            "",
            f"{answer['facts']:,} facts; in {answer['contradictory']:,} contexts values contradict one another over "
            "time (--contradictions); "
            f"{answer['house']:,} are the house's own and want a person to confirm them (--house)",
        ]
    )


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        yield f"{'kind':<11}{'value':<{WIDEST}} {'of':<{WIDEST}} {'told':>6} {'new':>6}  {'course':<9}seen"
    for row in rows:
        house = "  house" if row["house"] else ""
        yield (
            f"{row['kind']:<11}{_cut(row['words']):<{WIDEST}} {_cut(row['context']):<{WIDEST}} "
            f"{row['conversations']:>6,} {row['ungrounded']:>6,}  {row['course']:<9}{_seen(row):<23}{house}".rstrip()
        )
    if rows:
        yield ""
        yield "told: conversations that state it; new: those in which nothing said before holds it"


def _stories(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A context a paragraph, its values in the order in which they came."""
    for number in dict.fromkeys(row["context_id"] for row in rows):
        values = [row for row in rows if row["context_id"] == number]
        first = values[0]
        how = "one after the other" if first["course"] == "changed" else "side by side"
        yield f"{first['kind']} of {first['context']} ({first['language']}), {how}: {first['sentence']}"
        for row in values:
            yield f"  {row['words']:<{WIDEST}} {_seen(row):<23} {row['conversations']:>6,} conversations"


def _seen(row: Mapping[str, Any]) -> str:
    first, last = ((row[name] or "")[:10] for name in ("first_seen", "last_seen"))
    return first if first == last else f"{first} to {last}"


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
