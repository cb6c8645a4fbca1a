"""The section on what the checks find of defects that were planted in rows of this very set."""

from curation.report.blocks import Block, Cell, Note, Table, count, share
from curation.report.figures import bar
from curation.report.results import Results
from curation.report.words import Words


def audit(results: Results, words: Words) -> list[Block]:
    """Where the checks are blind, then every defect and language, the least found first."""
    table = results["audited/recall"].sort("share", "kind", "language")
    if table.is_empty():
        return [Note(words("audit.off"))]
    blind = [
        words(
            "audit.blind",
            kind=words.name_of("defect", row["kind"]),
            language=words.name_of("languages", row["language"]),
            found=count(row["found"]),
            planted=count(row["planted"]),
            high=share(row["high"], 1),
        )
        for row in table.filter("blind").iter_rows(named=True)
    ]
    rows: list[list[Cell]] = [
        [
            words.name_of("defect", row["kind"]),
            words.name_of("languages", row["language"]),
            count(row["planted"]),
            count(row["found"]),
            share(row["found"], row["planted"]),
            words("audit.interval", low=share(row["low"], 1), high=share(row["high"], 1)),
            bar(row["share"]),
        ]
        for row in table.iter_rows(named=True)
    ]
    names = ("defect", "language", "planted", "found", "share", "between", "drawing")
    header = [words(f"audit.{name}") for name in names]
    notes = [Note(text, "warning") for text in blind] or [Note(words("audit.seeing"), "good")]
    return [*notes, Table(words("audit.caption"), header, rows, frozenset({2, 3, 4, 5}))]
