"""What an earlier run worked out is worth as much as the code that did it: one version for all that is remembered."""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import marshal
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

import polars as pl
from pydantic import BaseModel

from curation.harness.dvc import CODE, sources_of
from curation.harness.errors import QiratError
from curation.harness.files import atomic, removed
from curation.harness.parts import ROWS_A_GROUP, height_of, read_slice, taker, write_parts

CACHE = Path("data/cache")  # in neither git nor DVC; may be deleted at any time
_CODE = tuple(  # what compiled code says beside its constants, without its places in the file
    f"co_{field}"
    for field in "code names varnames freevars cellvars flags name argcount posonlyargcount kwonlyargcount".split()
)

_WORD = 2**32 - 1  # of a head of bytecode


class Memory:
    """Tables that a stage keeps from run to run, by name and version.

    They only save time: what a stage writes must be the same bytes with them and without.
    """

    def __init__(self, stage: str) -> None:
        self.folder = CACHE / stage

    def recall(self, name: str, version: str, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        """The table kept under this name and version; None when there is none, or another version."""
        path = self.folder / f"{name}.parquet"
        try:
            if pl.read_parquet_metadata(path).get("version") == version:
                return pl.read_parquet(path, columns=None if columns is None else list(columns))
        except (OSError, pl.exceptions.PolarsError):
            path.unlink(missing_ok=True)  # torn by a full disk or another hand: worked out anew
        return None

    def recall_parts(self, name: str, version: str) -> Iterator[pl.DataFrame]:
        """The same, some rows at a time where there is no room for all; of a torn one what is before the tear."""
        path = self.folder / f"{name}.parquet"
        known = self.recall(name, version, [])
        with contextlib.suppress(OSError, QiratError):
            for start in range(0, 0 if known is None else height_of(path), ROWS_A_GROUP):
                yield read_slice(path, start, ROWS_A_GROUP)

    def recall_of(self, name: str, version: str, ids: pl.Series) -> pl.DataFrame | None:
        """The rows of these conversation_ids, of which only the groups that may hold them are read."""
        if ids.is_empty() or self.recall(name, version, []) is None:
            return None
        rows = pl.scan_parquet(self.folder / f"{name}.parquet")
        by_id = pl.col("conversation_id")
        with contextlib.suppress(OSError, pl.exceptions.PolarsError):  # torn: worked out anew
            near = rows.filter(by_id.is_between(pl.lit(ids.min()), pl.lit(ids.max()))).collect()
            return near.filter(by_id.is_in(ids.implode()))
        return None

    def height_of(self, name: str, version: str) -> int:
        """How many rows are kept under this name and version."""
        return 0 if self.recall(name, version, []) is None else height_of(self.folder / f"{name}.parquet")

    @contextlib.contextmanager
    def keeping(self, name: str, version: str, schema: pl.Schema) -> Iterator[Callable[[pl.DataFrame], None]]:
        """What takes a table for the next run part by part; it is kept when the block ends well."""
        with (
            atomic(self.folder / f"{name}.parquet", clear=False) as temporary,
            taker(temporary, {"version": version}, schema) as take,
        ):
            yield take

    def keep_parts(self, name: str, version: str, parts: Iterable[pl.DataFrame], schema: pl.Schema) -> None:
        """Keeps a table for the next run as its rows come."""
        with atomic(self.folder / f"{name}.parquet", clear=False) as temporary:  # forget_but clears
            write_parts(temporary, {"version": version}, parts, schema)

    def holds(self, name: str) -> bool:
        return (self.folder / f"{name}.parquet").exists()

    def keep(self, name: str, version: str, table: pl.DataFrame) -> None:
        """Keeps a table for the next run, in place of the one of that name."""
        with atomic(self.folder / f"{name}.parquet", clear=False) as temporary:  # forget_but clears
            table.write_parquet(temporary, compression="zstd", compression_level=1, metadata={"version": version})

    def forget_but(self, names: Collection[str]) -> None:
        """Removes every table that `names` does not hold."""
        for path in self.folder.glob("*.parquet"):
            if path.stem not in names:
                path.unlink()
        for torn in self.folder.glob(".*.partial"):  # of a run that was killed
            removed(torn)


def remembered_json(path: Path) -> dict[str, Any]:
    """The JSON object that an earlier run left in a file; empty where there is none, or it is torn or another's."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def version_of(stage: str, *parts: Any) -> str:
    """A hash of the code that a stage of dvc.yaml depends on, of the libraries' versions, and of `parts`.

    Parts are params or JSON values. Any of these may change what a row gives, so a table remembered under another hash
    is worth nothing. It is as coarse as DVC, less comments and layout: of Python what it compiles to counts.
    """
    plain = [part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in parts]
    text = json.dumps([code_version(stage), *plain], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def contents(model: str | None) -> list[str]:
    """Hashes of the files of a model that is a folder: its name does not tell when it is trained on."""
    found = sorted(Path(model).rglob("*")) if model else []
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in found if path.is_file()]


@functools.cache
def code_version(stage: str, root: Path = CODE) -> str:
    """A hash of a stage's code, word lists and templates, and of the versions of all that qirat requires."""
    digest = hashlib.sha256()
    for path in sources_of(stage, root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + _meaning(path) + b"\0")
    for name in sorted({re.split(r"[^\w.-]", line)[0] for line in importlib.metadata.requires("qirat") or ()}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            digest.update(f"{name} {_installed(name)}\n".encode())
    return digest.hexdigest()


def _installed(name: str) -> str:
    """The version of a library, for which `importlib.metadata.version` reads all that it says of itself."""
    found = importlib.metadata.distribution(name)
    told = re.search(r"^Version: (\S+)$", found.read_text("METADATA") or "", re.MULTILINE)
    return told[1] if told else found.version


def _meaning(path: Path) -> bytes:
    """What of a file counts: of Python a hash of what it is compiled to, of any other all bytes."""
    if path.suffix != ".py":
        return path.read_bytes()
    kept = _bytecode(path)
    return _compiled(path.read_bytes()) if kept is None else _hashed(kept)


def _bytecode(path: Path) -> CodeType | None:
    """What Python keeps beside a source, which it compiled before; None where that may be of another text.

    Python tells by the source's size and whole seconds, so bytecode written in the second of the source's last change
    may be older than it.
    """
    kept = Path(importlib.util.cache_from_source(path, optimization=""))
    try:
        source, written, contents = path.stat(), kept.stat(), kept.read_bytes()
    except OSError:
        return None
    head = struct.pack("<4sLLL", importlib.util.MAGIC_NUMBER, 0, int(source.st_mtime) & _WORD, source.st_size & _WORD)
    if contents[: len(head)] != head or int(written.st_mtime) <= int(source.st_mtime):
        return None
    code: CodeType = marshal.loads(contents[len(head) :])
    return code


@functools.cache  # most files are of several stages
def _compiled(source: bytes) -> bytes:
    return _hashed(compile(source, "", "exec", dont_inherit=True, optimize=0))


def _hashed(code: CodeType) -> bytes:
    """A hash of compiled code, which takes half as long as to walk the syntax tree."""
    return hashlib.sha256(_spelled(code).encode("utf-8", "surrogatepass")).digest()


def _spelled(constant: Any) -> str:
    """Compiled code, or a constant of it, such that no two read alike; a set's order is another in every run."""
    if isinstance(constant, CodeType):
        return f"{[getattr(constant, field) for field in _CODE]}({_spelled(constant.co_consts)})"
    if isinstance(constant, tuple):
        return f"({','.join(map(_spelled, constant))})"
    return f"{{{','.join(sorted(map(_spelled, constant)))}}}" if isinstance(constant, frozenset) else repr(constant)
