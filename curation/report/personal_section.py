"""The section on personal data: what was seen of each kind, what becomes of it, and how much of it the checks see."""

from typing import Any

import polars as pl

from curation.core.record.codes import PII
from curation.report.blocks import Block, Cell, Note, Table, count, rows_of, share
from curation.report.results import USED, Results
from curation.report.words import Words

COVERED = ("mask", "reject")  # of which nothing that was seen is left in the clean set


def personal(results: Results, words: Words) -> list[Block]:
    """What is left in the clean set of kinds that are not masked, then every kind and what becomes of it."""
    if results.policy is None:
        return [Note(words("personal.none"), "warning")]
    treatments = results.policy.pii
    seen = _seen(results)
    left = [(kind, seen[kind]["used"]) for kind, what in treatments.items() if what not in COVERED and kind in seen]
    told = [f"{words.titled(PII + kind)} {count(used)}" for kind, used in left if used]
    gist = (
        Note(words("personal.left", kinds=words("comma").join(told)), "warning")
        if told
        else Note(words("personal.nothing"), "good")
    )
    recall = {} if results.missing("audited/recall") else _recall(results["audited/recall"])
    rows: list[list[Cell]] = [
        [
            words.titled_code(PII + kind),
            words(f"personal.{what}"),
            *_counted(PII + kind, seen.get(kind, {"all": 0, "used": 0})),
            _found(recall.get(PII + kind), words),
        ]
        for kind, what in treatments.items()
    ]
    header = [words(f"personal.{name}") for name in ("kind", "treatment", "seen", "used", "found")]
    return [gist, Table(words("personal.caption"), header, rows, frozenset({2, 3}))]


def _seen(results: Results) -> dict[str, dict[str, int]]:
    """kind -> rows in which it was seen, and how many of them are used."""
    found = results["scored/findings"].filter(pl.col("code").str.starts_with(PII)).select("conversation_id", "code")
    closed = results.rows().select("row_id", "conversation_id", used=pl.col("outcome").is_in(USED))
    table = (
        found.unique()
        .join(closed, on="conversation_id")
        .group_by("code")
        .agg(pl.len().alias("all"), pl.col("used").sum())
    )
    return {row["code"].removeprefix(PII): row for row in table.iter_rows(named=True)}


def _counted(code: str, seen: dict[str, Any]) -> tuple[Cell, Cell]:
    of = ("--code", code, "--all")
    return rows_of(count(seen["all"]), "why", *of), rows_of(count(seen["used"]), "why", "--used", *of)


def _recall(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Of the least found language of each kind."""
    least = table.sort("share", "kind", "language").unique("kind", keep="first", maintain_order=True)
    return {row["kind"]: row for row in least.iter_rows(named=True)}


def _found(row: dict[str, Any] | None, words: Words) -> str:
    if row is None:
        return words("personal.unmeasured")
    shares = {name: share(row[name], 1) for name in ("share", "low", "high")}
    return words("personal.of_planted", language=words.name_of("languages", row["language"]), **shares)
