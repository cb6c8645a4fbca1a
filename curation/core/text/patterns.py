"""Long lists of patterns, for Polars' engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

# Characters of a pattern. The automaton of one of 40,000 outgrows the engine's memory again and again and is built
# anew each time: it takes twenty times as long as all its pieces.
LONGEST = 4_000
NOTHING = r"[^\s\S]"


@dataclass(frozen=True)
class Patterns:
    """Any of these, between what must stand `before` and what `behind`. An empty list fits nothing."""

    before: str
    any_of: Sequence[str]
    behind: str
    whole: str = field(init=False)  # one pattern, whose first group is the one of them that stands there
    _pieces: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "whole", f"{self.before}({'|'.join(self.any_of) or NOTHING}){self.behind}")
        pieces = (f"{self.before}(?:{'|'.join(piece)}){self.behind}" for piece in _pieces(self.any_of))
        object.__setattr__(self, "_pieces", tuple(pieces) or (NOTHING,))

    def stand_in(self, text: pl.Expr) -> pl.Expr:
        """Whether a text holds one of them."""
        return pl.any_horizontal(text.str.contains(piece) for piece in self._pieces)

    def first_in(self, text: pl.Expr) -> pl.Expr:
        """The first of them that stands in a text, null where none does."""
        if len(self._pieces) == 1:
            return text.str.extract(self.whole, 1)
        return pl.when(self.stand_in(text)).then(text).str.extract(self.whole, 1)


def _pieces(patterns: Sequence[str]) -> list[list[str]]:
    pieces: list[list[str]] = []
    for pattern in patterns:
        if not pieces or sum(map(len, pieces[-1])) + len(pattern) > LONGEST:
            pieces.append([])
        pieces[-1].append(pattern)
    return pieces
