"""The sections behind the verdict: whether to train at all, rule by rule, what was kept, and the reasons in words."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from curation.report.blocks import Block, Cell, Note, Table, auto, code, count, share
from curation.report.figures import interval
from curation.report.results import Results
from curation.report.slice_section import slice_name
from curation.report.words import Words

FEW = 30  # conversations, as in curation/core/statistics: the intervals of fewer are too narrow to call a difference
JOINED = "\N{NO-BREAK SPACE}"  # an interval broken over two lines reads backwards in Arabic
SAFE = 0.05  # adjusted p below which a rule's difference is called
LISTS = {"measured", "metrics", "kinds"}  # figures that name metrics or kinds of personal data, one after the other
NAMES = {"arm": "arm", "against": "arm", "metric": "metric", "language": "languages"}  # figure -> part of the catalogue


def reasons(results: Results, words: Words) -> list[Cell]:
    """Why the verdict is as it is, the decisive reason first; in English where the catalogue has no words for it."""
    return _told(results.verdict, words)


def further(results: Results, words: Words) -> list[Block]:
    """The reasons besides, folded to one line that says how many."""
    rows = [[reason] for reason in _told(results.verdict.get("further", {}), words)]
    caption = words("comparisons.further", number=count(len(rows)))
    return [Table(caption, [words("comparisons.reason")], rows, folded=True)] if rows else []


def _told(said: Mapping[str, Any], words: Words) -> list[Cell]:
    told = said.get("reasons", [])
    because = said.get("because") or [{"code": "", "figures": {}}] * len(told)
    return [auto(_because(reason, english, words)) for reason, english in zip(because, told, strict=False)]


def readiness(results: Results, words: Words) -> list[Block]:
    """The four questions before training, as far as they can be answered."""
    rows = [
        [words(f"readiness.{question}"), words(f"readiness.{answer}"), _why(question, figures, words)]
        for question, answer, figures in _answers(results)
    ]
    if not rows:
        return [Note(words("readiness.not_asked"))]
    header = [words(f"readiness.{name}") for name in ("question", "answer", "why")]
    blocks: list[Block] = [Table(words("readiness.caption"), header, rows)]
    if results.verdict.get("verdict") == "use retrieval":
        blocks += [Note(words("readiness.retrieval"), "warning"), _facts(results, words)]
    return blocks


def rules(results: Results, words: Words) -> list[Block]:
    """The adapter against every other arm, rule by rule; one table a language."""
    table, blocks = enough(results["evaluated/rules"], "evaluated/rules", words)
    if table.height:
        blocks.insert(0, Note(words("rules.holm")))
    ordered = table.sort(pl.col("language") != "all", "language", "against", "rule")
    for (language,), part in ordered.group_by("language", maintain_order=True):
        rows: list[list[Cell]] = [
            [
                code(row["rule"]),
                words.name_of("rule_kind", row["kind"]),
                words.name_of("arm", row["against"]),
                *(share(row[side], 1) for side in ("ours", "theirs")),
                *(count(row[side]) for side in ("ours_only", "theirs_only")),
                f"{row['p_holm']:.3f}",
                _called(row, words),
            ]
            for row in part.iter_rows(named=True)
        ]
        names = ("rule", "kind", "against", "ours", "theirs", "ours_only", "theirs_only", "p", "called")
        caption = words("rules.caption", language=words.name_of("languages", str(language)))
        header = [words(f"rules.{name}") for name in names]
        blocks.append(Table(caption, header, rows, frozenset({3, 4, 5, 6, 7}), folded=language != "all"))
    return blocks


def kept(results: Results, words: Words) -> list[Block]:
    """General ability before and after, and what the adapter says word for word like single training conversations."""
    lost = results["evaluated/forgetting"].filter(pl.col("against").is_not_null())
    alone = results["evaluated/forgetting"].filter(pl.col("against").is_null())
    chances = alone.rows_by_key(["language", "arm"], named=True, unique=True)
    rows: list[list[Cell]] = [
        [
            words.name_of("languages", row["language"]),
            *(f"{chances[row['language'], arm]['value']:.3f}" for arm in (row["against"], row["arm"])),
            f"{row['value']:+.3f}".replace("-", "−"),
            interval(row["value"], row["low"], row["high"], (min(row["low"], 0.0), max(row["high"], 0.0)), 1),
            count(row["n"]),
        ]
        for row in lost.sort(pl.col("language") != "all", "language").iter_rows(named=True)
    ]
    names = ("language", "before", "after", "difference", "drawing", "n")
    table = Table(words("kept.caption"), [words(f"kept.{name}") for name in names], rows, frozenset({1, 2, 3, 5}))
    return [table, *_memorised(results["evaluated/memorised"], words)]


def enough(measured: pl.DataFrame, name: str, words: Words) -> tuple[pl.DataFrame, list[Block]]:
    """The rows of an evaluated table that rest on enough conversations to say anything, and one line on the others."""
    few = measured.filter(pl.col("n") < FEW)
    if few.is_empty():
        return measured, []
    kind = "metric" if "metric" in few.columns else "rule"
    named = [words.name_of(kind, one) for one in few[kind].unique(maintain_order=True)]
    line = words(
        "few",
        number=count(few.height),
        names=words("comma").join(named),
        most=count(few["n"].max()),  # type: ignore[arg-type]
        few=count(FEW),
        table=f"data/{name}.parquet",
    )
    return measured.filter(pl.col("n") >= FEW), [Note(line, "warning")]


def _memorised(found: pl.DataFrame, words: Words) -> list[Block]:
    personal, verbatim = found.filter(what="personal"), found.filter(what="verbatim")
    if found.is_empty():
        return [Note(words("kept.nothing"), "good")]
    notes: list[Block] = []
    if personal.height:
        kinds = words("comma").join(_apart(_listed(kind, words)) for kind in sorted(personal["evidence"].unique()))
        notes.append(Note(words("kept.personal", number=count(personal.height), kinds=kinds), "bad"))
    if verbatim.height:
        longest = count(verbatim["value"].max())  # type: ignore[arg-type]
        notes.append(Note(words("kept.verbatim", number=count(verbatim.height), longest=longest)))
    return notes


def _answers(results: Results) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(question, answer, figures), of the gate first, then of the baseline."""
    gate, found = results.readiness, list[tuple[str, str, Mapping[str, Any]]]()
    if gate:
        facts = gate["facts"]
        found.append(("rows", "yes" if gate["clean"] >= gate["wanted"] else "no", gate))
        found.append(("facts", "yes" if facts["share"] <= facts["most"] else "no", facts))
    return [*found, *((a["question"], a["answer"], a["figures"]) for a in results.prospects)]


