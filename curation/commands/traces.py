"""Where those who are to be forgotten still stand: every file of the project is opened and looked through.

Looked for are their conversation_ids, as they were read and reworded; addresses and phones of customers in any
spelling, by the hashes of the rules; and pieces of what they said that nobody else said. What was packed is unpacked:
tables, archives, workbooks, git's history with the refs of experiments, DVC's cache. Databases are read byte by byte,
so that what they freed and did not overwrite is seen.
"""

import codecs
import functools
import gzip
import html
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from configparser import ConfigParser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import polars as pl

from curation.commands.history import Blob, blobs
from curation.core.record.conversation import canonical_json
from curation.core.text.folding import fold
from curation.decisions.forget import HEADER, NAMED_BY, ForgetRule, ForgetRules, forgotten, names_one
from curation.harness.files import progress, table_path

CHUNK = 2**22  # bytes of a file that are looked at together
OVERLAP = 2**10  # bytes of the chunk before that are looked at again
ROWS = 5_000  # of a table, likewise
DEEPEST = 3  # archives in archives
PIECE = 24  # characters of what somebody said that are theirs alone, at least
LONGEST = 60  # and at most, since others quote the beginning
WEIGHTS = (".safetensors", ".gguf", ".pt", ".npy")  # numbers; what a model learnt is told by the list of its rows
RULES = canonical_json(HEADER)
READ_BY = {*NAMED_BY, "row_id", "parent_id", "messages"}
_PLAIN_PIECE = re.compile(rf"[^\n\r\t\"\\<>&'`|*_]{{{PIECE},}}")
_IDS = re.compile(r"[0-9a-f]{32,}")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_AT = re.compile("@|%40|＠|﹫")
_SPACED = r"[\d\s().·٫\-\u00ad\u061c\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069]"  # what stands in a phone
_DIGITS = re.compile(rf"[+(＋]?\d{_SPACED}{{5,}}\d(?:[eE]\+\d\d?)?")
_DECIMAL = re.compile(r"\d{1,3}\.\d+")  # a measure, such as files of figures are full of


@dataclass(frozen=True)
class Known:
    """What is looked for."""

    words: frozenset[str]  # conversation_ids
    hashes: frozenset[str] = frozenset()  # of customers
    said: tuple[str, ...] = ()  # pieces of their messages
    name: str = ""  # of a customer who is no address and no phone, folded

    def among(self, text: str) -> bool:
        """Whether a text holds any of it."""
        return (
            any(run[n : n + 32] in self.words for run in _IDS.findall(text) for n in range(len(run) - 31))
            or bool(self.said and pl.Series([text]).str.contains_any(list(self.said)).item())
            or self._named(text)
        )

    def _named(self, text: str) -> bool:
        if self.hashes:
            around = (text[max(0, at.start() - 80) : at.end() + 80] for at in _AT.finditer(text))
            digits = (found for found in _DIGITS.findall(text) if not _DECIMAL.fullmatch(found))
            if any(names_one(found, self.hashes) for found in {*around, *digits}):
                return True
        return bool(self.name and re.search(rf"(?<!\w){re.escape(self.name)}(?!\w)", fold(text)))


@dataclass(frozen=True)
class Scan:
    """What came of looking."""

    held: list[str]  # files, relative to the project, that hold something of it
    history: list[Blob]  # versions in git that do
    unread: list[str]  # files that could not be read
    files: int  # that were looked into
    bytes: int


def known_of(rules: ForgetRules, said: str = "") -> Known:
    """What is known of them: by the rules, and by every table at hand, earlier ones in DVC's cache too."""
    tables = list(tables_at_hand())
    words = {word for found in words_by_rule(rules, tables).values() for word in found}
    pieces = {piece for frame in tables if "messages" in frame.columns for piece in _pieces(frame, words)}
    hashes = frozenset(one.value for one in rules if one.forget == "customer")
    return Known(frozenset(words), hashes, _theirs_alone(pieces, rules), fold(said))


