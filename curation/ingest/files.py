"""The files that ingest reads, and the key of what is remembered of each."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from curation.harness.errors import QiratError
from curation.ingest.archives import DAMAGED, Member, is_archive, members
from curation.ingest.beside import mark_of
from curation.ingest.neighbours import with_regulars
from curation.ingest.reading import RawFile
from curation.ingest.unpacking import Source
from curation.ingest.workbooks import sheets_of

RAW = Path("data/raw")
EVALUATION = Path("data/evaluation")
HIDDEN_NAMED = 10
OF_GIT = frozenset({".gitkeep", ".gitignore"})  # no exports: git keeps an empty folder by them, DVC writes the second
DAYS = "*/[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].json"
# What Hugging Face saves with a data set and Slack with its channels, and where these then lie.
NOTES = {
    "dataset_info.json": "*.arrow",
    "state.json": "*.arrow",
    "dataset_dict.json": "*/*.arrow",
    **dict.fromkeys(("users.json", "channels.json", "groups.json", "dms.json", "mpims.json"), DAYS),
    **dict.fromkeys(("org_users.json", "integration_logs.json", "canvases.json", "file_conversations.json"), DAYS),
}


def raw_files(folder: Path) -> list[RawFile]:
    """The files below the folder, at least one."""
    if not (found := files_below(folder)):
        hidden = f" but hidden ones ({', '.join(left)}), which are not read" if (left := hidden_below(folder)) else ""
        raise QiratError(
            f"{folder} holds no files{hidden}; drop your exports there, or run `qirat sample` for an example"
        )
    return found


def files_below(folder: Path) -> list[RawFile]:
    """Everything below the folder in the order of names, hidden ones and the notes of data sets left out."""
    paths = (path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    found = [file for path in paths for file in _opened(raw_file(path, folder))]
    shown = [file for file in found if not any(part.startswith(".") for part in Path(file.name).parts)]
    sheets = [sheet for file in shown if not _is_note(file.path) for sheet in by_sheet(file)]
    return with_regulars(_told_apart(sorted(sheets, key=lambda file: file.name)))


def _told_apart(files: Iterable[RawFile]) -> list[RawFile]:
    """The files, those whose names cannot be written otherwise than one before with their number behind."""
    names, named = set[str](), list[RawFile]()
    for file in files:
        number = next(n for n in itertools.count(1) if (f"{file.name} ({n})" if n > 1 else file.name) not in names)
        named.append(replace(file, name=f"{file.name} ({number})") if number > 1 else file)
        names.add(named[-1].name)
    return named


def by_sheet(file: RawFile) -> list[RawFile]:
    """The file, or of a workbook with several sheets each of them: book.xlsx/Sheet1."""
    if file.refused or Path(file.path.name).suffix.lower() not in (".xlsx", ".xlsm"):
        return [file]
    sheets = sheets_of(file.path)
    several = [replace(file, name=f"{file.name}/{sheet}", sheet=sheet) for sheet in sheets]
    return several if len(several) > 1 else [file]


def hidden_below(folder: Path) -> dict[str, int]:
    """Hidden files below the folder and hidden folders, which are not read, each with the number of its files."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        at = next((place for place, part in enumerate(parts) if part.startswith(".")), None)
        if at is not None and path.name not in OF_GIT and (not path.is_dir() or path.is_symlink()):
            name = Path(*parts[: at + 1]).as_posix() + ("/" if at + 1 < len(parts) else "")
            found[name.encode("utf-8", "backslashreplace").decode("utf-8")] += 1
    return dict(sorted(found.items()))


def hidden_told(hidden: Mapping[str, int]) -> str:
    """What the person at the terminal should know of hidden files."""
    named = [
        f"{name} ({count:,} file{'s' * (count != 1)})" if name.endswith("/") else name for name, count in hidden.items()
    ]
    more = f" and {len(named) - HIDDEN_NAMED:,} more" if len(named) > HIDDEN_NAMED else ""
    return f"hidden, so not read: {', '.join(named[:HIDDEN_NAMED])}{more}; rename what holds conversations"


def _opened(file: RawFile) -> Iterator[RawFile]:
    """The file, or the members of an archive."""
    if file.refused or not isinstance(file.path, Path) or not is_archive(file.path):
        yield file
        return
    for part in members(file.path):
        yield RawFile(f"{file.name}/{part.name}".rstrip("/"), part.member or file.path, part.refused, note=part.note)


def _is_note(path: Source) -> bool:
    """Whether a file only describes the tables beside or below it."""
    if path.name not in NOTES:
        return False
    pattern = NOTES[path.name]
    return path.holds_below(pattern) if isinstance(path, Member) else any(path.parent.glob(pattern))


def raw_file(path: Path, folder: Path) -> RawFile:
    """A file by its name below the folder; links that lead out of it are not followed."""
    name = path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode("utf-8")
    try:
        leads_out = path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # which pathlib raises for links in a circle
        return RawFile(name, path, "a link that leads to itself; remove it, or put the file itself here")
    if leads_out:
        return RawFile(name, path, "a link that leads out of the folder is not followed; put the file itself here")
    if not path.is_file():
        return RawFile(name, path, "not a file, or a link to nothing; export it again")
    return RawFile(name, path)


def key_of(file: RawFile, version: str) -> str:
    """A hash of all that the tables of a file depend on: its name and bytes, the params, rules and code."""
    digest = hashlib.sha256(f"{version}\0{file.name}\0{file.refused}\0".encode())
    if not file.refused:
        digest.update(f"{mark_of(file.path)}\0{sorted(file.regulars)}".encode())
        try:
            with file.path.open("rb") as handle:
                digest.update(hashlib.file_digest(handle, "sha256").digest())
        except DAMAGED as error:
            digest.update(str(error).encode())  # reading it will say why not
    return digest.hexdigest()
