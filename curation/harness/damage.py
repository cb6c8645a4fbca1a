"""Why a run stopped where no code foresaw it: the system refused, or a file is not as its stage wrote it.

Stages and commands ask here what to say, so that a full disk or a torn table needs no care anywhere else. What is
neither is a fault of ours and keeps its traceback.
"""

import errno
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curation.harness.dvc import CODE, PACKAGES, is_made, listed, maker_of, stages
from curation.harness.errors import QiratError
from curation.harness.full_memory import out_of_memory

CACHE = Path("data/cache")
MARK = "qirat"  # among the metadata of a table, the name under which a stage wrote it
CURES: Mapping[int, str] = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or have the quota raised",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f)",
    errno.EROFS: "mount it for writing, or work in a copy of the project",
    errno.EACCES: "give yourself the right to it (chmod, chown)",
    errno.EPERM: "give yourself the right to it (chmod, chown, chattr)",
    errno.EIO: "look after the disk",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs, too many files are open",
    errno.ENOMEM: "free some memory, or set machine.workers to 1 in params.yaml",
    errno.ENAMETOOLONG: "move the project to a shorter path",
    errno.ELOOP: "remove the link that leads to itself",
    errno.ENOTDIR: "remove the file that stands where a folder should",
    errno.EISDIR: "remove the folder that stands where a file should",
}
FULL = ("database or disk is full", "inline_container.cc:672] . unexpected pos")  # how SQLite and PyTorch say ENOSPC


