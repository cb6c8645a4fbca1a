"""A copy of the embedded server's home while people work, and the way back.

A backup is one gzipped tar file, readable by its owner only: the database, the owner's credentials and the secret that
sessions are signed with. Indexes and logs are made anew.
"""

import contextlib
import fcntl
import gzip
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from curation.harness.errors import QiratError
from curation.review.embedded.process import HOME

_DATABASE = "argilla.db"
_SECRETS = ("credentials.json", "auth_secret")


def backup(file: Path | None = None, home: Path = HOME) -> Path:
    """Writes the backup, whole or not at all, and returns where it is. The server may run."""
    if not (home / _DATABASE).exists():
        raise QiratError(f"{home} holds no Argilla database; `qirat review serve` makes one")
    file = file or home.parent / "backups" / f"{_now()}.tar.gz"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.parent) as folder, _disk_faults_told(file.parent):
        copy, packed = Path(folder, _DATABASE), Path(folder, "packed")
        _copy_database(home / _DATABASE, copy)
        _check(copy)
        packed.touch(mode=0o600)
        with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
            archive.add(copy, _DATABASE)
            for name in _SECRETS:
                archive.add(home / name, name)
        packed.replace(file)
    return file


def restore(file: Path, home: Path = HOME) -> Path | None:
    """Makes the backup the server's home. What was there is kept aside; returns where, or None when nothing was."""
    home.parent.mkdir(parents=True, exist_ok=True)
    unpacked = Path(tempfile.mkdtemp(prefix=".restore-", dir=home.parent))  # 0700
    try:
        with _disk_faults_told(home.parent):
            _unpack(file, unpacked)
        _check(unpacked / _DATABASE)
        with _no_server(home):
            aside = home.with_name(f"{home.name}-until-{_now()}") if home.exists() else None
            if aside:
                home.rename(aside)
            unpacked.rename(home)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return aside


def _copy_database(source: Path, copy: Path) -> None:
    """In one read transaction: what was committed when it began, and nobody waits for it."""
    copy.touch(mode=0o600)
    opened = contextlib.closing(sqlite3.connect(source, timeout=30))
    with opened as database, contextlib.closing(sqlite3.connect(copy)) as target:
        database.backup(target)


def _check(database: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(database)) as opened:
            found = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
            opened.execute("SELECT count(*) FROM responses")
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise QiratError(f"the database is damaged ({found}); nothing was changed. Take an earlier backup")


def _unpack(file: Path, folder: Path) -> None:
    """The three files by name, whatever else is in there."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            for name in (_DATABASE, *_SECRETS):
                content = archive.extractfile(name)
                assert content is not None, f"{name} is no file"
                target = folder / name
                target.touch(mode=0o600)
                with target.open("wb") as output:
                    shutil.copyfileobj(content, output)
    except FileNotFoundError:
        raise QiratError(f"there is no backup {file}") from None
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, KeyError, AssertionError) as error:
        raise QiratError(f"{file} is no whole backup of `qirat review backup` ({error})") from None


@contextlib.contextmanager
def _no_server(home: Path) -> Iterator[None]:
    """No server runs on this home, nor starts meanwhile: its lock is held."""
    if not home.exists():
        yield
        return
    with (home / "server.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise QiratError("the Argilla server runs; end it with `qirat review stop`, then restore") from None
        yield


@contextlib.contextmanager
def _disk_faults_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise QiratError(f"{folder}: {error}; nothing was changed. Make room there, or name another file") from None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
