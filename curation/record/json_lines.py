"""Files that people keep in git: a header, then one JSON object a line, in an order that merges cleanly.

The header says what the file is, so that it exists and parses before it holds anything:

    {"qirat": "decisions", "version": 1}
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from curation.harness.errors import QiratError, faults
from curation.harness.files import atomic
from curation.harness.lock import unread
from curation.record.conversation import canonical_json

Made = TypeVar("Made")


def read_lines(
    path: Path, made: Callable[[Any], Made], conversation: Callable[[Made], str | None] = lambda _: None
) -> Iterator[Made]:
    """What `made` makes of the value of every line below the header; nothing where there is no file.

    Raises QiratError that names the line, where it is no JSON, `made` raises ValueError or TypeError, or an earlier
    line decides on the same `conversation`.
    """
    decided = set()
    for number, line in enumerate(path.read_bytes().split(b"\n") if path.exists() else (), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if "qirat" in value:
                continue
            found = made(value)
        except (ValueError, TypeError) as error:  # pydantic's ValidationError is a ValueError
            raise QiratError(f"{path}, line {number}: {faults(error, quoted=False)}; mend or delete the line") from None
        if (key := conversation(found)) is not None and key in decided:
            raise QiratError(
                f"{path}, line {number}: a second decision on {key}; "
                "keep one of the two (this happens when two branches are merged)"
            )
        decided.add(key)
        yield found


def write_lines(path: Path, header: dict[str, Any], values: Iterable[dict[str, Any]]) -> None:
    """The header and a line for each value, in place of what the file held; a stage that reads it is waited for."""
    with unread(path), atomic(path) as temporary:
        temporary.write_text("".join(f"{canonical_json(value)}\n" for value in (header, *values)), "utf-8")