def _why(question: str, figures: Mapping[str, Any], words: Words) -> Cell:
    never = question == "traffic" and "days" not in figures
    return auto(words(f"readiness.why_{question}{'_never' if never else ''}", **_named(figures, words)))


def _facts(results: Results, words: Words) -> Table:
    """Kinds of facts, and conversations to look at."""
    facts = results.readiness["facts"]
    rows: list[list[Cell]] = [[code(kind), count(number)] for kind, number in facts["kinds"].items()]
    rows.append([words("readiness.examples"), code(", ".join(facts["examples"]))])
    header = [words("readiness.kind"), words("readiness.conversations")]
    return Table(words("readiness.kinds"), header, rows, frozenset({1}))


def _called(row: Mapping[str, Any], words: Words) -> str:
    if row["p_holm"] >= SAFE:
        return words("rules.open")
    return words("rules.better" if row["ours_only"] > row["theirs_only"] else "rules.worse")


def _because(reason: Mapping[str, Any], english: str, words: Words) -> str:
    key = f"because.{reason['code']}"
    return words(key, **_named(reason["figures"], words)) if words.knows(key) else english


def _named(figures: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Figures in the words of the catalogue; what runs from left to right stays so in Arabic."""
    named = {
        name: words.name_of(NAMES[name], value) if name in NAMES else _apart(value) if isinstance(value, str) else value
        for name, value in figures.items()
    }
    for name in (name for name in LISTS & figures.keys() if isinstance(figures[name], str)):
        named[name] = words("comma").join(_apart(_listed(one, words)) for one in figures[name].split(", "))
    if "others" in figures:
        named["others"] = words("comma").join(words.name_of("arm", arm) for arm in figures["others"].split(", "))
    if "slice" in figures:
        named["slice"] = _apart(slice_name(figures["kind"], figures["slice"], words))
        named["kind"] = words.name_of("slice_kind", figures["kind"])
    if all(isinstance(figures.get(name), float) for name in ("value", "low", "high")):
        value, low, high = (f"{figures[name]:+.3f}".replace("-", "−") for name in ("value", "low", "high"))
        named["gain"] = _apart(f"{value}{JOINED}[{low},{JOINED}{high}]")
    return named


def _listed(item: str, words: Words) -> str:
    """A metric or a kind of personal data by what it is called, whatever figures stand behind it."""
    name, space, figures = item.partition(" ")
    called = next((words(key) for key in (f"metric.{name}", f"titles.pii_{name}") if words.knows(key)), name)
    return f"{called}{space}{figures}"


def _apart(text: str) -> str:
    """Isolated in the direction of its own letters: first strong isolate, or left to right without letters."""
    return f"{chr(0x2068) if any(map(str.isalpha, text)) else chr(0x2066)}{text}{chr(0x2069)}"
