"""The sections on where the rows that are not used come from: by file and by month, each against the reasons."""

from collections.abc import Sequence

import polars as pl
from markupsafe import Markup

from curation.report.blocks import Block, Cell, Note, Table, auto, code, count, rows_of, share
from curation.report.figures import bars
from curation.report.results import REMOVED, USED, Results
from curation.report.words import Words

REASONS = 6  # that have a column of their own, the most frequent ones
SHOWN = 15  # files with a row in the table of reasons; the table beside it has all
SHADES = 4  # of a cell, by the share of the rows that it holds
FILE = pl.coalesce("source_file", pl.col("row_id").str.replace(r":[^:]*$", "")).alias("file")
MONTH = pl.col("created_at").dt.strftime("%Y-%m").alias("month")


def worst_first(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """`by`, raw, clean of Results.rows(): first those that lose most rows beyond their part, not the smallest."""
    table = rows.group_by(by).agg(raw=pl.len(), clean=pl.col("outcome").is_in(USED).sum())
    usual = rows.filter(pl.col("outcome").is_in(USED)).height / max(rows.height, 1)
    beyond = (pl.col("raw") * usual - pl.col("clean")).round(6)
    return table.sort(beyond, by, descending=[True, False])


def worst_file(results: Results, words: Words) -> Note:
    """The file that loses most, and by which reason."""
    rows = results.rows().with_columns(FILE)
    if rows.is_empty():
        return Note(words("files.all_clean"), "good", "files")
    worst = worst_first(rows, "file").row(0, named=True)
    lost = rows.filter(pl.col("outcome").is_in(REMOVED), file=worst["file"])
    if lost.is_empty():
        return Note(words("files.all_clean"), "good", "files")
    figures = {"clean": count(worst["clean"]), "raw": count(worst["raw"]), "share": share(worst["clean"], worst["raw"])}
    reason = words.titled(_reasons(lost)[0])
    return Note(
        Markup(words("files.worst")).format(file=code(worst["file"]), reason=reason, **figures), section="files"
    )


def by_file(results: Results, words: Words) -> Table:
    """Reasons of each file, the worst file first."""
    rows = results.rows().with_columns(FILE)
    order = worst_first(rows, "file").head(SHOWN)
    return _crossed(rows, order, [code(name) for name in order["file"]], "file", words)


def months(results: Results, words: Words) -> list[Block]:
    """Rows and reasons of each month, in the order of time; the undated last."""
    rows = results.rows().with_columns(MONTH)
    dated = rows.drop_nulls("month")
    if dated.is_empty():
        return [Note(words("months.none"))]
    worst = worst_first(dated, "month").row(0, named=True)
    figures = {"first": dated["month"].min(), "last": dated["month"].max(), "month": worst["month"]}
    gist = Note(
        words("months.gist", share=share(worst["clean"], worst["raw"]), **{k: _ltr(v) for k, v in figures.items()})
    )
    order = worst_first(rows, "month").sort("month", nulls_last=True)
    names: list[Cell] = [words("none") if name is None else auto(name) for name in order["month"]]
    return [gist, _crossed(rows, order, names, "month", words)]


def _crossed(rows: pl.DataFrame, order: pl.DataFrame, names: Sequence[Cell], by: str, words: Words) -> Table:
    """Raw and clean rows of each value of `by`, and how many the most frequent reasons kept out."""
    lost = rows.filter(pl.col("outcome").is_in(REMOVED)).with_columns(pl.col("code").fill_null(""))
    reasons = _reasons(lost)[:REASONS]
    counts = {(value, reason): n for value, reason, n in lost.group_by(by, "code").len().iter_rows()}
    most = order["raw"].max() or 1
    table: list[list[Cell]] = [
        [
            name,
            rows_of(count(row["raw"]), *_asked(by, row[by])),
            rows_of(share(row["clean"], row["raw"]), *_asked(by, row[by], "--used")),
            bars(row["raw"] / most, row["clean"] / most),
            *(_lost(counts.get((row[by], reason), 0), row["raw"], by, row[by], reason) for reason in reasons),
        ]
        for name, row in zip(names, order.iter_rows(named=True), strict=True)
    ]
    header = [words(f"months.{name}") for name in (by, "raw", "kept", "drawing")]
    caption = words(f"months.{by}_caption")
    numbers = frozenset({1, 2, *range(4, 4 + len(reasons))})
    return Table(caption, [*header, *map(words.titled, reasons)], table, numbers)


def _reasons(lost: pl.DataFrame) -> list[str]:
    """The reasons that kept rows out, the most frequent first."""
    return lost["code"].fill_null("").value_counts().sort("count", "code", descending=[True, False])["code"].to_list()


def _asked(by: str, value: str | None, *more: str) -> tuple[str, ...]:
    """The line that lists the rows of a file or a month."""
    return ("why", *more, f"--{by}", value or "none")


def _lost(number: int, raw: int, by: str, value: str | None, reason: str) -> Markup:
    shaded = _shaded(number, raw)
    return rows_of(shaded, *_asked(by, value, "--code", reason)) if number and reason else shaded


def _shaded(number: int, raw: int) -> Markup:
    shade = min(SHADES, round(10 * number / raw + 0.5)) if number else 0
    return Markup('<span class="shade{}">{}</span>').format(shade, count(number) if number else "·")


def _ltr(text: object) -> str:
    return f"\N{LEFT-TO-RIGHT ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
