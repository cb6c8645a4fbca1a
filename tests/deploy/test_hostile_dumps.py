"""Dumps that somebody made to run something: restored as data, or refused with the database as it was."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import Database

ROOM = "room for something else " * 12  # in a comment of the dump, whose statements are not compressed
ROW = "row of a table that gives way " * 12

META = (
    r"\! touch {ran}",
    r"\o | touch {ran}",
    r"\copy answers to program 'touch {ran}'",
    r"\set now `touch {ran}`",
    "select 'touch {ran}' \\g | sh",
    r"\setenv PAGER 'touch {ran}' \\ \pset pager always \\ select 1;",
)
STATEMENTS = (
    "copy (select 1) to program 'touch {ran}';",
    "do $$ begin copy (select 1) to program 'touch {ran}'; end $$;",
    "reset session authorization; set role argilla; copy (select 1) to program 'touch {ran}';",
    "select lo_export(lo_from_bytea(0, 'x'), '{ran}');",
    "alter role argilla password 'known';",
    "commit; copy (select 1) to program 'touch {ran}';",
    "create extension file_fdw;",
    "create role another superuser;",
)
LATER = {
    "create function f() returns trigger language plpgsql as 'begin return new; end';"
    "create trigger t before insert on answers for each row execute function f()": "a trigger",
    "create function ص() returns int language sql security definer as 'select 1'": "a function",
    "alter table answers alter said set default query_to_xml('', true, true, '')::text": "a call of query_to_xml",
    "alter table answers add check (md5(said) <> '')": "a call of md5",
    "create index on answers (sha256(said::bytea))": "a call of sha256",
    'create view "نعم" as select 1 as id': "a rule or a view",
    "create rule r as on insert to answers do also select pg_sleep(1)": "a rule or a view",
    "create domain word as text check (value <> '')": "a domain or a range",
    "create statistics s on (said || 'x') from answers": "a statistic",
    "create table parts (id int) partition by list (abs(id))": "in parts",
    "create policy p on answers using (pg_sleep(1) is null)": "a policy",
}


@pytest.mark.parametrize("place", ["statement", "data"])
def test_a_dump_s_meta_commands_are_never_run(database: Database, place: str) -> None:
    _tables(database)
    dump, ran = _dump(database, compress=False), database.folder / "ran"
    whole = dump.read_bytes()
    for command in META if place == "statement" else META[:2]:
        words = command.format(ran=ran)
        dump.write_bytes(whole)
        if place == "statement":
            _give_way(dump, ROOM, f"';\n{words}\n--")
        else:
            _give_way(dump, ROW, f"\n\\.\n{words}\n")
        done = database.run("sh", "restore.sh", dump.name)
        assert not ran.exists(), command
        _assert_restored_or_as_it_was(database, done)


def test_names_with_line_ends_run_nothing_and_come_back(database: Database) -> None:
    _tables(database)
    ran = database.folder / "ran"
    for number, command in enumerate(META):
        name = f"جدول {number}\n{command.format(ran=ran)}\n"[:63]  # as long as a name may be
        database.sql(f'create table "{name.replace(chr(34), chr(34) * 2)}" (id int)')
    done = database.run("sh", "restore.sh", _dump(database, compress=True).name)
    assert done.returncode == 0, done.stderr
    assert not ran.exists()
    assert database.sql("select count(*) from pg_tables where schemaname = 'public'") == str(len(META) + 1)
    _assert_restored_or_as_it_was(database, done)


def test_a_dump_s_statements_have_no_rights_beyond_its_own_database(database: Database) -> None:
    _tables(database)
    dump, ran, before = _dump(database, compress=True), database.folder / "ran", _roles(database)
    whole = dump.read_bytes()
    for statement in STATEMENTS:
        dump.write_bytes(whole)
        _give_way(dump, ROOM, f"';\n{statement.format(ran=ran)}\n--")
        done = database.run("sh", "restore.sh", dump.name)
        assert done.returncode == 1 and "could not be restored; the database is as it was" in done.stderr, statement
        assert not ran.exists(), statement
    _assert_restored_or_as_it_was(database, done)
    assert _roles(database) == before


def test_what_would_run_later_is_refused_by_name(database: Database) -> None:
    _tables(database)
    for statement in LATER:
        database.sql(statement)
    dump = _dump(database, compress=True)
    done = database.run("sh", "restore.sh", dump.name)
    assert done.returncode == 1, done.stdout
    for found in LATER.values():
        assert found in done.stderr, found
    assert database.sql("select count(*) from pg_proc where proname = 'f'") == "1", "the database is as it was"


def test_only_dumps_of_the_folder_in_the_custom_format_are_taken(database: Database) -> None:
    _tables(database)
    folder, ran = database.folder / "backups", database.folder / "ran"
    for name, said in (
        ("script.dump", f"\\! touch {ran}\n".encode()),
        ("empty.dump", b""),
        ("نسخة.dump", b"\0\0\0\0\0"),
        ("archive.dump", subprocess.run(["tar", "cf", "-", "-C", DEPLOYED, "."], capture_output=True).stdout),
    ):
        (folder / name).write_bytes(said)
        done = database.run("sh", "restore.sh", name)
        assert done.returncode == 1 and "custom format" in done.stderr, name
    for name in ("../data/PG_VERSION", "--help", "-f", ".hidden", "none.dump", "/etc/passwd", "a b"):
        done = database.run("sh", "restore.sh", name)
        assert done.returncode == 1 and "name one of: " in done.stderr, name
    assert not ran.exists()
    _assert_restored_or_as_it_was(database, done)


def test_a_dump_of_a_database_that_an_earlier_restore_made_is_taken(database: Database) -> None:
    """Such a dump makes a schema "public" of its own."""
    database.sql("drop schema public cascade; create schema public")
    _tables(database)
    database.sql("create type answer_status as enum ('submitted'); alter table answers add status answer_status")
    done = database.run("sh", "restore.sh", _dump(database, compress=True).name)
    assert done.returncode == 0, done.stderr
    assert database.sql("select count(*) from answers where status is null") == "2"
    assert database.sql("select tableowner from pg_tables where tablename = 'answers'") == "argilla"


DEPLOYED = Path(__file__).parents[2] / "deploy"


def _tables(database: Database) -> None:
    database.sql("create table answers (id serial primary key, said text, at timestamp default now())")
    database.sql(f"comment on table answers is '{ROOM}'")
    database.sql(f"insert into answers (said) values ('إبقاء'), ('{ROW}')")


def _dump(database: Database, compress: bool) -> Path:
    dump = database.folder / "backups" / "given.dump"
    done = database.run("pg_dump", "-Fc", "--no-owner", *([] if compress else ["-Z0"]), f"--file={dump}")
    assert done.returncode == 0, done.stderr
    return dump


def _give_way(dump: Path, room: str, words: str) -> None:
    """Puts words of the same length in the place of `room`: a dump tells the length of each of its texts."""
    said, old = words.encode(), room.encode()
    assert len(said) <= len(old) and dump.read_bytes().count(old) == 1
    dump.write_bytes(dump.read_bytes().replace(old, said + b" " * (len(old) - len(said))))


def _assert_restored_or_as_it_was(database: Database, done: subprocess.CompletedProcess[str]) -> None:
    assert "إبقاء" in database.sql("select string_agg(said, ',') from answers"), done.stderr
    assert database.sql(
        "select string_agg(datname, ',' order by datname) from pg_database where not datistemplate"
    ) == ("argilla,postgres")
    assert database.sql("select count(*) from pg_roles where rolname like '%restoring%'") == "0"


def _roles(database: Database) -> str:
    return database.sql("select string_agg(rolname || rolsuper || coalesce(rolpassword, ''), ',') from pg_authid")
