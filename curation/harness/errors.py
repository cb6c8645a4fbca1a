"""What a user can mend, in a sentence."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

_STEERING = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff"
_STEERS = re.compile(f"[{_STEERING}]")
_UNSHOWN = re.compile(f"[{_STEERING}\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]")


def showable(text: str) -> str:
    r"""The text as a terminal may have it: what would steer it, or turn the line, as it is escaped: \x1b, \u202e."""
    return _UNSHOWN.sub(lambda sign: ascii(sign.group())[1:-1], text)


def steerless(text: str) -> str:
    r"""Words as a terminal may have them: marks of direction stay, of which Arabic chats are full, but for overrides.

    What would steer it is escaped as JSON escapes it, \u001b, so that printed JSON means the same.
    """
    return _STEERS.sub(lambda sign: f"\\u{ord(sign.group()):04x}", text)


class QiratError(Exception):
    """Something a user can mend. The message is a sentence with the place and the cure."""

    def __str__(self) -> str:
        return showable(super().__str__())


def faults(error: Exception, section: str = "", *, quoted: bool = True) -> str:
    """What is wrong with a value, each fault that pydantic found with its place below `section`.

    Not `quoted` where customers' words may stand there.
    """
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())  # YAML's are of several lines

    def said(fault: Any) -> str:
        place = ".".join(str(part) for part in (section, *fault["loc"]) if part != "")
        found = f" (is {fault['input']!r})" if quoted else ""
        return ": ".join(filter(None, [place, fault["msg"].removeprefix("Value error, ") + found]))

    return "; ".join(map(said, error.errors()))


def meant(name: str, known: Iterable[str], most: int = 3) -> str:
    """What a mistyped name may have meant: "; did you mean judge?", or "" where nothing is like it."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.7)
    return f"; did you mean {' or '.join(near)}?" if near else ""
