"""The sections about the model: what it is trained on, how training went, and how it does against the other arms."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from curation.privacy import masked
from curation.report.blocks import Block, Cell, Figure, Note, Table, auto, code, count, rows_of, share
from curation.report.figures import bar, interval, lines
from curation.report.results import Results
from curation.report.verdict_sections import enough, further, reasons
from curation.report.words import Words, flat

COSTLY = 10  # rows of the tables on what costs most


def budget(results: Results, words: Words, countries: Sequence[str]) -> list[Block]:
    """What the loss is computed on, by split and language; what costs most of it, and the longest conversations."""
    table = (
        results["tokenized/budget"]
        .group_by("split", "language")
        .agg(pl.col("conversations", "tokens", "supervised", "truncated", "dropped").sum())
        .sort(pl.col("split").replace_strict({"train": 0, "dev": 1, "test": 2}, default=3), "language")
    )
    rows: list[list[Cell]] = [
        [
            words.name_of("split", row["split"]),
            words.name_of("languages", row["language"]),
            *(count(row[name]) for name in ("conversations", "tokens", "supervised")),
            share(row["supervised"], row["tokens"]),
            bar(row["supervised"] / row["tokens"] if row["tokens"] else 0),
            *(count(row[name]) for name in ("truncated", "dropped")),
        ]
        for row in table.iter_rows(named=True)
    ]
    names = ("split", "language", "conversations", "tokens", "supervised", "share", "drawing", "truncated", "dropped")
    every = Table(words("budget.caption"), [words(f"budget.{n}") for n in names], rows, frozenset({2, 3, 4, 5, 7, 8}))
    longest = [] if results.missing("curated/conversations") else [_longest(results["curated/conversations"], words)]
    return [*_costly(results["tokenized/budget"].filter(split="train"), words, countries), every, *longest]


def _costly(train: pl.DataFrame, words: Words, countries: Sequence[str]) -> list[Block]:
    """The intents and languages by which training takes longest: its time goes by tokens."""
    total = train["tokens"].sum()
    if not total:
        return []
    summed = train.group_by("label", "language").agg(pl.col("conversations", "tokens").sum())
    ordered = summed.sort("tokens", "label", "language", descending=[True, False, False]).head(COSTLY)
    rows: list[list[Cell]] = [
        [
            auto(masked(row["label"], countries)) if row["label"] else words("none"),
            words.name_of("languages", row["language"]),
            _rows_of(row, countries),
            count(row["tokens"]),
            count(row["tokens"] / max(row["conversations"], 1)),
            share(row["tokens"], total),
        ]
        for row in ordered.iter_rows(named=True)
    ]
    first = words("comma").join(Markup(cell).striptags() for cell in rows[0][:2])
    names = ("label", "language", "conversations", "tokens", "each", "of_all")
    header = [words(f"budget.{name}") for name in names]
    return [
        Note(words("budget.costly", what=first, share=rows[0][-1])),
        Table(words("budget.costly_caption"), header, rows, frozenset({2, 3, 4, 5})),
    ]


def _rows_of(row: Mapping[str, Any], countries: Sequence[str]) -> Cell:
    label = row["label"] or "none"
    if masked(label, countries) != label:
        return count(row["conversations"])
    of = ("--label", label, "--language", row["language"])
    return rows_of(count(row["conversations"]), "why", "--used", *of)


def _longest(curated: pl.DataFrame, words: Words) -> Table:
    """The clean conversations of the most words, each with the line that tells its story."""
    said = pl.col("messages").list.eval(pl.element().struct.field("content").str.count_matches(r"\S+")).list.sum()
    table = curated.select("row_id", "language", words=said, turns=pl.col("messages").list.len())
    rows: list[list[Cell]] = [
        [
            rows_of(row["row_id"], "why", row["row_id"]),
            words.name_of("languages", row["language"]),
            count(row["words"]),
            count(row["turns"]),
        ]
        for row in table.sort("words", "row_id", descending=[True, False]).head(COSTLY).iter_rows(named=True)
    ]
    header = [words(f"budget.{name}") for name in ("row", "language", "words", "turns")]
    return Table(words("budget.longest"), header, rows, frozenset({2, 3}), folded=True)


def training(results: Results, words: Words) -> list[Block]:
    """The loss on what was trained and on what was held out."""
    log = results["training/log"].sort("step")
    series = {
        words(f"training.{column}"): log.select("step", column).drop_nulls().cast(pl.Float64).rows()
        for column in ("loss", "dev_loss")
    }
    drawn = {name: points for name, points in series.items() if points}
    if not drawn:
        return [Note(words("training.empty"))]
    caption = words("training.caption")
    return [Figure(lines(drawn, words("training.step"), words("training.y"), caption), caption)]


def arms(results: Results, words: Words) -> list[Block]:
    """Every arm on the same test conversations, with intervals; one table a metric and language."""
    table, blocks = enough(results["evaluated/arms"], "evaluated/arms", words)
    for (metric, language), part in _by_metric(table):
        scale = _scale(part)
        if language == "all" and words.knows(f"metric_means.{metric}"):
            blocks.append(Note(words(f"metric_means.{metric}")))
        rows: list[list[Cell]] = [
            [
                words.name_of("arm", row["arm"]),
                *_measured(row),
                interval(row["value"], row["low"], row["high"], scale),
                count(row["n"]),
            ]
            for row in part.iter_rows(named=True)
        ]
        header = [words(f"arms.{name}") for name in ("arm", "value", "interval", "drawing", "n")]
        caption = words("arms.caption", **_named(metric, language, words))
        blocks.append(Table(caption, header, rows, frozenset({1, 2, 4}), folded=language != "all"))
    return blocks


def comparisons(results: Results, words: Words) -> list[Block]:
    """The adapter minus each other arm, paired, and how many of so many intervals chance alone would clear of zero."""
    table, few = enough(results["evaluated/comparisons"], "evaluated/comparisons", words)
    table = table.rename({"difference": "value"})
    blocks: list[Block] = [*(Note(reason) for reason in reasons(results, words)), *further(results, words), *few]
    if table.height:
        by_chance = words("comparisons.many", number=count(table.height), chance=f"{0.05 * table.height:.1f}")
        blocks.append(Note(by_chance))
    for (metric, language), part in _by_metric(table):
        low, high = _scale(part)
        scale = (min(low, 0.0), max(high, 0.0))
        rows: list[list[Cell]] = [
            [
                words("comparisons.pair", **{side: words.name_of("arm", row[side]) for side in ("arm", "against")}),
                *_measured(row, signed=True),
                interval(row["value"], row["low"], row["high"], scale, row["better"]),
                _drawn(row),
            ]
            for row in part.iter_rows(named=True)
        ]
        header = [words("comparisons.arms"), *(words(f"arms.{n}") for n in ("difference", "interval", "drawing", "n"))]
        caption = words("comparisons.caption", **_named(metric, language, words))
        blocks.append(Table(caption, header, rows, frozenset({1, 2, 4}), folded=language != "all"))
    return blocks


def limits(results: Results, words: Words) -> list[Block]:
    """What the numbers above do not say."""
    notes = [words(f"limits.{name}") for name in ("checks", "held", "language")]
    if not results.missing("splits/test", "evaluated/arms"):
        notes.append(words("limits.sample", test=count(results["splits/test"].height), used=used(results)))
    for language, its in results.languages.items():
        if its["judged"]:
            named = words.name_of("languages", language)
            notes.append(words("limits.reply", language=named, limit=count(its["limit"]), share=its["cut"]))
    if numbers := results.provenance.get("training"):
        notes.append(words("limits.training", seen=count(numbers["examples_seen"]), all=count(numbers["examples"])))
    return [Note(text) for text in notes]


def used(results: Results) -> str:
    """How many test conversations the measures rest on: "16", or "6–16" where it depends on the measure."""
    numbers = results["evaluated/arms"].filter(language="all")["n"].unique().sort()
    return "–".join(count(number) for number in dict.fromkeys((numbers[0], numbers[-1])))


def versions(results: Results, words: Words) -> list[Block]:
    """Which data, parameters and base model the adapter was made of."""
    if not results.provenance:
        return [Note(words("versions.none"))]
    rows: list[list[Cell]] = [[code(key), code(value)] for key, value in flat(results.provenance) if value is not None]
    return [Table(words("versions.caption"), [words("versions.name"), words("versions.value")], rows)]


def _drawn(row: Mapping[str, Any]) -> str:
    """Conversations, and the groups that they belong to where these are fewer."""
    return count(row["n"]) if row["groups"] == row["n"] else f"{count(row['n'])} ({count(row['groups'])})"


def _by_metric(table: pl.DataFrame) -> list[tuple[tuple[str, str], pl.DataFrame]]:
    """((metric, language), rows), all languages together first."""
    ordered = table.sort(pl.col("language") != "all", maintain_order=True)
    groups = ordered.group_by("metric", "language", maintain_order=True)
    return [((str(metric), str(language)), part) for (metric, language), part in groups]


def _named(metric: str, language: str, words: Words) -> dict[str, str]:
    return {"metric": words.name_of("metric", metric), "language": words.name_of("languages", language)}


def _scale(part: pl.DataFrame) -> tuple[float, float]:
    return float(part["low"].min()), float(part["high"].max())  # type: ignore[arg-type]


def _measured(row: Mapping[str, Any], signed: bool = False) -> list[Cell]:
    sign = "+" if signed else ""
    value, low, high = (f"{row[name]:{sign}.3f}".replace("-", "−") for name in ("value", "low", "high"))
    return [value, f"{low} … {high}"]
