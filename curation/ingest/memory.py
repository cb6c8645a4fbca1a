"""What ingest read of each file, kept as tables of a few thousand rows, so that nothing large lies in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from curation.core.record.conversation import SCHEMA
from curation.harness.errors import QiratError
from curation.harness.memory import Memory
from curation.ingest.notes import Seen
from curation.ingest.reading import PARTS, QUARANTINE, Part

ROWS_A_GROUP = 20_000  # of a kept table at least
TABLES = {"conversations": SCHEMA, "quarantine": QUARANTINE, "parts": PARTS}
LISTS = pl.List(pl.Struct({"name": pl.String, "first": pl.Int64, "last": pl.Int64}))
_FILES: dict[str, pl.DataType | type[pl.DataType]] = {
    "source_file": pl.String,
    "source": pl.String,  # the format
    "container": pl.String,
    "encoding": pl.String,  # of a text
    "records": pl.Int64,  # raw rows that the file holds, each with its own row_id
    "rows": pl.Int64,  # conversations and quarantined; the rest of the records are parts of these
    "conversations": pl.Int64,
    "quarantined": pl.Int64,
    "forgotten": pl.Int64,  # of the quarantined
    "notes": pl.String,  # what a person should know of the file, as sentences; "": nothing
    "parts": pl.Int64,  # records beside those that give their conversation its row_id
    "lists": LISTS,  # of a JSON object with several: which records each has
    "beside": pl.String,  # what stands beside the records of a JSON object, and is none
}
FILES = pl.Schema(_FILES)


def hidden_files(names: Iterable[str]) -> pl.DataFrame:
    """FILES of hidden files and folders, of which nothing is read."""
    nothing = {name: 0 for name, kind in FILES.items() if kind.is_integer()}
    said = {"source": "hidden", "container": "", "encoding": "", **nothing}
    return pl.DataFrame([{"source_file": name, **said} for name in names], FILES)


class ReadFiles:
    """The kept tables of files, by keys that are hashes of all that the tables depend on.

    `reports` has of each file that was read to its end its row of FILES and its number of `groups`. What is kept of
    other files than those of `keys`, and of these in other versions, is removed: it may hold words to be forgotten.
    """

    def __init__(self, memory: Memory, keys: Iterable[str]) -> None:
        self._memory = memory
        self.reports = {key: report for key in keys if (report := self._report(key)) is not None}
        memory.forget_but({name for key, report in self.reports.items() for name in (key, *names(key, report))})

    def _report(self, key: str) -> pl.DataFrame | None:
        report = self._memory.recall(key, key)
        kept = report is not None and all(self._memory.holds(name) for name in names(key, report))
        return report if kept else None

    def keep(self, key: str, parts: Iterable[Part]) -> None:
        """Keeps what comes of a file, at least one part; the report, which says that all is there, last."""
        counts: Counter[str] = Counter()
        seen = Seen()
        kinds: dict[str, None] = {}  # several formats where a JSON object has several lists
        for group in _groups(parts):
            head = group[0].head
            kinds |= dict.fromkeys(part.head.kind for part in group)
            tables = {table: pl.concat([getattr(part, table) for part in group]) for table in TABLES}
            for table, rows in tables.items():
                self._memory.keep(f"{key}-{counts['groups']}-{table}", key, rows)
            seen.look_at(tables["conversations"])
            counts["records"] += sum(part.records for part in group)
            counts["conversations"] += tables["conversations"].height
            counts["quarantined"] += tables["quarantine"].height
            counts["forgotten"] += tables["quarantine"].filter(code="forgotten").height
            counts["parts"] += tables["parts"].height
            counts["groups"] += 1
        said = {"source_file": head.name, "container": head.container, "encoding": head.encoding, "beside": head.beside}
        told = {**said, "source": ", ".join(kinds), "lists": [place._asdict() for place in head.lists]}
        rows_read = counts["conversations"] + counts["quarantined"]
        notes = "; ".join([*head.notes, *seen.notes()])
        report = pl.DataFrame([{**told, "rows": rows_read, **counts, "notes": notes}], {**FILES, "groups": pl.Int64})
        self._memory.keep(key, key, report)
        self.reports[key] = report

    def tables(self, key: str, table: str, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """What is kept of a file, in the order of its rows; all columns unless told."""
        for group in range(self.reports[key].item(0, "groups")):
            kept = self._memory.recall(f"{key}-{group}-{table}", key, columns)
            if kept is None:
                raise QiratError("data/cache changed while ingest ran; run it again")
            yield kept


def names(key: str, report: pl.DataFrame) -> list[str]:
    """The names under which a file's tables are kept."""
    return [f"{key}-{group}-{table}" for group in range(report.item(0, "groups")) for table in TABLES]


def _groups(parts: Iterable[Part]) -> Iterator[list[Part]]:
    held: list[Part] = []
    rows = 0
    for part in parts:
        held.append(part)
        rows += part.records
        if rows >= ROWS_A_GROUP:
            yield held
            held, rows = [], 0
    if held:
        yield held
