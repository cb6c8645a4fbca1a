"""The sections about the data: what came, what left and why, what is kept, and whether it may be trained on.

Each is a pure function of the results and the words of one language; page.py says which tables it needs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from curation.core.record.codes import LANGUAGES, WRONG_LABELS
from curation.core.record.ledger import FINDING, OUTCOMES, PARTS, closings, counts, outcomes
from curation.privacy import masked
from curation.report.blocks import Block, Cell, Note, Table, auto, code, count, rows_of, share
from curation.report.evidence import remark
from curation.report.figures import bar, bars, step
from curation.report.results import REMOVED, USED, Results
from curation.report.source_section import FILE, by_file, worst_file, worst_first
from curation.report.words import Words

VALUES_SHOWN = 15
TOLD = 3  # reasons that are named on top
LISTS = {"records": [], "raw": [], "clean": ["--used"]}  # what asks `qirat why` for the rows of a column
DOCS = {"ar": ".ar"}  # behind the names of the Data Docs' pages in other languages than English
TURNS = {1: "1", 2: "2", 4: "3–4", 8: "5–8", 16: "9–16", 32: "17–32"}  # up to so many


def funnel(results: Results, words: Words) -> list[Block]:
    """Raw conversations minus all that left, step by step, down to what is used; and the sum that must come out."""
    closed = counts(results["ledger"])
    raw = left = closed["raw"]
    rows: list[list[Cell]] = [[words("funnel.raw"), _by_file(count(raw), words), share(raw, raw), count(raw), bar(1.0)]]
    for outcome in REMOVED:
        gone = closed[outcome]
        left -= gone
        drawing = step(left / raw, gone / raw) if raw else step(0, 0)
        of = rows_of(f"−{count(gone)}", "why", f"--{outcome}")
        rows.append([words(f"outcome.{outcome}"), of, share(gone, raw), count(left), drawing])
    for outcome in USED:
        part = closed[outcome]
        drawing = bar(part / raw if raw else 0)
        rows.append(
            [
                words("funnel.of_which", outcome=words(f"outcome.{outcome}")),
                rows_of(count(part), "why", f"--{outcome}"),
                share(part, raw),
                "",
                drawing,
            ]
        )
    summed = " + ".join(f"{words(f'outcome.{outcome}')} {count(closed[outcome])}" for outcome in (*REMOVED, *USED))
    header = [words(f"funnel.{name}") for name in ("step", "rows", "share", "left", "drawing")]
    blocks: list[Block] = [
        Table(words("funnel.caption"), header, rows, frozenset({1, 2, 3})),
        Note(words("funnel.sum", sum=summed, raw=count(raw)), "good"),
    ]
    if closed["records"] > raw:
        parts = {name: count(closed[name]) for name in PARTS}
        blocks.append(Note(words("funnel.records", records=count(closed["records"]), raw=count(raw), **parts), "good"))
    if not results.missing("splits/train", "splits/dev", "splits/test"):
        parts = {name: count(results[f"splits/{name}"].height) for name in ("train", "dev", "test")}
        blocks.append(Note(words("funnel.splits", **parts)))
    return blocks


def files(results: Results, words: Words) -> list[Block]:
    """What became of each source file, the worst first, and by which reasons."""
    rows_of_files = results.rows().with_columns(FILE)
    table = rows_of_files.pivot("outcome", index="file", values="row_id", aggregate_function="len")
    table = table.with_columns(pl.lit(0).alias(name) for name in OUTCOMES if name not in table.columns).fill_null(0)
    table = table.with_columns(raw=pl.sum_horizontal(OUTCOMES), clean=pl.sum_horizontal(USED))
    of_file = pl.col("row_id").str.replace(r":[^:]*$", "").alias("file")
    held = closings(results["ledger"]).group_by(of_file).agg(records=pl.len())
    order = worst_first(rows_of_files, "file").select("file")
    table = order.join(table, on="file", maintain_order="left").join(held, on="file", how="left", maintain_order="left")
    columns = ("records", "raw", *REMOVED, "clean")
    header = [
        "files.file",
        "files.records",
        "funnel.raw",
        *(f"outcome.{outcome}" for outcome in REMOVED),
        "headline.clean",
    ]
    rows: list[list[Cell]] = [
        [
            code(row["file"]),
            *(
                rows_of(count(row[name]), "why", *LISTS.get(name, [f"--{name}"]), "--file", row["file"])
                for name in columns
            ),
            bar(row["clean"] / row["raw"]),
        ]
        for row in table.iter_rows(named=True)
    ]
    total = [words("total"), *(count(table[name].sum()) for name in columns), ""]
    closed = Table(words("files.caption"), [*map(words, header), ""], rows, frozenset(range(1, 8)), total)
    return [closed, worst_file(results, words), by_file(results, words)]


def reasons(results: Results, words: Words) -> list[Block]:
    """Why rows are not used: each reason that decided, its limit, how many rows it kept out, in which languages."""
    removed = results.reasons()
    raw = counts(results["ledger"])["raw"]
    also = removed.explode("contributing").group_by("outcome", code="contributing").len("also")
    table = (
        removed.group_by("outcome", "code")
        .agg(
            pl.len().alias("rows"),
            pl.col("threshold").drop_nulls().unique().sort(),
            pl.col("language").drop_nulls().value_counts(),
        )
        .join(also, on=["outcome", "code"], how="left")
        .sort("rows", "outcome", "code", descending=[True, False, False])
    )
    most = table["rows"].max() or 1
    rows: list[list[Cell]] = [
        [
            _linked(row["outcome"], row["code"], words),
            words(f"outcome.{row['outcome']}"),
            explanation(row["code"], words),
            words("comma").join(f"{limit:.4g}" for limit in row["threshold"]),
            rows_of(
                count(row["rows"]), "why", f"--{row['outcome']}", *(("--code", row["code"]) if row["code"] else ())
            ),
            rows_of(count(row["also"] or 0), "why", f"--{row['outcome']}", "--code", row["code"]),
            share(row["rows"], raw),
            _shares(row["language"], words),
            bar(row["rows"] / most, "removed"),
        ]
        for row in table.iter_rows(named=True)
    ]
    names = ("code", "outcome", "means", "limit", "rows", "also", "share", "languages", "drawing")
    header = [words(f"reasons.{name}") for name in names]
    total: list[Cell] = [words("total"), "", "", "", count(removed.height), "", share(removed.height, raw), "", ""]
    blocks: list[Block] = [Table(words("reasons.caption"), header, rows, frozenset({3, 4, 5, 6}), total)]
    if most_frequent := reason_notes(results, words):
        blocks += most_frequent
    if skipped := results.skipped():
        blocks.append(Note(words("reasons.skipped", checks=", ".join(skipped)), "warning"))
    return blocks if results.missing("scored/findings") else [*blocks, _findings(results, words)]


def distributions(results: Results, words: Words, countries: Sequence[str]) -> list[Block]:
    """Languages, intents, sources and lengths, before and after."""
    raw, clean = results["ingested/conversations"], results["curated/conversations"]
    length = pl.col("messages").list.len()
    turns = pl.coalesce(*(pl.when(length <= most).then(pl.lit(name)) for most, name in TURNS.items()), pl.lit("33+"))
    values = {name: pl.col(name) for name in ("language", "label", "source")} | {"turns": turns}
    return [_distribution(raw, clean, value, name, words, countries) for name, value in values.items()]


def review(results: Results, words: Words) -> list[Block]:
    """Where people come in: what waits for them, what they have decided."""
    closed = counts(results["ledger"])
    held = outcomes(results["ledger"]).filter(outcome="held").select("conversation_id")
    queue = results["routed/queue"].join(held, on="conversation_id", how="semi")  # the rest has been decided
    verdicts = dict(results["routed/verdicts"]["verdict"].value_counts().iter_rows())
    checked_again = results["ledger"].filter(stage="curate", outcome=FINDING)  # only what people edited is
    dropped = results["ledger"].filter(stage="curate", outcome="dropped")
    failed = dropped.join(checked_again, on="row_id", how="semi").height
    state: list[tuple[str, int]] = [
        *((f"verdict_{verdict}", verdicts.get(verdict, 0)) for verdict in ("accept", "review", "held", "reject")),
        ("kept", closed["kept"]),
        ("edited", closed["edited"]),
        ("dropped", dropped.height - failed),
        ("failed", failed),
        ("queued", queue.height),
        ("below_limit", results["routed/queue"].filter(reason="below_limit").height),
    ]
    rows: list[list[Cell]] = [[words(f"review.{name}"), _state_of(name, number)] for name, number in state]
    blocks: list[Block] = [
        Table(words("review.caption"), [words("review.state"), words("review.conversations")], rows, frozenset({1}))
    ]
    why = queue.explode("codes").group_by("codes").len().sort("len", "codes", descending=[True, False])
    if why.height:
        most = why["len"].max() or 1
        waiting: list[list[Cell]] = [
            [
                words.titled_code(doubt),
                explanation(doubt, words),
                rows_of(count(number), "why", "--held", "--code", doubt),
                bar(number / most),
            ]
            for doubt, number in why.iter_rows()
        ]
        header = [words("review.reason"), words("reasons.means"), words("review.conversations"), ""]
        blocks.append(Table(words("review.why"), header, waiting, frozenset({2})))
    decided = closed["kept"] + closed["edited"] + dropped.height
    return [*blocks, Note(words("review.gist", queued=count(queue.height), decided=count(decided)), section="review")]


def _state_of(name: str, number: int) -> Cell:
    """A number of the review with the line that lists its rows, where one outcome or code holds them."""
    asked = {"kept": ["--kept"], "edited": ["--edited"], "dropped": ["--dropped", "--code", "human_drop"]}
    asked["queued"] = ["--held"]
    return rows_of(count(number), "why", *asked[name]) if name in asked else count(number)


def gate(results: Results, words: Words) -> list[Block]:
    """The numbers the gate went by: languages in the open, intents folded, of which there may be many."""
    numbers = results.gate
    if not numbers:
        return [Note(words("gate.not_run"))]
    by_label = {name: number for name, number in numbers.items() if name.startswith("label_")}
    main = {name: number for name, number in numbers.items() if name not in by_label}
    header = [words("gate.name"), words("gate.value")]
    blocks: list[Block] = [
        *gate_notes(results, words),
        Table(words("gate.caption"), header, _gate_rows(main, words), frozenset({1})),
    ]
    if by_label:
        blocks.append(Table(words("gate.by_label"), header, _gate_rows(by_label, words), frozenset({1}), folded=True))
    return blocks


def validation(results: Results, words: Words) -> list[Block]:
    """Every expectation, the broken ones first."""
    table = results["validated/results"].sort("success", maintain_order=True)
    rows: list[list[Cell]] = [
        [
            words("validation.met" if row["success"] else "validation.broken"),
            code(row["suite"]),
            auto(json.loads(row["translations"]).get(words.code, row["description"])),
            words.name_of("severity", row["severity"]),
            count(row["rows"]),
            _breaking(row, words),
        ]
        for row in table.iter_rows(named=True)
    ]
    broken = table.filter(~pl.col("success")).height
    names = ("status", "suite", "expectation", "severity", "rows", "unexpected")
    header = [words(f"validation.{name}") for name in names]
    summary = words("validation.summary", met=count(table.height - broken), all=count(table.height))
    return [
        Note(summary, "bad" if broken else "good"),
        Note(
            Markup('<a href="expectations/index{}.html">{}</a>').format(
                DOCS.get(words.code, ""), words("validation.docs")
            )
        ),
        Table(words("validation.caption"), header, rows, frozenset({4, 5}), folded=True),
    ]


def _breaking(row: Mapping[str, Any], words: Words) -> Cell:
    """How many rows break an expectation, leading to their names."""
    number = count(row["unexpected"])
    link = Markup('<a href="expectations/{}{}.html">{}</a>')
    return link.format(row["suite"], DOCS.get(words.code, ""), number) if row["unexpected"] else number


def anchor(outcome: str, reason: str) -> str:
    """Where on the page the examples of a reason stand, without its language."""
    return f"examples-{outcome}-{''.join(c if c.isalnum() else '-' for c in reason)}"


def reason_notes(results: Results, words: Words) -> list[Note]:
    """The reasons by which most rows are lost."""
    lost = results.reasons().group_by("code").len().sort("len", "code", descending=[True, False]).head(TOLD)
    if lost.is_empty():
        return []
    said = [words("reasons.of", reason=words.titled(name), rows=count(number)) for name, number in lost.iter_rows()]
    return [Note(words("reasons.most", reasons=words("comma").join(said)), section="reasons")]


def language_notes(results: Results, words: Words) -> list[Note]:
    """Languages that the set is not meant for, and those that some checks do not know."""
    told = results.tables.get("scored/notes")
    kinds = [] if told is None else told.filter(pl.col("code").str.starts_with(LANGUAGES)).iter_rows(named=True)
    return [Note(remark(one["evidence"], words) or words(f"headline.{one['code']}"), "warning") for one in kinds]


def doubt_notes(results: Results, words: Words) -> list[Note]:
    """How many labels are wrong, and the codes that doubt more rows than people can look at."""
    told = results.tables.get("scored/notes")
    estimates = [] if told is None else told.filter(code=WRONG_LABELS).iter_rows(named=True)
    notes = [
        Note(words("headline.wrong_labels", **{name: share(one[name], 1) for name in ("value", "low", "high")}))
        for one in estimates
    ]
    flooded = results.tables.get("routed/floods")
    for flood in [] if flooded is None else flooded.iter_rows(named=True):
        told_of = {name: count(flood[name]) for name in ("rows", "freed")}
        notes.append(Note(words("headline.flood", code=flood["code"], setting=flood["setting"], **told_of), "warning"))
    return notes


def gate_notes(results: Results, words: Words) -> list[Note]:
    """Whether the gate passed, when it has been tried."""
    if not results.gate:
        return []
    if results.gate_passed:
        return [Note(words("gate.passed"), "good", "gate")]
    if results.readiness.get("verdict"):
        return [Note(words("gate.facts"), "bad", "gate")]
    if missing := results.gate["missing"]:
        return [Note(words("gate.too_few", missing=count(missing)), "bad", "gate")]
    return [Note(words("gate.too_few_of_a_kind"), "bad", "gate")]


def explanation(code_: str | None, words: Words) -> Cell:
    """A code in plain words."""
    return words.name_of("codes", code_) if words.knows(f"codes.{code_}") else words("reasons.unexplained")


def _by_file(number: str, words: Words) -> Markup:
    return Markup('<a href="#{}-files">{}</a>').format(words.code, number)


def _linked(outcome: str, reason: str, words: Words) -> Cell:
    """The reason, leading to its examples."""
    title = words.titled_code(reason)
    if outcome == "duplicate":
        return title
    return Markup('<a href="#{}-{}">{}</a>').format(words.code, anchor(outcome, reason), title)


def _gate_rows(numbers: Mapping[str, float], words: Words) -> list[list[Cell]]:
    return [[_gate_name(name, words), _gate_rows_of(name, number)] for name, number in numbers.items()]


def _gate_rows_of(name: str, number: float) -> Cell:
    kind, _, value = name.partition("_")
    if kind in ("language", "label"):
        return rows_of(count(number), "why", "--used", f"--{kind}", value)
    return rows_of(count(number), "why", "--used") if name == "clean" else count(number)


def _gate_name(name: str, words: Words) -> Cell:
    """language_ar -> Language: Arabic; label_refund -> Intent: refund; others by the catalogue or as they are."""
    kind, _, value = name.partition("_")
    if kind == "language":
        return words("gate.of_language", name=words.name_of("languages", value))
    if kind == "label":
        return auto(words("gate.of_label", name=value))
    return words(f"gate.{name}") if words.knows(f"gate.{name}") else code(name)


def _findings(results: Results, words: Words) -> Table:
    """What the checks saw, whatever came of it."""
    closing = outcomes(results["ledger"]).select("conversation_id", "outcome").unique()
    table = (
        results["scored/findings"]
        .select("conversation_id", "check", "code")
        .unique()
        .join(closing, on="conversation_id", how="left")
        .group_by("check", "code")
        .agg(
            pl.col("conversation_id").n_unique().alias("conversations"),
            pl.col("conversation_id").filter(pl.col("outcome").is_in(USED)).n_unique().alias("used"),
        )
        .sort("conversations", "code", descending=[True, False])
    )
    rows: list[list[Cell]] = [
        [
            code(check),
            words.titled_code(seen),
            explanation(seen, words),
            rows_of(count(conversations), "why", "--code", seen, "--all"),
            rows_of(count(used), "why", "--used", "--code", seen, "--all"),
        ]
        for check, seen, conversations, used in table.iter_rows()
    ]
    header = [words(f"reasons.{name}") for name in ("check", "code", "means", "conversations", "used")]
    return Table(words("reasons.findings"), header, rows, frozenset({3, 4}), folded=True)


def _shares(found: Sequence[Mapping[str, Any]], words: Words) -> str:
    """The three most frequent languages."""
    most = sorted(found, key=lambda one: (-one["count"], one["language"]))[:3]
    return words("comma").join(f"{words.name_of('languages', one['language'])} {count(one['count'])}" for one in most)


def _distribution(
    raw: pl.DataFrame, clean: pl.DataFrame, value: pl.Expr, name: str, words: Words, countries: Sequence[str]
) -> Table:
    before = raw.group_by(value.alias("value")).len("before")
    after = clean.group_by(value.alias("value")).len("after")
    table = before.join(after, on="value", how="full", coalesce=True, nulls_equal=True).with_columns(
        pl.col("before", "after").fill_null(0)
    )
    if name == "turns":
        table = table.sort(pl.col("value").str.extract(r"(\d+)").cast(pl.Int64))
    else:
        table = table.sort("before", "value", descending=[True, False], nulls_last=True)
    shown, rest = table.head(VALUES_SHOWN), table[VALUES_SHOWN:]
    most = table["before"].max() or 1
    rows: list[list[Cell]] = [
        [
            _value(row["value"] and masked(row["value"], countries), name, words),
            *_counted(row, name, countries),
            share(row["after"], row["before"]),
            bars(row["before"] / most, row["after"] / most),
        ]
        for row in shown.iter_rows(named=True)
    ]
    if rest.height:
        before_rest, after_rest = rest["before"].sum(), rest["after"].sum()
        others = words("distributions.others", number=count(rest.height))
        rows.append([others, count(before_rest), count(after_rest), share(after_rest, before_rest), ""])
    header = [words(f"distributions.{n}") for n in (name, "before", "after", "share", "drawing")]
    total = [words("total"), count(raw.height), count(clean.height), share(clean.height, raw.height), ""]
    return Table(words(f"distributions.{name}_caption"), header, rows, frozenset({1, 2, 3}), total)


def _counted(row: Mapping[str, Any], name: str, countries: Sequence[str]) -> tuple[Cell, Cell]:
    """Before and after, with the lines that list the rows; a value that is masked on the page is in no line."""
    value = "none" if row["value"] is None else row["value"].replace("–", "-") if name == "turns" else row["value"]
    before, after = count(row["before"]), count(row["after"])
    if masked(value, countries) != value:
        return before, after
    return rows_of(before, "why", f"--{name}", value), rows_of(after, "why", "--used", f"--{name}", value)


def _value(value: str | None, name: str, words: Words) -> Cell:
    if value is None:
        return words("none")
    return words.name_of("languages", value) if name == "language" else auto(value)
