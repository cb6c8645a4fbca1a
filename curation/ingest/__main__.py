"""Read every raw file into one table of conversations, the evaluation sets into another.  python -m curation.ingest

Nothing is lost on the way: every raw row is part of one conversation or stands in the quarantine with a reason. Files
pass through in chunks, so that their size matters little, and a file that was read before is not read again.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from curation.core.record.conversation import SCHEMA
from curation.decisions import forget
from curation.harness.engine import Machine, map_items
from curation.harness.errors import QiratError
from curation.harness.files import table_path
from curation.harness.memory import version_of
from curation.harness.stage import Stage
from curation.ingest.archives import DAMAGED
from curation.ingest.files import EVALUATION, RAW, files_below, hidden_below, hidden_told, key_of, raw_files
from curation.ingest.formats import formats
from curation.ingest.memory import FILES, TABLES, ReadFiles, hidden_files
from curation.ingest.pages import NARROW, Pages, first_time, in_pages, join_pages, spread
from curation.ingest.reading import Ingest, Part, RawFile, beginnings, mapper, tasks_of
from curation.ingest.unpacking import Source, packing, size_of

if TYPE_CHECKING:
    from tqdm import tqdm
LARGE = 48 * 2**20  # bytes from which starting processes pays
NO_RULES: forget.ForgetRules = frozenset()  # nobody trains on an evaluation set: it stays as it is
UNPACKED = 6  # a packed text becomes about so many times as large


def main() -> None:
    """Find each raw file's format, map it to conversations, quarantine what cannot be read."""
    with Stage("ingest", Ingest) as stage:
        rules = forget.read_rules(stage.input(forget.PATH))
        files = keyed(raw_files(stage.input(RAW)), stage.params, rules)
        held_out = keyed(files_below(stage.input(EVALUATION)), stage.params, NO_RULES)

        hidden = hidden_below(stage.input(RAW))
        for folder, left in ((RAW, hidden), (EVALUATION, hidden_below(stage.input(EVALUATION)))):
            if left:
                stage.say(f"{folder}: {hidden_told(left)}")
        memory = ReadFiles(stage.memory, {**held_out, **files})
        if memory.reports:
            stage.say(f"{len(memory.reports):,} files as they were read before")
        read_unread(stage, memory, held_out, NO_RULES)
        evaluation = evaluation_sets(memory, held_out)  # a fault in one stops before all that takes time
        read_unread(stage, memory, files, rules)

        pages = pages_of(memory, files, stage.params, rules)
        if pages.told():
            stage.say(pages.told())
        for table, schema in TABLES.items():
            as_read = ((file.name, memory.tables(key, table)) for key, file in files.items())
            frames = (frame for name, of_file in as_read for frame in pages.of_file(name, table, of_file))
            stage.write_parts(f"ingested/{table}", frames, schema)
        stage.write("ingested/evaluation", evaluation)
        stage.say(languages_summary(table_path("ingested/conversations")))
        found = pages.counted(pl.concat(memory.reports[key] for key in files).select(FILES.names()))
        stage.write("ingested/files", pl.concat([found, hidden_files(hidden)]))
        counted = ("records", "rows", "conversations", "quarantined", "forgotten", "parts")
        stage.write_metrics({"files": found.height, **found.select(pl.col(counted).sum()).row(0, named=True)})


def keyed(files: Iterable[RawFile], params: Ingest, rules: forget.ForgetRules) -> dict[str, RawFile]:
    """The files, each by a hash of all that its tables depend on."""
    version = version_of("ingest", params, sorted((rule.forget, rule.value) for rule in rules))
    return {key_of(file, version): file for file in files}


def read_unread(
    stage: Stage[Ingest], memory: ReadFiles, files: Mapping[str, RawFile], rules: forget.ForgetRules
) -> None:
    """Reads the files that were not read before, and says of each what came of it."""
    unread = {key: file for key, file in files.items() if key not in memory.reports}
    for key, parts in read(unread, stage.params, stage.machine, rules):
        memory.keep(key, _as_hashed(parts, files[key], lambda file: keyed([file], stage.params, rules), key))
        said = (file_summary(memory.reports[key]), files[key].note, *of_people(memory, key))
        stage.say("; ".join(filter(None, said)))


def _as_hashed(
    parts: Iterator[Part], file: RawFile, keyed_again: Callable[[RawFile], Collection[str]], key: str
) -> Iterator[Part]:
    """The parts of a file that is the same when all of it was read: else they would be remembered for another one."""
    yield from parts
    if key not in keyed_again(file):
        raise QiratError(f"{file.name} changed while it was read; run `dvc repro` again when nothing writes it")


def read(
    files: Mapping[str, RawFile], params: Ingest, machine: Machine, rules: forget.ForgetRules
) -> Iterator[tuple[str, Iterator[Part]]]:
    """The keys of the files, each with the parts that come of it."""
    from tqdm import tqdm

    sizes = {file.name: 0 if file.refused else size_of(file.path) for file in files.values()}
    packed = {file.name for file in files.values() if sizes[file.name] and _is_packed(file.path)}
    unpacked = sum(size * (UNPACKED if name in packed else 1) for name, size in sizes.items())
    with tqdm(
        desc="ingest", total=sum(sizes.values()), unit="B", unit_scale=True, disable=None, mininterval=0.5, leave=False
    ) as bar:
        tasks = (task for file in files.values() for task in tasks_of(file, params, bar.update))
        parts = map_items(functools.partial(mapper, params, rules), tasks, machine, unpacked > LARGE)
        keys = {file.name: key for key, file in files.items()}
        yield from (
            (keys[name], of_file) for name, of_file in groupby(counted(parts, bar), lambda part: part.head.name)
        )


