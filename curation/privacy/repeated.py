"""Secrets and addresses of a conversation where they stand again and no word tells what they are.

Values are kept as a tree of their words and signs, so that a text is read once, however many there are.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from curation.privacy.finds import Find
from curation.privacy.plain import Plain

SHORTEST = 4  # signs of a value that is known again without a word beside
_ADDRESS_PARTS = re.compile(r"\s*[,\n]\s*")
_BEGINS = re.compile(r"(?<![\w.,/-])\S")
_GOES_ON = re.compile(r"[\w/]|[.,]\d")  # behind it: the value is but the beginning of another
# One step of each way to write a value: digits in any grouping, signs as they are, words with any blanks between.
_DIGITS, _AS_IT_IS, _WORDS = re.compile(r"(?:(?<=\d)[ -])?\d"), re.compile(r"\w+|\W"), re.compile(r"\w+|[\s,]+|\W")
_VALUE = ""  # the key of a branch under which the value lies that ends there; no step is empty
Tree = dict[str, Any]


class Repeated:
    """Finds noted values of any kind that can be known again; others are passed over."""

    def __init__(self, noted: Iterable[tuple[str, str]]) -> None:
        self._trees: dict[re.Pattern[str], Tree] = {}
        for kind, value in noted:
            for steps, spelled in _spellings(kind, value):
                branch = self._trees.setdefault(steps, {})
                for step in steps.findall(spelled):
                    branch = branch.setdefault(_same(step), {})
                branch.setdefault(_VALUE, (kind, value))

    def __call__(self, text: str) -> Iterator[Find]:
        """From left to right, the longest value at each place."""
        plain, end = Plain(text) if self._trees else Plain(""), 0
        for begin in _BEGINS.finditer(plain.text):
            if begin.start() >= end and (found := self._longest(plain.text, begin.start())):
                end, (kind, value) = found
                yield Find(kind, *plain.written(begin.start(), end), value)

    def _longest(self, text: str, start: int) -> tuple[int, tuple[str, str]] | None:
        ends = [found for steps, tree in self._trees.items() for found in _along(text, start, steps, tree)]
        return max(ends, key=lambda found: found[0], default=None)


def _spellings(kind: str, value: str) -> Iterator[tuple[re.Pattern[str], str]]:
    """A noted secret, or the parts of a noted address that tell it, each with the steps by which it is read."""
    if kind == "secret" and len(value) >= SHORTEST:
        yield _DIGITS if value.isdecimal() else _AS_IT_IS, value
    for part in _ADDRESS_PARTS.split(value.strip()) if kind == "address" else ():
        if len(part) >= SHORTEST and (any(map(str.isdigit, part)) or len(part.split()) > 1):
            yield _WORDS, part


def _along(text: str, start: int, steps: re.Pattern[str], branch: Tree) -> Iterator[tuple[int, tuple[str, str]]]:
    """The values that begin there, each with its end."""
    place = start
    while step := steps.match(text, place):
        below = branch.get(_same(step[0]))
        if below is None:
            return
        branch, place = below, step.end()
        if _VALUE in branch and not _GOES_ON.match(text, place):
            yield place, branch[_VALUE]


def _same(step: str) -> str:
    """A step in one spelling: a digit without what parts it from the one before, a blank for blanks and commas."""
    return " " if step.isspace() or "," in step else step.lower().lstrip(" -") or step
