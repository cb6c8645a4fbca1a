r"""How a table is written: its separator, what stands above its header and below its records, ids that Excel cut."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curation.ingest.provenance import spelled

SEPARATORS = (";", "\t", ",", "|")
TITLES = 20  # lines that may stand above the header
COLUMN_NAME = re.compile(r"[^\W\d][\w .()/#?-]{0,60}")
_TOLD_SEPARATOR = re.compile(r"\ufeff?\"?sep=(\\t|.)\"?", re.IGNORECASE)  # as Excel writes above the header
_QUOTED = re.compile(r'"(?:[^"\\]|\\.|"")*"')
_ESCAPED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
_ONE_WORD = re.compile(r'"?\w+"?')
_CUT = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d{2}")  # as Excel shows a number of more than eleven digits
_ID = re.compile(
    r"(?:^|_)(?:ids?|uuid|key|(?:ticket|case|order|customer|account)_(?:no|nr|num|number|ref))$|^(?:رقم|معرف)_"
)
_TOTAL = re.compile(
    r"(?:grand |sub)?totals?\b.{0,40}|(?:total |number of )?(?:rows|records|tickets)\b.{0,20}"
    r"|(?:ال)?(?:مجموع|إجمالي|اجمالي)\b.{0,40}",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True)
class Layout:
    """How a table of text is written."""

    separator: str
    above: int  # lines above the header, of any kind
    titles: int  # of these, those that hold words
    escaped: bool  # a quote inside a field is written \", as MySQL does


def layout_of(lines: Sequence[str], whole: bool, usual: str) -> Layout:
    """How a table is written, by its first lines; `whole`: they are all lines."""
    told = _TOLD_SEPARATOR.fullmatch(lines[0].strip()) if lines else None
    if told:
        lines, signs = lines[1:], ["\t" if told[1] == "\\t" else told[1]]
    else:
        signs = list(dict.fromkeys((usual, *SEPARATORS)))
    tried = [(_fit(lines, sign, _is_escaped(lines, sign), whole), sign) for sign in signs]
    fit, separator = max(tried, key=lambda one: (one[0].share, one[0].width))
    return Layout(separator, fit.above + bool(told), fit.titles, _is_escaped(lines, separator))


def _is_escaped(lines: Sequence[str], sign: str) -> bool:
    r"""Whether quotes are written \": one that neither ends a field nor is doubled can be nothing else."""
    inside = re.compile(rf'(?<!\\)(?:\\\\)*\\"(?! *(?:"|{re.escape(sign)}|[\r\n]|$))')
    return any('\\"' in line and inside.search(line) for line in lines)


def separator_of(line: str, usual: str) -> str:
    """The separator that a line uses outside quotes: the usual one when it is there, else one that exports have."""
    outside = _QUOTED.sub("", line)
    return next((sign for sign in (usual, *SEPARATORS) if sign in outside), usual)


def with_quotes_doubled(line: str) -> str:
    r"""A line in which a quote is written \" as CSV writes it, ""."""
    return _ESCAPED_QUOTE.sub(r'\1""', line)


@dataclass(frozen=True)
class _Fit:
    """How well a separator fits."""

    share: float  # of the records that are as wide as the header, in tenths
    width: int
    above: int
    titles: int


def _fit(lines: Sequence[str], sign: str, escaped: bool, whole: bool) -> _Fit:
    above = lines_above([_cells(line, sign) for line in lines[: TITLES + 2]])
    titles = sum(1 for line in lines[:above] if line.strip(f"{sign} \r\n"))
    rest = list(map(with_quotes_doubled, lines[above:])) if escaped else lines[above:]
    if not rest or sign not in _QUOTED.sub("", rest[0]):
        return _Fit(0, 1, above, titles)
    try:
        width, *others = [len(record) for record in csv.reader(rest, delimiter=sign) if record]
    except (csv.Error, ValueError):
        return _Fit(0, 1, above, titles)
    if not whole:
        others = others[:-1]  # the last may be cut
    share = sum(other == width for other in others) / len(others) if others else 1.0
    return _Fit(max(round(share, 1), 0.1), width, above, titles)


def lines_above(cells: Sequence[Sequence[str]]) -> int:
    """Lines before the header: blank ones, and titles of one cell over a line of names as wide as the one below it."""
    first = next((place for place, found in enumerate(cells) if any(found)), 0)
    header = next((place for place, found in enumerate(cells) if sum(map(bool, found)) > 1), first)
    if header == first or header > TITLES or header + 1 >= len(cells):
        return first
    names = [name for name in cells[header] if name]
    are_names = all(map(COLUMN_NAME.fullmatch, names)) and len(set(names)) == len(names)
    fits = len(cells[header + 1]) == len(cells[header]) < 2 * len(names)
    is_title = header - first > 1 or len(cells[first]) > 1 or not _ONE_WORD.fullmatch(cells[first][0])
    return header if are_names and fits and is_title else first


def _cells(line: str, sign: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=sign), [])]
    except csv.Error:
        return []


def named_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Column names, a second one of a name with its place."""
    first = {name: place for place, name in reversed([*enumerate(names, 1)])}
    return tuple(name if first[name] == place else f"{name} {place}" for place, name in enumerate(names, 1))


def titles_told(titles: int) -> tuple[str, ...]:
    """The note on lines that stand above the header of a table."""
    if not titles:
        return ()
    return (f"{titles} line{'s' * (titles > 1)} above the header {'are no records' if titles > 1 else 'is no record'}",)


# -- records that are none, ids that are cut ---------------------------------------------------------------------------

TOTALS_LINE = (
    "a line of totals below the records and no message; take it out of the export, nothing is missing without it"
)


def is_total(record: Sequence[str]) -> bool:
    """Whether a record sums up those above it: "Total" and nothing else but numbers."""
    filled = [cell.strip() for cell in record if cell.strip()]
    return bool(filled) and bool(_TOTAL.fullmatch(filled[0])) and not any(map(_LETTERS.search, filled[1:]))


def is_id(column: str) -> bool:
    """Whether a column, by its name, tells tickets or people apart."""
    return bool(_ID.search(spelled(column)))


def is_cut(value: Any) -> bool:
    """Whether an id is a number as Excel shows long ones: 1.23457E+17."""
    return isinstance(value, str) and bool(_CUT.fullmatch(value.strip()))


def cut_number(column: str, value: Any) -> str:
    """Why a row is refused whose id a spreadsheet has cut to fifteen digits or less."""
    return (
        f'{column} is "{value}", a number that Excel cut short, so that different ones look the same; '
        f"export it again with {column} as text, and do not save it with Excel in between"
    )