def _is_packed(path: Source) -> bool:
    try:
        return bool(packing(path))
    except DAMAGED:  # reading it will say why not
        return False


def counted(parts: Iterable[Part], bar: "tqdm[NoReturn]") -> Iterator[Part]:
    """The parts, their rows said beside the bar."""
    rows = 0
    for part in parts:
        rows += part.conversations.height + part.quarantine.height
        bar.set_postfix_str(f"{rows / (bar.format_dict['elapsed'] or 1):,.0f} rows/s")
        yield part


def pages_of(memory: ReadFiles, files: Mapping[str, RawFile], params: Ingest, rules: forget.ForgetRules) -> Pages:
    """Tickets that stand in several files, joined; only files whose names say that they may be pages are looked at."""
    kept = {file.name: key for key, file in files.items() if memory.reports[key]["conversations"].item()}
    keys = [kept[name] for name in in_pages(kept)]
    narrow = [frame for key in keys for frame in memory.tables(key, "conversations", NARROW)]
    rows = spread(pl.concat([SCHEMA.to_frame().select(NARROW), *narrow]))
    found = {row.rpartition(":")[0] for row in rows["row_id"]}
    tables = (frame for name in sorted(found) for frame in memory.tables(kept[name], "conversations"))
    pages = [SCHEMA.to_frame(), *(frame.join(rows, on="row_id", how="semi") for frame in tables)]

    def times(wanted: Sequence[Mapping[str, Any]]) -> dict[str, datetime]:
        numbers = {(page["source_file"], page["source_row"]): page["row_id"] for page in wanted}
        told: dict[str, datetime] = {}
        for name in sorted({page["source_file"] for page in wanted}):
            lists = beginnings(files[kept[name]], params)
            rows_of = (row for _, chunks in lists for chunk in chunks for row in chunk.rows())
            known = (row for row in rows_of if (name, row.number) in numbers)
            told |= {numbers[name, row.number]: time for row in known if (time := first_time(row.value))}
        return told

    by_message = [name for name, known in formats().items() if known.whole_file]
    return join_pages(pl.concat(pages), by_message, times, params.merge_consecutive, rules)


def evaluation_sets(memory: ReadFiles, files: Mapping[str, RawFile]) -> pl.DataFrame:
    """The record of every evaluation conversation, which must not be trained on, each once; row_id = file:line.

    No files are no error. A row that cannot be read, or a file without any, would protect nothing: it stops the stage.
    """
    tables = [SCHEMA.to_frame()]
    for key, file in files.items():
        if fault := _fault(memory, key):
            raise QiratError(f"{EVALUATION / file.name}{fault}")
        tables += memory.tables(key, "conversations")
    return pl.concat(tables).unique("conversation_id", keep="first", maintain_order=True)


def _fault(memory: ReadFiles, key: str) -> str:
    """Where the file cannot be read and why; "" when all of it was."""
    for unread in memory.tables(key, "quarantine"):
        for number, reason in unread.select("source_row", "reason").head(1).iter_rows():
            return f", row {number}: {reason}" if number else f": {reason}"
    return "" if memory.reports[key].item(0, "conversations") else ": no conversation is in it; fill it or remove it"


def languages_summary(conversations: Path) -> str:
    """What the conversations are in, most first."""
    counted = (
        pl.scan_parquet(conversations).group_by("language").len().collect().sort("len", "language", descending=True)
    )
    return f"languages: {', '.join(f'{name} {number:,}' for name, number in counted.iter_rows()) or 'none'}"


def of_people(memory: ReadFiles, key: str) -> Iterator[str]:
    """What was assumed of the people of chats, and the language of a phone that is neither English nor Arabic."""
    form = formats().get(memory.reports[key].item(0, "source"))
    if form is None or not form.chat:
        return
    kept = pl.concat(table.select("metadata") for table in memory.tables(key, "conversations"))["metadata"]
    if assumed := kept.str.contains('"roles_assumed":', literal=True).sum():
        yield f"in {assumed:,} who is who is told by what people say (see --explain), not by params.yaml: ingest.roles"
    for language in kept.str.extract('"phone_language":"([^"]+)"').drop_nulls().unique().sort():
        yield f"from a phone in {language}: only its media, notices and names were told, its words are read as they are"


def file_summary(report: pl.DataFrame) -> str:
    """What the person at the terminal should know of a file."""
    file = report.row(0, named=True)
    encoding = f", not UTF-8 but {file['encoding']}" if file["encoding"] not in ("", "utf-8") else ""
    return (
        f"{file['source_file']}: {file['source']} ({file['container']}{encoding}), "
        f"{file['conversations']:,} conversations, {file['quarantined']:,} quarantined"
        f"{'; ' if file['notes'] else ''}{file['notes']}"
    )


if __name__ == "__main__":
    main()
