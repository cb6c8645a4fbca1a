"""What a section of the page is made of. The template draws these; it knows nothing of what they say."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import SupportsFloat

from markupsafe import Markup

from curation.report.results import Results
from curation.report.words import Words

Cell = str | Markup


@dataclass(frozen=True)
class Table:
    """Columns whose place is in `numbers` are set as figures; `total` is a last row that sums up."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: frozenset[int] = frozenset()
    total: Sequence[Cell] = ()
    folded: bool = False  # shown closed, for tables few will read


@dataclass(frozen=True)
class Figure:
    """A drawing and what it shows."""

    drawing: Markup
    caption: str


@dataclass(frozen=True)
class Note:
    """A sentence. `kind`: plain, good, bad or warning; `section` has more on it."""

    text: Cell
    kind: str = "plain"
    section: str = ""


@dataclass(frozen=True)
class Turn:
    """One message; `at_fault` is the one that the finding points at."""

    role: str
    text: Markup
    at_fault: bool = False


@dataclass(frozen=True)
class Excerpt:
    """A conversation, or a pair of them, with the facts about it."""

    title: Cell
    facts: Sequence[tuple[str, Cell]]
    columns: Sequence[Sequence[Turn]]


@dataclass(frozen=True)
class Examples:
    """Examples of one kind under a heading."""

    heading: Cell
    text: str
    examples: Sequence[Excerpt]
    anchor: str = ""  # by which the page links to it


Block = Table | Figure | Note | Examples
Builder = Callable[[Results, Words], Sequence[Block]]


@dataclass(frozen=True)
class Section:
    """`name` is its place in the catalogue ({name}.title, {name}.intro) and its anchor. Its first note is its gist."""

    name: str
    blocks: Sequence[Block]

    @property
    def gist(self) -> Note | None:
        """What the section amounts to, for those who do not unfold it."""
        return next((block for block in self.blocks if isinstance(block, Note)), None)

    @property
    def body(self) -> Sequence[Block]:
        """What is seen when it is unfolded."""
        return [block for block in self.blocks if block is not self.gist]


def count(value: SupportsFloat | None) -> str:
    """A whole number with thousands marked; empty for none."""
    return "" if value is None else f"{float(value):,.0f}"


def share(part: SupportsFloat, whole: SupportsFloat) -> str:
    """A percentage with a digit more where it is small; empty when there is no whole."""
    if not float(whole):
        return ""
    percent = 100 * float(part) / float(whole)
    return f"{percent:.0f}%" if percent >= 10 or percent == 0 else f"{percent:.1f}%"


def code(text: object) -> Markup:
    """A name out of the machine: kept left to right and in one piece in either direction of text."""
    return Markup('<code dir="ltr">{}</code>').format(text)


def auto(text: object) -> Markup:
    """Words from the data, laid out in the direction of their own script."""
    return Markup('<bdi dir="auto">{}</bdi>').format(text)


def rows_of(shown: Cell, *command: str) -> Markup:
    """A number or a word that unfolds to the `qirat` line that shows its rows, to copy."""
    if str(shown) in ("", "0", "·"):
        return Markup.escape(shown)
    line = shlex.join(("qirat", *command))
    return Markup('<details class="rows"><summary>{}</summary><code dir="ltr">{}</code></details>').format(shown, line)
