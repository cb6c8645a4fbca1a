"""Read every raw file into one table of conversations.  python -m curation.ingest

Nothing is lost on the way: every raw row is part of one conversation or stands in the quarantine with a reason.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from curation.conversation import SCHEMA
from curation.ingest.containers import CONTAINERS, Contents, Row, open_file
from curation.ingest.formats import Format, Outcome, formats
from curation.repair import spoken_record
from curation.stage import Params, QiratError, Stage

RAW = Path("data/raw")
QUARANTINE = pl.Schema(
    {"row_id": pl.String, "source_file": pl.String, "source_row": pl.Int64, "reason": pl.String, "raw": pl.String}
)


class Ingest(Params):
    """params.yaml: ingest"""

    roles: Mapping[str, str]  # how sources call their roles -> system, user, assistant or tool
    merge_consecutive: bool  # neighbouring messages of one side become one
    formats: Mapping[str, str] = Field(default_factory=dict)  # glob of files -> format, where looking is not enough


def main() -> None:
    """Find each raw file's format, map it to conversations, quarantine what cannot be read."""
    with Stage("ingest", Ingest) as stage:
        files = raw_files(stage.input(RAW))
        conversations, quarantine, report = [], [], []
        for path in files:
            name = path.relative_to(RAW).as_posix()
            kind, outcomes = read_file(path, name, stage.params)
            readable = [o for o in outcomes if o.messages]
            read = [conversation(name, kind, o, stage.params) for o in stage.progress(readable, name)]
            refused = [quarantined(name, o) for o in outcomes if not o.messages]
            conversations += read
            quarantine += refused
            rows = len(read) + len(refused)
            report.append((name, kind, rows, len(read), len(refused)))
            stage.say(f"{name}: {kind}, {len(read):,} conversations, {len(refused):,} quarantined")

        stage.write(
            "ingested/conversations", pl.DataFrame(conversations, schema=SCHEMA).sort("source_file", "source_row")
        )
        stage.write(
            "ingested/quarantine", pl.DataFrame(quarantine, schema=QUARANTINE).sort("source_file", "source_row")
        )
        columns = ["source_file", "source", "rows", "conversations", "quarantined"]
        stage.write("ingested/files", pl.DataFrame(report, schema=columns, orient="row"))
        stage.write_metrics(
            {
                "files": len(files),
                "rows": len(conversations) + len(quarantine),
                "conversations": len(conversations),
                "quarantined": len(quarantine),
            }
        )


def raw_files(folder: Path) -> list[Path]:
    """Every file below the folder in the order of names, hidden ones left out."""
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    if not found:
        raise QiratError(f"{folder} holds no files; drop your exports there, or run `qirat sample` for an example")
    return found


def read_file(path: Path, name: str, params: Ingest) -> tuple[str, list[Outcome]]:
    """The format of a file, and what became of each of its rows."""
    contents = open_file(path)
    if contents is None:
        kinds = ", ".join(CONTAINERS)
        return "unknown", [
            Outcome([Row(0, None)], reason=f"no reader for {path.name}; Qirat reads {kinds}, plain, .gz or .zst")
        ]
    faulty = [row for row in contents.rows if row.fault]
    readable = [row for row in contents.rows if not row.fault]
    if not readable:
        return "unknown", [Outcome([row], reason=row.fault) for row in faulty]
    chosen = format_for(name, contents, params.formats)
    if chosen is None:
        keys = ", ".join(contents.columns or _keys(readable[0]))
        reason = f"no format has these fields: {keys}; name one in params.yaml: ingest.formats, see docs/formats.md"
        return "unknown", [Outcome([row], reason=row.fault or reason) for row in contents.rows]
    try:
        outcomes = list(chosen.read(contents, params.roles))
    except (AttributeError, KeyError, TypeError) as error:
        raise QiratError(
            f"{name} cannot be read as {chosen.name} ({error!r}); see params.yaml: ingest.formats"
        ) from None
    taken = {row.number for outcome in outcomes for row in outcome.rows}
    outcomes += [Outcome([row], reason=row.fault) for row in faulty if row.number not in taken]
    assert_all_rows(name, contents, outcomes)
    return chosen.name, outcomes


def format_for(name: str, contents: Contents, chosen: Mapping[str, str]) -> Format | None:
    """The format that params name for this file, else the first that recognises it."""
    for glob, wanted in chosen.items():
        if Path(name).match(glob):
            if wanted not in formats():
                raise QiratError(f"params.yaml: ingest.formats names {wanted!r}; there are {', '.join(formats())}")
            return formats()[wanted]
    return next((f for f in formats().values() if f.recognises(contents)), None)


def assert_all_rows(name: str, contents: Contents, outcomes: list[Outcome]) -> None:
    """Every row of the file is in exactly one outcome."""
    read, given = sorted(r.number for o in outcomes for r in o.rows), sorted(r.number for r in contents.rows)
    if read != given:
        raise QiratError(
            f"{name}: {len(given):,} rows were opened but {len(read):,} came out; this is a defect of the format"
        )


def conversation(name: str, kind: str, outcome: Outcome, params: Ingest) -> dict[str, Any]:
    """The record of a readable outcome."""
    number = outcome.rows[0].number
    return {
        **outcome.provenance,
        **spoken_record(outcome.messages or [], params.merge_consecutive),
        "row_id": f"{name}:{number}",
        "source": kind,
        "source_file": name,
        "source_row": number,
    }


def quarantined(name: str, outcome: Outcome) -> dict[str, Any]:
    """The quarantine's row for an unreadable outcome."""
    number = outcome.rows[0].number
    raw = "\n".join(row.text() for row in outcome.rows)
    return {
        "row_id": f"{name}:{number}",
        "source_file": name,
        "source_row": number,
        "reason": outcome.reason,
        "raw": raw,
    }


def _keys(row: Row) -> list[str]:
    return list(row.value) if isinstance(row.value, dict) else [f"(a {type(row.value).__name__})"]


if __name__ == "__main__":
    main()
