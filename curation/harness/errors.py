"""What a user can mend, in a sentence."""

from pydantic import ValidationError


def faults(error: ValidationError) -> str:
    """What is wrong with a section, each fault with its place."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (is {e['input']!r})" for e in error.errors())


class QiratError(Exception):
    """Something a user can mend. The message is a sentence with the place and the cure."""
