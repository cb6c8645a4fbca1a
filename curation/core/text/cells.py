"""Cells of spreadsheets: what a program would compute is text to it, and text again when it comes back."""

import re

_FORMULA = re.compile(
    "^[\\s\\u200e\\u200f\\ufeff]*[=+\\-@\\uff1d\\uff0b\\uff0d\\uff20]|^[\\t\\r\\n]"
)  # full-width signs too


def harmless(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def taken_back(cell: str) -> str:
    """What `harmless` made, as it was."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
