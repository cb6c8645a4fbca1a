"""Files that people keep in git: a header, then one JSON object a line, in an order that merges cleanly.

The header says what the file is, so that it exists and parses before it holds anything:

    {"qirat": "decisions", "version": 1}

It is read as well as written. A file that has lost it, was cut off, or is another's says nothing of what it should
hold, and must not be taken for one that holds nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from curation.core.record.conversation import canonical_json
from curation.harness.errors import QiratError, faults
from curation.harness.files import atomic
from curation.harness.lock import unread

Made = TypeVar("Made")
Header = Mapping[str, Any]  # {"qirat": what the file holds, "version": of how it holds it}


def read_lines(
    path: Path,
    header: Header,
    made: Callable[[Any], Made],
    conversation: Callable[[Made], str | None] = lambda _: None,
) -> Iterator[Made]:
    """What `made` makes of the value of every line below the header; nothing where there is no file.

    Raises QiratError that names the line, where the first is not this header, one is no JSON, `made` raises ValueError
    or TypeError, or an earlier line decides on the same `conversation`.
    """
    decided = set()
    headed = False
    for number, line in enumerate(_lines(path, header), 1):
        if not line.strip():
            continue
        value = _value(path, number, line, header, headed)
        if isinstance(value, dict) and "qirat" in value:
            _check_header(path, number, value, header)
            headed = True
            continue
        try:
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


def write_lines(path: Path, header: Header, values: Iterable[dict[str, Any]]) -> None:
    """The header and a line for each value, in place of what the file held; a stage that reads it is waited for."""
    with unread(path), atomic(path) as temporary:
        temporary.write_text("".join(f"{canonical_json(value)}\n" for value in (header, *values)), "utf-8")


def _lines(path: Path, header: Header) -> list[bytes]:
    """The lines of the file, none where there is none. Raises QiratError where it cannot be read or is empty."""
    if not path.exists() and not path.is_symlink():
        return []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise QiratError(f"{path} cannot be read ({error.strerror}); {_cure(path, header)}") from None
    if not any(line.strip(b"\0 \t\r") for line in lines):
        raise QiratError(f"{path}, line 1: the file is empty and has lost its header; {_cure(path, header)}")
    return lines


def _value(path: Path, number: int, line: bytes, header: Header, headed: bool) -> Any:
    """The JSON of a line. Raises QiratError where it is none, or no header stands before it."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        fault = str(error) if isinstance(error, ValueError) else "JSON nested too deep"
        raise QiratError(
            f"{path}, line {number}: {_without_words(fault)}; mend or delete the line, or {_restored(path)}"
        ) from None
    if not headed and not (isinstance(value, dict) and "qirat" in value):
        raise QiratError(f"{path}, line {number}: no header stands before it; {_cure(path, header)}")
    return value


def _without_words(fault: str) -> str:
    """What json says of a line, less the bytes that it could not decode: they may be a customer's."""
    return "it is not written in UTF-8" if "codec can't decode" in fault else fault


def _check_header(path: Path, number: int, found: Header, header: Header) -> None:
    """Raises QiratError where the header is that of another file or another version."""
    if canonical_json(found) == canonical_json(header):
        return
    place = f"{path}, line {number}"
    if found["qirat"] != header["qirat"]:
        said = str(found["qirat"])[:40]
        raise QiratError(f"{place}: this is a file of {said!r}, not of {header['qirat']!r}; {_restored(path)}")
    version = str(found.get("version"))[:40]
    raise QiratError(
        f"{place}: version {version}, and this Qirat reads version {header['version']}; update Qirat where a newer one "
        f"wrote the file, else {_cure(path, header)}"
    )


def _cure(path: Path, header: Header) -> str:
    return f"{_restored(path)}, or write {canonical_json(header)} as its first line if all else is there"


def _restored(path: Path) -> str:
    return f"restore it from git (`git log -- {path}`, `git checkout COMMIT -- {path}`)"
