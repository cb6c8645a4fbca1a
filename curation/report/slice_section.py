"""The section on where the adapter fails: the same comparison within each slice, the worst first."""

import polars as pl

from curation.report.blocks import Block, Cell, Note, Table, auto, count
from curation.report.figures import interval
from curation.report.results import Results
from curation.report.words import Words

OPEN = 12  # rows that are shown; the others are folded
TEAM = "team"  # in `against`, in place of a prompt: the team's own replies
PARTS = {
    "all": "slice_kind",
    "language": "languages",
    "dialect": "dialect",
    "turn": "turn",
}  # kind of slice -> part of the catalogue


def slices(results: Results, words: Words) -> list[Block]:
    """How many slices were looked at, how many are worse or behind the rest, and all of them, the worst first.

    First beside the best prompt, then, by the rules that are kept, beside the team's own replies.
    """
    table = results["evaluated/slices"]
    measured = table.filter(pl.col("low").is_finite())
    if measured.is_empty():
        return [Note(words("slices.few"), "warning")]
    beside = measured.filter(pl.col("against") != TEAM)
    against = words.name_of("arm", next(arm for arm in table["against"] if arm != TEAM))
    left_out = table.filter(pl.col("difference").is_null()).unique(["kind", "slice"]).height
    looked_at = words("slices.looked_at", number=count(measured.height), against=against, few=count(left_out))
    kinds = {"worse": ("bad", pl.col("worse")), "behind": ("warning", ~pl.col("worse") & pl.col("behind"))}
    found = [
        Note(words(f"slices.{name}", number=count(number)), tone)
        for name, (tone, those) in kinds.items()
        if (number := measured.filter(those, pl.col("kind") != "all").unique(["kind", "slice"]).height)
    ]
    header = [words(f"slices.{name}") for name in ("kind", "slice", "metric", "value")]
    header += [words(f"arms.{name}") for name in ("difference", "interval", "drawing", "n")]
    rows = _rows(beside, words)
    own = measured.filter(against=TEAM)
    parts = {"caption": rows[:OPEN], "team": _rows(own, words), "others": rows[OPEN:]}
    folded = {"caption": False, "team": not own["behind"].any(), "others": True}
    tables = [
        Table(words(f"slices.{name}"), header, part, frozenset({3, 4, 5, 7}), folded=folded[name])
        for name, part in parts.items()
        if part
    ]
    return [Note(looked_at), *(found or [Note(words("slices.none"), "good")]), *tables]


def slice_name(kind: str, name: str, words: Words) -> str:
    """What a slice is called; intents and sources have the names that the data gives them."""
    return words.name_of(PARTS[kind], name) if kind in PARTS else name


def _rows(table: pl.DataFrame, words: Words) -> list[list[Cell]]:
    ends = table.group_by("metric").agg(pl.col("low").min(), pl.col("high").max())
    scales = {metric: (min(low, 0.0), max(high, 0.0)) for metric, low, high in ends.iter_rows()}
    rows: list[list[Cell]] = []
    for row in table.iter_rows(named=True):
        difference, low, high = (f"{row[name]:+.3f}".replace("-", "−") for name in ("difference", "low", "high"))
        drawn = interval(row["difference"], row["low"], row["high"], scales[row["metric"]], row["better"])
        named = auto(slice_name(row["kind"], row["slice"], words))
        names = [words.name_of("slice_kind", row["kind"]), named, words.name_of("metric", row["metric"])]
        rows.append([*names, f"{row['value']:.3f}", difference, f"{low} … {high}", drawn, count(row["n"])])
    return rows
