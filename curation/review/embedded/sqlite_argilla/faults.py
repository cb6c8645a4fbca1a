"""What people and programs are told when the database cannot be written: what happened, and what to do.

Argilla commits before it answers, so what it has acknowledged is on disk. SQLite takes back what it could not finish.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

from argilla_server.api.routes import api_v1
from argilla_server.contexts import distribution
from argilla_server.database import async_engine
from fastapi.responses import JSONResponse
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError, DisconnectionError

_FAULTS = {
    "SQLITE_FULL": (507, "the disk is full; make room on it"),
    "SQLITE_IOERR": (507, "the disk cannot be written, or is full; make room on it or look after it"),
    "SQLITE_READONLY": (507, "the database may not be written; give its owner the right to write it"),
    "SQLITE_CANTOPEN": (507, "the database cannot be opened; look after its folder and the rights on it"),
    "SQLITE_CORRUPT": (507, "the database is damaged; stop the server and restore a backup"),
    "SQLITE_NOTADB": (507, "the database is damaged; stop the server and restore a backup"),
    "SQLITE_BUSY": (503, "the database is busy; wait a moment"),
}


def tell() -> None:
    """Errors of the database become sentences, without the values that SQLAlchemy would quote; a mended one ends."""
    async_engine.sync_engine.hide_parameters = True
    listen(async_engine.sync_engine, "connect", _note_rights)
    listen(async_engine.sync_engine, "checkout", _open_anew_with_rights)
    api_v1.add_exception_handler(DBAPIError, _as_answer)
    distribution.update_record_status = _without_denying_the_answer(distribution.update_record_status)


def _without_denying_the_answer(update: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Argilla counts a record's answers after it has saved one: where that fails, the answer is saved all the same."""

    async def updated(search_engine: Any, record_id: Any) -> Any:
        try:
            return await update(search_engine, record_id)
        except DBAPIError as error:
            logging.getLogger("argilla").error("a record's status waits for the next start: %s", error)

    return updated


def _may_write() -> bool:
    return os.access(str(async_engine.url.database), os.W_OK)


def _note_rights(_: Any, record: Any) -> None:
    record.info["may_write"] = _may_write()


def _open_anew_with_rights(_: Any, record: Any, __: Any) -> None:
    """A connection opened without the right to write would never get it, and may have served readers since."""
    if not record.info.get("may_write", True) and _may_write():
        raise DisconnectionError  # the pool opens another in its place


async def _as_answer(_: Any, error: DBAPIError) -> JSONResponse:
    name = getattr(error.orig, "sqlite_errorname", "")
    fault = next((known for known in _FAULTS if name.startswith(known)), None)
    if fault is None:
        return JSONResponse({"detail": f"the database refused this ({name or type(error).__name__})"}, 500)
    if fault == "SQLITE_READONLY":
        await async_engine.dispose()  # the right was given while a connection was opened
    status, sentence = _FAULTS[fault]
    detail = f"Not saved: {sentence}, then try again. What was saved before is not lost."
    return JSONResponse({"detail": detail}, status)
