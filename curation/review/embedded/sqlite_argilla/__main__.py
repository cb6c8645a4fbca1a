"""Runs Argilla's server on SQLite, for this machine only, until it is told to stop.

    python -m sqlite_argilla --home .qirat/argilla/home --port 6900

The home folder holds the database, `credentials.json` and `auth_secret` (made at random, readable by their owner
only), `server.log`, `server.lock` (locked while the server runs; holds its process id) and `url` (there once it
answers).
"""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
from pathlib import Path

from hosting.home import read_credentials, taken, write_privately


def main() -> None:
    """Takes hold of the home and the port, makes ready what must be there, and serves."""
    home, listener, lock = taken("sqlite_argilla", "an Argilla server")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    configure(home)
    migrate(home)
    asyncio.run(prepare(read_credentials(home, "owner", secrets.token_urlsafe(48))))
    serve(home, listener, url)
    lock.close()


def configure(home: Path) -> None:
    """Argilla reads its settings when it is imported. Whatever the caller has set for another Argilla is dropped."""
    import fakeredis
    import redis

    redis.from_url = lambda *args, **kwargs: fakeredis.FakeStrictRedis()  # Argilla connects when it is imported, too
    for name in [name for name in os.environ if name.startswith("ARGILLA_")]:
        del os.environ[name]
    os.environ.update(
        ARGILLA_HOME_PATH=str(home),
        ARGILLA_DATABASE_SQLITE_TIMEOUT="30",  # seconds to wait for another writer; its own 5 are too few under load
        ARGILLA_SEARCH_ENGINE="embedded",
        ARGILLA_CORS_ORIGINS="[]",  # its own setting lets any site's script ask with the visitor's credentials
        ARGILLA_AUTH_SECRET_KEY=read_secret(home),  # without one, every restart signs everybody out
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
    )
    os.chdir(home)
    # Argilla copies its web pages to a temporary folder at each start and leaves them there.
    pages = home / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir()
    tempfile.tempdir = str(pages)


def read_secret(home: Path) -> str:
    """What sessions are signed with."""
    path = home / "auth_secret"
    if not path.exists():
        write_privately(path, secrets.token_hex(32))
    return path.read_text("utf-8")


def migrate(home: Path) -> None:
    """The database exists and has the tables of this version."""
    from argilla_server.cli.database.migrate import migrate_db

    logging.disable(logging.INFO)
    with contextlib.redirect_stdout(None):
        migrate_db("head")
    logging.disable(logging.NOTSET)
    with sqlite3.connect(home / "argilla.db") as database:
        database.execute("PRAGMA journal_mode=WAL")  # stays in the file; readers no longer wait for writers


# Argilla saves an answer first and the record's status after it: a server killed in between leaves the old status.
_STATUS_BY_ANSWERS = """
    UPDATE records SET status = fresh.status FROM (
        SELECT r.id, CASE WHEN count(p.id) >= json_extract(d.distribution, '$.min_submitted')
                          THEN 'completed' ELSE 'pending' END AS status
        FROM records r JOIN datasets d ON d.id = r.dataset_id
        LEFT JOIN responses p ON p.record_id = r.id AND p.status = 'submitted' GROUP BY r.id
    ) AS fresh WHERE fresh.id = records.id AND fresh.status <> records.status
"""


async def prepare(owner: dict[str, str]) -> None:
    """The owner exists, the text index of every data set holds what its records say, and statuses what was answered."""
    from argilla_server.contexts import accounts
    from argilla_server.database import AsyncSessionLocal, async_engine
    from argilla_server.models import Dataset, User, UserRole
    from sqlalchemy import select, text
    from sqlalchemy.orm import selectinload

    from . import full_text

    async with AsyncSessionLocal() as db:
        if await User.get_by(db, username=owner["username"]) is None:
            await User.create(
                db,
                first_name="Owner",
                username=owner["username"],
                role=UserRole.owner,
                api_key=owner["api_key"],
                password_hash=accounts.hash_password(owner["password"]),
                workspaces=[],
            )
        for dataset in (await db.execute(select(Dataset).options(selectinload(Dataset.fields)))).scalars().all():
            if dataset.is_ready:
                await full_text.create(db, dataset)
        await db.execute(text(_STATUS_BY_ANSWERS))
        await db.commit()
    await async_engine.dispose()  # its connections belong to an event loop that ends here


def serve(home: Path, listener: socket.socket, url: str) -> None:
    """Runs until a signal ends it."""
    import uvicorn
    from argilla_server import app
    from hosting import logs

    from . import engine, faults, logins, pages, patches  # noqa: F401 - engine registers itself

    patches.apply(app)
    pages.welcome(app)
    logins.limit()
    faults.tell()
    logs.write_to(home / "server.log")

    class Server(uvicorn.Server):  # type: ignore[misc]
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            write_privately(home / "url", url)
            print(f"Argilla answers at {url}; its owner's password is in {home / 'credentials.json'}", flush=True)

    # uvicorn stops well on SIGTERM and then raises it again: that must not look like a crash
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for page in (home / "pages").rglob("*"):
        page.chmod(0o700 if page.is_dir() else 0o600)  # copied with the rights they had
    headers = [("Content-Security-Policy", pages.security_policy(pages.served_index(home / "pages"), pages.WELCOME))]
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, headers=headers, timeout_graceful_shutdown=5
    )
    try:
        Server(config).run(sockets=[listener])
    finally:
        (home / "url").unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(home / "argilla.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # who copies the one file has all


if __name__ == "__main__":
    main()
