"""Runs Label Studio's server on SQLite, for this machine only, until it is told to stop.

    python -m loopback_studio --home .qirat/label_studio/home --port 6900

The home folder holds the database, `credentials.json` (made at random, readable by its owner only), `.env` with what
sessions are signed with, `server.log`, `server.lock` (locked while the server runs) and `url` (there once it answers).
"""

import os
import secrets
import shutil
import signal
import socket
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from hosting.home import read_credentials, taken, write_privately

_DATABASE = "label_studio.sqlite3"


def main() -> None:
    """Takes hold of the home and the port, makes ready what must be there, and serves."""
    home, listener, lock = taken("loopback_studio", "a Label Studio server")
    sys.addaudithook(only_this_machine)
    configure(home)
    migrate(home)
    prepare(read_credentials(home, "owner", secrets.token_hex(20)))
    serve(home, listener)
    lock.close()


def only_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    """Whatever Label Studio or a library would ask of another machine is refused where it connects."""
    if event != "socket.connect":
        return
    connecting, address = arguments
    if connecting.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise ConnectionRefusedError("this server connects to its own machine only")


def configure(home: Path) -> None:
    """Label Studio reads its settings when it is imported. Whatever the caller has set for another one is dropped."""
    packages = Path(str(distribution("label-studio").locate_file("label_studio")))
    for name in [name for name in os.environ if name.startswith(("LABEL_STUDIO", "DJANGO", "POSTGRE", "LS_"))]:
        del os.environ[name]
    os.environ.update(
        BASE_DATA_DIR=str(home),
        DATABASE_NAME=str(home / _DATABASE),
        DJANGO_DB="sqlite",
        DJANGO_SETTINGS_MODULE="label_studio.core.settings.label_studio",
        DEBUG="false",
        HOST="",
        COLLECT_ANALYTICS="false",
        LATEST_VERSION_CHECK="false",
        SENTRY_DSN="",
        FRONTEND_SENTRY_DSN="",
        DISABLE_SIGNUP_WITHOUT_LINK="true",
        LOCAL_FILES_SERVING_ENABLED="false",
        ENABLE_LOCAL_FILES_STORAGE="false",
        SSRF_PROTECTION_ENABLED="true",
        USE_DEFAULT_BANNED_SUBNETS="true",
        CORS_ALLOW_ALL_ORIGINS="false",
        ALLOWED_HOSTS="127.0.0.1,localhost",
        LOG_LEVEL="ERROR",
        LS_CSP_REPORT_ONLY="false",
    )
    sys.path.insert(0, str(packages))
    from django.conf import settings
    from loopback_studio.settings import close

    close(settings)


def migrate(home: Path) -> None:
    """The database exists and has the tables of this version.

    Two hundred migrations take half a minute, so the environment keeps a database that has them and nothing else.
    """
    import django
    from django.core.management import call_command

    database, made_by = home / _DATABASE, home / "made_by"
    empty, version = Path(sys.prefix) / "migrated.sqlite3", distribution("label-studio").version
    if not database.exists() and empty.exists():
        shutil.copyfile(empty, database)
        made_by.write_text(version)
    is_new = not database.exists()
    django.setup()
    if is_new or not made_by.exists() or made_by.read_text() != version:
        call_command("migrate", "--no-color", verbosity=0)
        made_by.write_text(version)
    if is_new:
        from django.db import connection

        connection.close()
        partial = empty.with_name(f"{empty.name}.{os.getpid()}")
        shutil.copyfile(database, partial)
        partial.replace(empty)


def prepare(owner: dict[str, str]) -> None:
    """The owner exists, and the organization that everybody belongs to."""
    from loopback_studio.people import email_of
    from organizations.models import Organization
    from rest_framework.authtoken.models import Token
    from users.models import User

    if User.objects.filter(username=owner["username"]).exists():
        return
    user = User.objects.create_superuser(
        email=email_of(owner["username"]), password=owner["password"], username=owner["username"]
    )
    made = Organization.create_organization(created_by=user, title="Qirat", legacy_api_tokens_enabled=True)
    user.active_organization = made
    user.save()
    Token.objects.filter(user=user).delete()
    Token.objects.create(user=user, key=owner["api_key"])


def serve(home: Path, listener: socket.socket) -> None:
    """Runs until a signal ends it."""
    import logging

    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application
    from hosting import logs
    from loopback_studio import queue

    queue.in_the_order_of_the_line(home)
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).handlers = []
    logs.write_to(home / "server.log", "%(pathname)s:%(lineno)d")  # what Label Studio says quotes rows and answers
    server = ThreadedWSGIServer(listener.getsockname(), WSGIRequestHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = "localhost", listener.getsockname()[1]
    server.setup_environ()
    server.daemon_threads = True
    server.set_app(get_wsgi_application())
    server.server_activate()
    url = f"http://127.0.0.1:{server.server_port}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    write_privately(home / "url", url)
    print(f"Label Studio answers at {url}; its owner's password is in {home / 'credentials.json'}", flush=True)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - Django tells of each request
    try:
        server.serve_forever()
    finally:
        (home / "url").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