def words_by_rule(rules: ForgetRules, tables: Sequence[pl.DataFrame] | None = None) -> dict[ForgetRule, set[str]]:
    """The conversation_ids that each rule names or named, as they were read and reworded; none that others said too."""
    tables = list(tables_at_hand()) if tables is None else tables
    others = _others(rules)
    return {one: _words(one, tables) - others for one in rules}


def _words(one: ForgetRule, tables: Sequence[pl.DataFrame]) -> set[str]:
    words = one.known
    for frame in tables:
        words |= {*frame.filter(forgotten(frame, frozenset({one})))["conversation_id"]} - {None}
    for frame in tables:
        words |= {*frame.filter(pl.col("parent_id").is_in(sorted(words)))["conversation_id"]}
    return words


def scan(known: Known) -> Scan:
    """Looks through every file of the project and all of git's history."""
    held, unread, size = [], [], 0
    files = list(project_files())
    for path in progress(files, "forget: looking through files", len(files), "files"):
        size += path.stat().st_size
        if (holds := _holds(known, partial(texts_of, path))) is None:
            unread.append(path.as_posix())
        elif holds:
            held.append(path.as_posix())
    versions = []
    for blob in blobs():
        holds = _holds(known, partial(_texts, io.BytesIO(blob.data), DEEPEST))
        versions += [blob.without_data()] if holds else []
        unread += [f"git's {blob.path or 'unnamed'}"] if holds is None else []
    return Scan(held, versions, unread, len(files), size)


def _holds(known: Known, texts: Callable[[], Iterator[str]]) -> bool | None:
    """Whether texts hold any of it; None where they cannot be read. A list of rules must remember whom it protects."""
    try:
        found = texts()
        first = next(found, "")
        return (not first.startswith(RULES) and known.among(first)) or any(map(known.among, found))
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, pl.exceptions.PolarsError):
        return None


def project_files() -> Iterator[Path]:
    """Every file below this folder and in DVC's cache, but for git's own, environments and links out of the project."""
    seen = set()
    for folder in (Path(), dvc_cache()):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and not _left_aside(path) and (real := path.resolve()) not in seen:
                seen.add(real)
                yield path


def _left_aside(path: Path) -> bool:
    inside = {".git", "__pycache__", "node_modules"} & {*path.parts}
    return bool(inside) or path.suffix in WEIGHTS or any(map(_is_environment, path.parents))


@functools.cache
def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


def dvc_cache() -> Path:
    """Where DVC keeps what stages wrote."""
    place = _dvc_config().get("cache", "dir", fallback="cache")
    return Path(".dvc") / place if not Path(place).is_absolute() else Path(place)


def remotes() -> list[str]:
    """DVC's remotes, which are not looked into."""
    return sorted(name.split('"')[1] for name in _dvc_config().sections() if name.strip("'").startswith('remote "'))


def _dvc_config() -> ConfigParser:
    config = ConfigParser(interpolation=None, strict=False)
    config.read([".dvc/config", ".dvc/config.local"], "utf-8")
    return config


# -- tables at hand ----------------------------------------------------------------------------------------------------


def tables_at_hand() -> Iterator[pl.DataFrame]:
    """All tables of rows with ids that lie in the project or in DVC's cache: NAMED_BY, parent_id, messages if any."""
    for path in project_files():
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                continue
        try:
            columns = [name for name in pl.read_parquet_schema(path) if name in READ_BY]
            frame = pl.read_parquet(path, columns=columns) if "conversation_id" in columns else None
        except (OSError, pl.exceptions.PolarsError):
            continue  # the scan tells it
        if frame is not None:
            absent = [name for name in (*NAMED_BY, "parent_id") if name not in columns]
            yield frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)


def _others(rules: ForgetRules) -> set[str]:
    """The conversation_ids that rows of the present data have which no rule names."""
    path = table_path("ingested/conversations")
    if not path.exists():
        return set()
    present = pl.read_parquet(path, columns=list(NAMED_BY))
    return {*present.filter(~forgotten(present, rules))["conversation_id"]}


