"""What a user can mend, in a sentence."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError


def faults(error: ValidationError) -> str:
    """What is wrong with a section, each fault with its place."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (is {e['input']!r})" for e in error.errors())


class QiratError(Exception):
    """Something a user can mend. The message is a sentence with the place and the cure."""


def meant(name: str, known: Iterable[str], most: int = 3) -> str:
    """What a mistyped name may have meant: "; did you mean judge?", or "" where nothing is like it."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.7)
    return f"; did you mean {' or '.join(near)}?" if near else ""
