"""A real PostgreSQL with the scripts that run in the containers."""

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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Database]:
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL is not here")
    owner = "nobody" if os.getuid() == 0 else None  # PostgreSQL refuses root
    folder = Path(tempfile.mkdtemp(prefix="qirat-"))  # below pytest's own folder nobody else may look
    for script in ("backup.sh", "restore.sh"):
        shutil.copy(DEPLOY / script, folder)
    if owner:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
    cluster = Database(folder, owner)
    try:
        made = cluster.run("initdb", "-D", "data", "-U", "argilla", "--auth=trust", "--no-sync", "-E", "UTF8")
        assert made.returncode == 0, made.stderr
        started = start(cluster)
        assert started.returncode == 0, started.stderr
        yield cluster
    finally:
        cluster.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(cluster: Database) -> Database:
    """An empty database and no backups, on the one server of these tests."""
    shutil.rmtree(cluster.folder / "backups", ignore_errors=True)
    cluster.run("mkdir", "backups")
    for command in ("dropdb --force --if-exists argilla", "createdb argilla"):
        done = cluster.run(*command.split())
        assert done.returncode == 0, done.stderr
    return cluster


def start(database: Database) -> subprocess.CompletedProcess[str]:
    settings = f"-c listen_addresses='' -c unix_socket_directories={database.folder} -c fsync=off"
    return database.run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", settings, "start")
