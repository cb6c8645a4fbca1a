"""What lies beside a raw file and belongs to it: `users.json`, which has the names of a Slack export's channels."""

import functools
import hashlib
import json
import re
from typing import Any

from curation.ingest.archives import DAMAGED, Member
from curation.ingest.unpacking import Source

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
USERS = "users.json"
MOST_BYTES = 2**26  # of a list of users


def users_of(path: Source) -> list[Any]:
    """The users of the export that a channel's day is of; none for any other file."""
    lies = _users_file(path)
    return _read(lies, _changed(lies))[1] if lies else []


def mark_of(path: Source) -> str:
    """A hash of what belongs to a file, or ""."""
    lies = _users_file(path)
    return _read(lies, _changed(lies))[0] if lies else ""


def _users_file(path: Source) -> Source | None:
    if not _DAY.fullmatch(path.name):
        return None
    if isinstance(path, Member):
        return path.above(USERS)
    found = path.parent.parent / USERS
    return found if found.is_file() and not found.is_symlink() else None


def _changed(path: Source) -> int:
    return (path.archive if isinstance(path, Member) else path).stat().st_mtime_ns


@functools.lru_cache(8)
def _read(path: Source, changed: int) -> tuple[str, list[Any]]:
    try:
        with path.open("rb") as handle:
            data = handle.read(MOST_BYTES)
        users = json.loads(data)
    except (*DAMAGED, ValueError, RecursionError):  # it is read as a file of its own, which says why not
        return "", []
    return hashlib.sha256(data).hexdigest(), users if isinstance(users, list) else []
