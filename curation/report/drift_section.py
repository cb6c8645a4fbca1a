"""The section on what changed: the last month against those before it, and the set against the one published last."""

from collections.abc import Sequence

import polars as pl

from curation.report.blocks import Block, Cell, Note, Table, auto, rows_of, share
from curation.report.examples import Picking
from curation.report.profile import FEW, Shift, profile, shifts
from curation.report.results import Results
from curation.report.source_section import MONTH
from curation.report.words import Words

TOLD = 3  # changes in the sentence
ASKED = {"language": "--language", "label": "--label", "source": "--source", "code": "--code"}


def drift(results: Results, words: Words, picking: Picking) -> list[Block]:
    """Shares that moved by more than chance would move them, the largest first; all that was compared, folded."""
    rows = results.with_reply()
    return [*_months(rows, words, picking.countries), *_versions(results, rows, words, picking.countries)]


def _months(rows: pl.DataFrame, words: Words, countries: Sequence[str]) -> list[Block]:
    dated = rows.with_columns(MONTH).drop_nulls("month")
    last = dated["month"].max() or ""
    new, old = dated.filter(pl.col("month") == last), dated.filter(pl.col("month") != last)
    if min(new.height, old.height) < FEW:
        return [Note(words("drift.no_months"))]
    found = shifts(profile(old, countries), profile(new, countries))
    return _told(found, "month", str(last), words)


def _versions(results: Results, rows: pl.DataFrame, words: Words, countries: Sequence[str]) -> list[Block]:
    now = profile(rows, countries)
    before = next((one for one in reversed(results.versions) if one.set != now.set), None)
    if before is None:
        return [Note(words("drift.no_versions"))]
    return _told(shifts(before, now), "version", before.set, words)


def _told(found: Sequence[Shift], against: str, name: str, words: Words) -> list[Block]:
    moved = [one for one in found if one.beyond_chance]
    named = words("comma").join(
        words("drift.of", what=_named(one, words), before=share(one.before, 1), now=share(one.now, 1))
        for one in moved[:TOLD]
    )
    key = f"drift.{against}_{'moved' if moved else 'same'}"
    figures = {"name": _ltr(name), "all": len(found)}
    note = Note(words(key, number=len(moved), what=named, **figures), "warning" if moved else "good")
    month = name if against == "month" else ""
    tables = [
        Table(
            words(f"drift.{caption}", **figures),
            _header(words),
            _rows(part, month, words),
            frozenset({2, 3, 4, 5}),
            folded=caption == "all",
        )
        for caption, part in (("moved", moved), ("all", found))
        if part
    ]
    return [note, *tables]


def _rows(found: Sequence[Shift], month: str, words: Words) -> list[list[Cell]]:
    return [
        [
            words(f"drift.{one.kind}"),
            _value(one, words),
            share(one.before, 1),
            _now(one, month),
            _ltr(f"{100 * (one.now - one.before):+.1f}"),
            _ltr(f"{100 * one.low:+.1f} … {100 * one.high:+.1f}"),
        ]
        for one in found
    ]


def _now(one: Shift, month: str) -> Cell:
    """The share now, with the line that lists its rows."""
    asked = ("--month", month) if month else ()
    if one.kind == "outcome":
        return rows_of(share(one.now, 1), "why", f"--{one.value}", *asked)
    if one.kind not in ASKED:
        return share(one.now, 1)
    used = () if one.kind == "code" else ("--used",)
    return rows_of(share(one.now, 1), "why", *used, ASKED[one.kind], one.value, *asked)


def _value(one: Shift, words: Words) -> Cell:
    if one.kind == "code":
        return words.titled_code(one.value)
    kinds = {"language": "languages", "style": "drift.styles", "outcome": "outcome"}
    return words.name_of(kinds[one.kind], one.value) if one.kind in kinds else auto(one.value)


def _named(one: Shift, words: Words) -> str:
    """A value in a sentence, behind what kind it is of."""
    value = words.titled(one.value) if one.kind == "code" else _value(one, words)
    name = value.striptags() if hasattr(value, "striptags") else value
    return f"{words(f'drift.{one.kind}')}: \N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def _ltr(figures: str) -> str:
    """Figures with their signs, in one piece in either direction of text."""
    signed = figures.replace("-", "−") if figures[0] in "+-" else figures
    return f"\N{LEFT-TO-RIGHT ISOLATE}{signed}\N{POP DIRECTIONAL ISOLATE}"


def _header(words: Words) -> list[str]:
    return [words(f"drift.{name}") for name in ("kind", "value", "before", "now", "points", "between")]
