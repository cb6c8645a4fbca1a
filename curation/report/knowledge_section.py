"""The section on what replies state: what contradicts itself, what differs every time, what a person should confirm."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from curation.report.blocks import Block, Cell, Note, Table, auto, count, rows_of
from curation.report.results import Results
from curation.report.words import Words

SHOWN = 15  # contexts of a table; the file has all
Row = Mapping[str, Any]


def knowledge(results: Results, words: Words) -> list[Block]:
    """How many facts there are; contradictions over time, contexts that vary, and the house's own facts."""
    table = results["facts/facts"]
    contradictory = table.filter("contradictory")
    contexts = contradictory["context_id"].n_unique()
    figures = {"facts": count(table.height), "statements": count(table["replies"].sum())}
    blocks: list[Block] = [
        Note(words("knowledge.found", ungrounded=count(table["ungrounded"].sum()), **figures)),
        Note(words("knowledge.contradictory", number=count(contexts)), "warning")
        if contexts
        else Note(words("knowledge.none_contradictory"), "good"),
    ]
    tables = (_contradictions(contradictory, words), _volatile(table, words), _house(table, words))
    return [*blocks, *(one for one in tables if one.rows)]


def _contradictions(table: pl.DataFrame, words: Words) -> Table:
    """A row a value, those of one context under one another in the order in which they came."""
    told = pl.col("conversations").sum().over("context_id")
    ordered = table.sort(told, "context_id", "first_seen", "value", descending=[True, False, False, False])
    first = ordered.unique("context_id", keep="first", maintain_order=True).head(SHOWN)
    rows: list[list[Cell]] = [
        [
            *_named(row, words),
            words.name_of("course", row["course"]),
            auto(row["words"]),
            *_seen(row, "first_seen", "last_seen"),
            rows_of(count(row["conversations"]), "facts", "--contradictions"),
        ]
        for row in ordered.join(first, on="context_id", how="semi", maintain_order="left").iter_rows(named=True)
    ]
    names = ("kind", "context", "course", "value", "first", "last", "conversations")
    return Table(words("knowledge.contradictions"), _header(names, words), rows, frozenset({6}))


def _volatile(table: pl.DataFrame, words: Words) -> Table:
    """Contexts whose values differ from one conversation to the next: a system's to know."""
    of_values = (
        table.filter(course="variable")
        .group_by("context_id")
        .agg(pl.col("kind", "context", "sentence").first(), values=pl.len(), told=pl.col("conversations").sum())
    )
    ordered = of_values.sort("told", "context_id", descending=[True, False]).head(SHOWN)
    rows: list[list[Cell]] = [
        [*_named(row, words), auto(row["sentence"]), count(row["values"]), _told(row, "--kind", row["kind"])]
        for row in ordered.iter_rows(named=True)
    ]
    names = ("kind", "context", "sentence", "values", "conversations")
    return Table(words("knowledge.volatile"), _header(names, words), rows, frozenset({3, 4}))


def _house(table: pl.DataFrame, words: Words) -> Table:
    """The house's own facts, each with the context that has it most often."""
    told = table.filter("house").with_columns(told=pl.col("conversations").sum().over("kind", "value"))
    own = told.unique(["kind", "value"], keep="first", maintain_order=True)
    ordered = own.sort("told", "kind", "value", descending=[True, False, False]).head(SHOWN)
    rows: list[list[Cell]] = [
        [*_named(row, words), auto(row["words"]), *_seen(row, "last_seen"), _told(row, "--house")]
        for row in ordered.iter_rows(named=True)
    ]
    names = ("kind", "context", "value", "last", "conversations")
    return Table(words("knowledge.house"), _header(names, words), rows, frozenset({4}))


def _named(row: Row, words: Words) -> tuple[Cell, Cell]:
    return words.name_of("fact_kind", row["kind"]), auto(row["context"])


def _told(row: Row, *asked: str) -> Cell:
    return rows_of(count(row["told"]), "facts", *asked)


def _seen(row: Row, *columns: str) -> list[Cell]:
    return [auto(f"{row[column]:%Y-%m-%d}") if row[column] else "" for column in columns]


def _header(names: tuple[str, ...], words: Words) -> list[str]:
    return [words(f"knowledge.{name}") for name in names]