def _pieces(frame: pl.DataFrame, words: Set[str]) -> Iterator[str]:
    """The longest plain piece of every message of these conversations, if it is long enough to be told from others'."""
    theirs = frame.filter(pl.col("conversation_id").is_in(sorted(words)))
    for messages in theirs["messages"]:
        for said in messages:
            if found := _PLAIN_PIECE.findall(said["content"] or ""):
                yield max(found, key=len)[:LONGEST].strip()


def _theirs_alone(pieces: Set[str], rules: ForgetRules) -> tuple[str, ...]:
    """The pieces that no row of the present data holds which no rule names."""
    path = table_path("ingested/conversations")
    if not pieces or not path.exists():
        return tuple(sorted(pieces))
    present = pl.read_parquet(path, columns=[*NAMED_BY, "messages"])
    others = present.filter(~forgotten(present, rules))["messages"].explode().drop_nulls()
    shared = others.struct.field("content").str.extract_many(sorted(pieces), overlapping=True).explode()
    return tuple(sorted(pieces - {*shared.drop_nulls()}))


# -- from a file to texts ----------------------------------------------------------------------------------------------


def texts_of(path: Path) -> Iterator[str]:
    """What a file holds as text, some of it at a time."""
    with path.open("rb") as file:
        yield from _texts(file, DEEPEST)


def _texts(file: IO[bytes], deep: int) -> Iterator[str]:
    start = file.read(8)
    file.seek(0)
    opened = next((reader for magic, reader in READERS.items() if start.startswith(magic)), None)
    if opened is None or not deep:
        yield from _as_text(file)
    else:
        yield from opened(file, deep)


def _as_text(file: IO[bytes]) -> Iterator[str]:
    """The bytes as UTF-8, or as UTF-16 where they begin so; what is escaped as in JSON and HTML also plain."""
    before, encoding = b"", ""
    while chunk := file.read(CHUNK):
        wide = chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = encoding or ("utf-16" if wide else "utf-8")
        text = (before + chunk).decode(encoding, "replace")
        yield _unescaped(text)
        before, encoding = chunk[-OVERLAP:], encoding if encoding == "utf-8" else _same_end(chunk, encoding)


def _same_end(chunk: bytes, encoding: str) -> str:
    if encoding != "utf-16":
        return encoding
    return "utf-16-le" if chunk.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"


def _unescaped(text: str) -> str:
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return html.unescape(text) if "&#" in text or "&lt;" in text or "&amp;" in text else text


def _of_table(read: Callable[[IO[bytes]], pl.DataFrame], file: IO[bytes], _: int) -> Iterator[str]:
    whole = read(file)
    table = whole.select(name for name, kind in whole.schema.items() if not _is_figures(kind))
    for start in range(0, table.height, ROWS):
        yield _unescaped("\n".join(str(row) for row in table.slice(start, ROWS).iter_rows()))


def _is_figures(kind: pl.DataType) -> bool:
    """Whether a column holds lists of numbers, such as vectors and tokens; a row of those is found by its id."""
    return isinstance(kind, pl.List | pl.Array) and kind.inner.is_numeric()


def _of_gzip(file: IO[bytes], deep: int) -> Iterator[str]:
    with gzip.open(file) as inner:
        yield from _texts(io.BytesIO(inner.read()), deep - 1)


def _of_zstd(file: IO[bytes], deep: int) -> Iterator[str]:
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as inner:
        yield from _texts(io.BytesIO(inner.read()), deep - 1)


def _of_zip(file: IO[bytes], deep: int) -> Iterator[str]:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            yield name
            yield from _texts(io.BytesIO(archive.read(name)), deep - 1)


READERS: dict[bytes, Callable[[IO[bytes], int], Iterable[str]]] = {
    b"PAR1": partial(_of_table, pl.read_parquet),
    b"ARROW1": partial(_of_table, pl.read_ipc),
    b"\x1f\x8b": _of_gzip,
    b"\x28\xb5\x2f\xfd": _of_zstd,
    b"PK\x03\x04": _of_zip,
}
