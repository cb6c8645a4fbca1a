"""The server's log: bounded, readable by its owner only, and silent about what rows and people say."""

import logging
import logging.handlers
import traceback
import warnings
from pathlib import Path
from typing import Any

_BYTES, _OLDER = 1_000_000, 3


class Reticent(logging.Formatter):
    """Says what failed and where. What errors of Argilla and pydantic say quotes their input: it is left out."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, BaseException):
            record.msg = _text_of(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(_text_of(value) if isinstance(value, BaseException) else value for value in record.args)
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        _, error, trace = ei
        return "".join([*traceback.format_tb(trace), _text_of(error)])


def write_to(path: Path, message: str = "%(message)s") -> None:
    """Everything that is logged goes to this file, and to nothing else. `message`: what is kept of each line."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8")
    handler.setFormatter(Reticent(f"%(asctime)s %(levelname)s %(name)s: {message}"))
    logging.getLogger().handlers = [handler]
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).disabled = False  # alembic's configuration silences all that were there before it
    warnings.simplefilter("ignore")  # they go to the standard error, past this file
    logging.raiseExceptions = False  # a log that cannot be written would print the values it was asked to log


def _text_of(error: BaseException) -> str:
    """With SQLAlchemy's errors the database's own words, which name tables and columns, never values."""
    original = getattr(error, "orig", None)
    return f"{type(error).__name__}: {original}" if original else type(error).__name__