def _weights(path: Path) -> None:
    """Reads the head of a file of weights, which says how long the file is. Raises ValueError where it is torn."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise ValueError(str(error)) from None


_NO_FILES_FAULT = (BrokenPipeError, ImportError)
_READ: Mapping[str, Callable[[Path], Any]] = {
    ".parquet": pl.read_parquet_schema,
    ".json": lambda path: json.loads(path.read_bytes()),
    ".safetensors": _weights,
}


def explained(error: BaseException, read: Sequence[Path] = ()) -> str | None:
    """What a user can mend behind an error, in a sentence with the place and the cure; None where that is nothing.

    `read` are the places of the pipeline that may have been read, all of them where none is given. The sentence quotes
    nothing that such a file holds.
    """
    told = str(error) if isinstance(error, QiratError) else None
    if told and (error.__cause__ is None or refused(error)):
        return told
    if not isinstance(error, Exception | pl.exceptions.PanicException) or isinstance(error, _NO_FILES_FAULT):
        return None
    if full := next(filter(None, map(out_of_memory, _chain(error))), None):
        return full
    files = list(_written(read))
    return refused(error) or _missing(error) or _torn(files) or _strange(files, error) or told


def refused(error: BaseException, place: Path | None = None) -> str | None:
    """What the system said no to, at `place` where that is known; None where the error is no such refusal.

    Libraries that are not Python's own pass on the system's words in a text.
    """
    for one in _chain(error):
        number = next((number for number in CURES if _says(one, number)), None)
        if number is not None:
            told = place or _named(one) or Path("a file")
            return f"{told}: {os.strerror(number).lower()}; {CURES[number]}, then run it again"
    return None


def no_table(path: Path, error: Exception) -> str:
    """What is wrong with a table of the pipeline that Polars cannot read, or that lacks a column."""
    lacks = isinstance(error, pl.exceptions.ColumnNotFoundError)
    what = str(error).split(";")[0].splitlines()[0] if lacks else "it is torn, or no Parquet"
    return f"{path} is not as its stage writes it: {what}; {_anew(path)}"


def refuse_misplaced(path: Path) -> None:
    """Raises QiratError where a table of ours stands in the place of another: train copied over test has every column.

    A table without the mark may be of another's making, such as a test's, and is taken for what its place says.
    """
    if (mark := _mark(path)) not in (None, _table(path)):
        raise QiratError(f"{path} is not as its stage writes it: it holds the table {mark}; {_anew(path)}")


def _missing(error: BaseException) -> str | None:
    """The file of the pipeline that was to be read and is not there."""
    outs = [Path(out) for stage in stages().values() for out in listed(stage, "outs", "metrics")]
    for one in _chain(error):
        path = _named(one) if isinstance(one, FileNotFoundError) else None
        if path is not None and any(path.is_relative_to(out) for out in outs):
            return f"{path} is missing; {_anew(path)}"
    return None


def _says(error: BaseException, number: int) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == number
    said = "" if isinstance(error, ValueError | LookupError) else str(error)  # these quote what they were given
    full = number == errno.ENOSPC and any(words in said for words in FULL)
    return full or f"(os error {number})" in said or f"strerror: {os.strerror(number)}" in said


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _named(error: BaseException) -> Path | None:
    """The file that an error of the system names, as it is seen from the project."""
    name = getattr(error, "filename", None) or (str(error).partition("): ")[2] if isinstance(error, OSError) else "")
    if not isinstance(name, str) or not name:
        return None
    path = Path(name)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _written(read: Sequence[Path]) -> Iterator[Path]:
    """The files that stages wrote, of those that were read, and what is remembered of earlier runs."""
    outs = [Path(out) for stage in stages().values() for out in listed(stage, "outs", "metrics")]
    for out in [*outs, CACHE]:
        for path in sorted(out.rglob("*")) if out.is_dir() else [out]:
            wanted = not read or out == CACHE or any(path.is_relative_to(place) for place in read)
            if wanted and path.suffix in _READ and path.is_file():
                yield path


def _torn(files: Sequence[Path]) -> str | None:
    """The first file that does not hold what its name says."""
    for path in files:
        try:
            _READ[path.suffix](path)
        except OSError as error:
            return refused(error, path)
        except (ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return f"{path} is torn, or no {path.suffix[1:].capitalize()}; {_anew(path)}"
    return None


def _strange(files: Sequence[Path], error: BaseException) -> str | None:
    """The file that is whole and yet not what its stage wrote, by what DVC remembers, else by the mark of tables.

    Where DVC finds all of them unchanged none is at fault. JSON bears no mark, so any of it may be.
    """
    made = [path for path in files if not path.is_relative_to(CACHE)]
    found = _not_as_dvc_has_it(made)
    if found is None:
        found = [path for path in made if path.suffix == ".parquet" and _mark(path) != _table(path)]
        found = found or [path for path in made if path.suffix != ".parquet" and not isinstance(error, QiratError)]
    if not found:
        return None
    which = " or ".join(map(str, found))
    return f"{which} is not as its stage writes it ({_stopped(error)}); {_anew(found[0])}"


def _stopped(error: BaseException) -> str:
    """What an error is and where in our code it came up, without its words, which may be a customer's."""
    rooms = tuple(f"{CODE / package}{os.sep}" for package in PACKAGES)
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(rooms)]
    return "".join([type(error).__name__, *(f" in {frame.name}, line {frame.lineno}" for frame in ours[-1:])])


def _mark(path: Path) -> str | None:
    return pl.read_parquet_metadata(path).get(MARK)


def _table(path: Path) -> str:
    return path.relative_to("data").with_suffix("").as_posix() if path.is_relative_to("data") else path.stem


def _not_as_dvc_has_it(files: Sequence[Path]) -> list[Path] | None:
    """Those of the files that differ from what dvc.lock says; None where it does not know them."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not Path("dvc.lock").exists():
        return None
    try:
        with Repo() as repo:
            found = repo.data_status(granular=True)["uncommitted"]
    except (DvcException, OSError, KeyError):
        return None
    if any(path.is_relative_to(added) for path in files for added in found.get("added", ())):
        return None
    modified = {Path(path) for path in found.get("modified", ())}
    return [path for path in files if path in modified]


def _anew(path: Path) -> str:
    if path.is_relative_to(CACHE):
        return "delete it, it only saves time"
    if not is_made(path):
        return "no stage of this project makes it: take it anew from where it came"
    return f"run `dvc repro {maker_of(path)}`, which makes it anew"
