"""Backup and restore on a real PostgreSQL, with the scripts that run in the containers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.test_compose import DEPLOY

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nowhere"))


@dataclass(frozen=True)
class Database:
    """A PostgreSQL on a socket of its own, run by a user without rights."""

    folder: Path
    owner: str | None

    def run(self, *command: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "PGHOST": str(self.folder),
            "PGUSER": "argilla",
            "PGDATABASE": "argilla",
            "BACKUPS": str(self.folder / "backups"),
            "KEEP_DAYS": "14",
        }
        return subprocess.run(
            [str(part) for part in command], env=environment, user=self.owner, cwd=self.folder, input=given,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def sql(self, statement: str) -> str:
        done = self.run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def backups(self) -> list[Path]:
        return sorted((self.folder / "backups").iterdir())


@pytest.fixture
def database() -> Iterator[Database]:
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL is not here")
    owner = "nobody" if os.getuid() == 0 else None  # PostgreSQL refuses root
    folder = Path(tempfile.mkdtemp(prefix="qirat-"))  # below pytest's own folder nobody else may look
    for script in ("backup.sh", "restore.sh"):
        shutil.copy(DEPLOY / script, folder)
    (folder / "backups").mkdir()
    if owner:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
    database = Database(folder, owner)
    try:
        made = database.run("initdb", "-D", "data", "-U", "argilla", "--auth=trust", "--no-sync", "-E", "UTF8")
        assert made.returncode == 0, made.stderr
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        started = database.run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", settings, "start")
        assert started.returncode == 0, started.stderr
        database.run("createdb", "argilla")
        yield database
    finally:
        database.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def test_a_restore_brings_back_the_database_as_it_was(database: Database) -> None:
    database.sql("create table answers (id int primary key, said text)")
    database.sql("insert into answers values (1, 'keep'), (2, 'إبقاء')")
    done = database.run("sh", "backup.sh", "once")
    assert done.returncode == 0, done.stderr
    (dump,) = database.backups()
    assert dump.stat().st_mode & 0o077 == 0

    database.sql("delete from answers; create table newer (id int); create type mood as enum ('sad')")
    done = database.run("sh", "restore.sh", dump.name)
    assert done.returncode == 0, done.stderr
    assert database.sql("select string_agg(said, ',' order by id) from answers") == "keep,إبقاء"
    assert database.sql("select to_regclass('newer') is null and to_regtype('mood') is null") == "t"


def test_a_broken_dump_leaves_the_database_as_it_is(database: Database) -> None:
    database.sql("create table answers as select n, repeat(md5(n::text), 9) as said from generate_series(1, 5000) n")
    database.run("sh", "backup.sh", "once")
    (dump,) = database.backups()
    whole = dump.read_bytes()
    for kept in (0, len(whole) // 2, len(whole) - 100):
        dump.write_bytes(whole[:kept])
        done = database.run("sh", "restore.sh", dump.name)
        assert done.returncode != 0
        assert "is what" not in done.stdout
        assert database.sql("select count(*) from answers") == "5000"


def test_a_restore_while_argilla_is_connected_is_refused(database: Database) -> None:
    database.sql("create table answers (id int)")
    database.run("sh", "backup.sh", "once")
    (dump,) = database.backups()
    answer = database.run(
        "psql", "-qAtX", given=f"select 1;\n\\! BACKUPS={database.folder}/backups sh restore.sh {dump.name} 2>&1\n"
    )
    assert "docker compose stop argilla worker" in answer.stdout


def test_old_backups_go_and_a_failed_one_leaves_nothing_and_deletes_nothing(database: Database) -> None:
    old, recent = (database.folder / "backups" / name for name in ("old.dump", "recent.dump"))
    for path, days in ((old, 20), (recent, 3)):
        database.run("touch", "-d", f"{days} days ago", path)
    database.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
    assert database.run("sh", "backup.sh", "once").returncode != 0
    assert [path for path in database.backups() if path.suffix == ".dump"] == [old, recent]

    database.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", _socket(database), "start")
    assert database.run("sh", "backup.sh", "once").returncode == 0
    left = database.backups()
    assert old not in left and recent in left and len(left) == 2


def _socket(database: Database) -> str:
    return f"-c listen_addresses='' -c unix_socket_directories={database.folder}"
