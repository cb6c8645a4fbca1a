"""Backup and restore on a real PostgreSQL, with the scripts that run in the containers."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deploy.conftest import Database, start
from tests.deploy.test_compose import DEPLOY


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


def test_a_failed_backup_leaves_nothing_and_deletes_nothing(database: Database) -> None:
    old = _older(database, days=20)
    database.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
    try:
        failed = database.run("sh", "backup.sh", "once")
    finally:
        start(database)
    assert failed.returncode != 0
    assert database.backups() == [old]


def _older(database: Database, days: int) -> Path:
    """A whole dump of this server, by its name so many days old."""
    assert database.run("sh", "backup.sh", "once").returncode == 0
    made = max(database.backups())
    named = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H%M%SZ}{made.name[18:]}"
    return made.rename(made.with_name(named))


# Stand-ins for PostgreSQL's programs: a dump is whole when it says so; FAKE_CLUSTER is the server's number.
_STANDINS = {
    "psql": 'echo "${FAKE_CLUSTER:-1}"',
    "pg_dump": """for given; do
        case $given in --file=*) echo whole > "${given#--file=}" ;; esac
    done
    ${FAKE_DUMP:-true}""",
    "pg_restore": 'for path; do :; done; [ "$(cat "$path")" = whole ]',
}


@dataclass(frozen=True)
class Folder:
    """A folder of backups, whose dumps are known by their age in days and by their server's number."""

    path: Path

    def backup(self, *given: str, keep: int = 3, **settings: str) -> subprocess.Popen[str]:
        programs = self.path.parent / "programs"
        programs.mkdir(exist_ok=True)
        for name, script in _STANDINS.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "KEEP_DAYS": str(keep), "BACKUPS": str(self.path)}
        environment["BACKUP_MADE"] = str(self.path.parent / "made")
        return subprocess.Popen(
            ["sh", DEPLOY / "backup.sh", *given], env=environment | settings, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def once(self, keep: int = 3, **settings: str) -> tuple[int, str]:
        running = self.backup("once", keep=keep, **settings)
        _, errors = running.communicate(timeout=30)
        return running.returncode, errors

    def put(self, days: float, cluster: int = 1, said: str = "whole\n") -> Path:
        made = datetime.now(UTC) - timedelta(days=days)
        path = self.path / f"{made:%Y-%m-%dT%H%M%SZ}-{cluster}.dump"
        path.write_text(said)
        return path

    def whole(self, cluster: int = 1) -> set[str]:
        return {path.name for path in self.path.glob(f"*-{cluster}.dump") if path.read_text() == "whole\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "backups").mkdir()
    return Folder(tmp_path / "backups")


_dumps = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([1, 2]), st.sampled_from(["whole\n", "whole\n", "who"])),
    max_size=7, unique_by=lambda dump: dump[0],
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(dumps=_dumps, keep=st.integers(1, 5), fails=st.booleans())
def test_there_are_never_fewer_whole_backups_than_are_kept(
    dumps: list[tuple[int, int, str]], keep: int, fails: bool
) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "backups").mkdir()
        folder = Folder(Path(place) / "backups")
        young = {folder.put(days, cluster, said).name for days, cluster, said in dumps if days < keep}
        before, others = folder.whole(), folder.whole(cluster=2)
        there = {path.name for path in folder.path.iterdir()}

        code, _ = folder.once(keep, **({"FAKE_DUMP": "false"} if fails else {}))

        assert (code != 0) == fails
        left = {path.name for path in folder.path.iterdir()}
        if fails:
            assert left == there
        assert young <= left and folder.whole(cluster=2) == others
        assert len(folder.whole()) >= min(len(before) + (not fails), keep)
        if not fails:  # nor does it grow for ever
            assert len(folder.whole()) <= max(keep, len(young) + 1)


def test_age_is_told_by_the_name_and_what_others_put_there_stays(folder: Folder) -> None:
    recent = [folder.put(days) for days in (0.5, 1, 2)]
    for path in recent:
        os.utime(path, (0, 0))  # copied back, its times lost
    old, copied = folder.put(9), folder.put(8)
    foreign = [
        folder.path / name for name in ("2020-01-05T030000Z.dump", "before upgrade.dump", "نسخة.dump", "-rf.dump")
    ]
    for path in foreign:
        path.write_text("x")
    code, _ = folder.once()
    assert code == 0
    assert all(path.exists() for path in [*recent, *foreign])
    assert not old.exists() and not copied.exists()


def test_two_backups_at_once_both_end_well_and_neither_takes_the_other_s(folder: Folder) -> None:
    slow = folder.backup("once", FAKE_DUMP="sleep 2", FAKE_CLUSTER="7")
    _wait_until(lambda: any(folder.path.iterdir()))
    dead = folder.path / ".2020-01-05T030000Z-1.dump.AbCdEf.partial"
    dead.write_text("half")
    os.utime(dead, (0, 0))
    assert folder.once(FAKE_CLUSTER="7")[0] == 0
    assert slow.wait(30) == 0
    assert len(folder.whole(cluster=7)) == 2 and len(list(folder.path.iterdir())) == 2


def test_of_two_in_one_second_one_is_told_no_and_none_is_lost(folder: Folder) -> None:
    (folder.path.parent / "programs").mkdir()
    clock = folder.path.parent / "programs" / "date"
    clock.write_text("#!/bin/sh\necho 2026-01-05T030000Z\n")
    clock.chmod(0o755)
    assert folder.once()[0] == 0
    made = folder.path / "2026-01-05T030000Z-1.dump"
    first = made.stat()
    code, errors = folder.once()
    assert code == 1 and "is there already" in errors
    assert made.stat() == first and list(folder.path.iterdir()) == [made]


@pytest.mark.parametrize("hangs", ["pg_dump", "ends_late"])
def test_a_dump_that_hangs_is_ended_and_leaves_nothing(folder: Folder, hangs: str) -> None:
    dump = {"pg_dump": "sleep 600", "ends_late": "sh -c 'trap : TERM; sleep 600'"}[hangs]
    began = time.monotonic()
    code, _ = folder.once(FAKE_DUMP=dump, BACKUP_SECONDS="1")
    assert code != 0 and time.monotonic() - began < 20
    assert list(folder.path.iterdir()) == []


def test_the_service_ends_when_told_also_in_the_middle_of_a_dump(folder: Folder) -> None:
    running = folder.backup(FAKE_DUMP="sleep 600")
    _wait_until(lambda: any(folder.path.iterdir()))
    running.terminate()
    assert running.wait(20) == 0
    _wait_until(lambda: not any(folder.path.iterdir()))


def test_the_service_says_when_it_made_a_backup_and_only_then(folder: Folder) -> None:
    """The health check looks at that, not at the folder, where others' dumps may lie."""
    made = folder.path.parent / "made"
    failing = folder.backup(FAKE_DUMP="false")
    assert failing.stderr and "trying again in ten minutes" in failing.stderr.readline()
    assert not made.exists()
    failing.terminate()
    well = folder.backup()
    _wait_until(made.exists)
    well.terminate()
    assert failing.wait(20) == well.wait(20) == 0


@pytest.mark.parametrize(
    ("given", "keep"), [("twice", "3"), ("once", "0"), ("once", "-1"), ("once", "أسبوع"), ("", "")]
)
def test_a_wrong_word_or_setting_is_told_and_deletes_nothing(folder: Folder, given: str, keep: str) -> None:
    old = folder.put(99)
    running = folder.backup(*([given] if given else []), KEEP_DAYS=keep)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 2 and "expected" in errors
    assert old.exists()


def _wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
