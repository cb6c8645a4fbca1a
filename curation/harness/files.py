"""Tables by name, and files written whole or not at all."""

import contextlib
import glob
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import polars as pl

from curation.harness.damage import no_table, refuse_misplaced, refused
from curation.harness.dvc import is_made, maker_of
from curation.harness.errors import QiratError

Item = TypeVar("Item")
_PROBE = 1 << 16  # bytes, more than the buffers of a library hold back


def table_path(table: str) -> Path:
    """ "dedup/pairs" -> data/dedup/pairs.parquet"""
    return Path("data") / f"{table}.parquet"


def finished_table(table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A table for a command outside the pipeline; its absence is told with the stage that makes it."""
    path = table_path(table)
    if not path.exists():
        refuse_no_project()
        raise QiratError(f"{path} is missing; run `dvc repro {maker_of(path)}` first")
    return read_table(path, columns)


def refuse_no_project() -> None:
    """A command that finds nothing may have been given in the wrong folder, where no run would help."""
    if not Path("dvc.yaml").exists() and not Path("params.yaml").exists():
        raise QiratError(
            f"{Path.cwd()} is no project: it holds no params.yaml; run this from the folder that does, or start one "
            "with `qirat init DIR`"
        )


def cure(path: Path, stage: str) -> str:
    """What brings a missing input of a stage: a run where a stage makes it, else whoever wrote it."""
    if is_made(path):
        return f"run `dvc repro {stage}`, which makes what comes before"
    if not path.suffix:
        return f"no stage makes it: it is a folder that you fill (`mkdir -p {path}`)"
    return (
        f"no stage makes it: take it from git (`git checkout -- {path}`), or from a new project "
        "(`qirat init DIR` writes one of each such file)"
    )


def read_table(path: Path, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
    """A table that a stage wrote; one that is torn, another, or lacks a column is told with the stage that makes it.

    Rows that are not asked for by `where` never lie in memory together.
    """
    try:
        refuse_misplaced(path)
        if where is None:
            return pl.read_parquet(path, columns=None if columns is None else list(columns))
        rows = pl.scan_parquet(path).filter(where)
        return (rows if columns is None else rows.select(columns)).collect()
    except pl.exceptions.PolarsError as error:
        raise QiratError(no_table(path, error)) from None


@contextlib.contextmanager
def atomic(path: Path, clear: bool = True) -> Iterator[Path]:
    """Yields a fresh temporary path beside `path` and moves it there when the block ends well.

    `clear` removes what a killed run left of it, which takes a look at the whole folder. Raises QiratError with `path`
    where the system refuses, as a full disk does.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if clear:
            for stale in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
                removed(stale)
        yield temporary
        for file in temporary.rglob("*") if temporary.is_dir() else [temporary]:
            _on_disk(file)
        if temporary.is_dir() and path.is_dir():
            _exchange(path, temporary)
        else:
            temporary.replace(path)
    except Exception as error:
        if said := refused(error, path) or _no_more(temporary, path, error):
            raise QiratError(said) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # where nothing may be written, nothing was
            removed(temporary)


def _on_disk(file: Path) -> None:
    """Waits until a power failure cannot take the bytes away any more, which the name may outlive otherwise."""
    if file.is_file():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _exchange(path: Path, new: Path) -> None:
    """Puts a folder in place of another. Whoever is killed in between leaves none, and never half of the old one."""
    old = _beside(path)
    path.rename(old)
    try:
        new.replace(path)
    except OSError:
        old.rename(path)
        raise
    removed(old)


def _beside(path: Path) -> Path:
    """A name that nobody else has, which `atomic` clears away after a run that was killed."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def _no_more(temporary: Path, path: Path, error: Exception) -> str | None:
    """What the system says to more of a file, since Polars and PyTorch do not always pass on why they failed."""
    if isinstance(error, QiratError):
        return None
    try:
        with (temporary / "more" if temporary.is_dir() else temporary).open("ab") as file:
            file.write(b"\0" * _PROBE)
    except OSError as refusal:
        return refused(refusal, path)
    return None


def hashes(folder: Path) -> dict[str, str]:
    """Name below the folder -> SHA-256 of each file, but for hidden ones."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: sha256(path.read_bytes()).hexdigest() for name, path in files.items() if not path.name.startswith(".")
    }


def progress(items: Iterable[Item], what: str, total: int | None = None, unit: str = "rows") -> Iterable[Item]:
    """A bar with rate and remaining time on a terminal; silent elsewhere."""
    from tqdm import tqdm

    bar: Iterable[Item] = tqdm(
        items, desc=what, total=total, unit=f" {unit}", disable=None, mininterval=0.5, leave=False
    )
    return bar


def removed(path: Path) -> None:
    """Takes a file or a folder away, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
