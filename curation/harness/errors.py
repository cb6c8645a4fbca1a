"""What a user can mend, in a sentence."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError


class QiratError(Exception):
    """Something a user can mend. The message is a sentence with the place and the cure."""


def faults(error: Exception, section: str = "", *, quoted: bool = True) -> str:
    """What is wrong with a value, each fault that pydantic found with its place below `section`.

    Not `quoted` where customers' words may stand there.
    """
    if not isinstance(error, ValidationError):
        return str(error)

    def said(fault: Any) -> str:
        place = ".".join(str(part) for part in (section, *fault["loc"]) if part != "")
        found = f" (is {fault['input']!r})" if quoted else ""
        return ": ".join(filter(None, [place, fault["msg"].removeprefix("Value error, ") + found]))

    return "; ".join(map(said, error.errors()))


def meant(name: str, known: Iterable[str], most: int = 3) -> str:
    """What a mistyped name may have meant: "; did you mean judge?", or "" where nothing is like it."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.7)
    return f"; did you mean {' or '.join(near)}?" if near else ""
