"""What a user can mend, in a sentence."""

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
