"""Cells of spreadsheets: what a program would compute is text to it, and text again when it comes back.

A spreadsheet that parts cells by semicolons, as Excel does where a comma stands before decimals, finds cells inside of
those that a comma ends: behind each semicolon, tab and line end. There a list may begin with "- ", so that a sign
counts only before what calls, reads or starts something.
"""

import re

_BLANK = "[^\\S\\r\\n\\t]|[\u200e\u200f\ufeff]"
_BEGINS = "=@\uff1d\uff20"  # full-width signs too
_SIGNS = "+\\-\uff0b\uff0d"
_FORMULA = re.compile(f"^'*(?:\\s|[\u200e\u200f\ufeff])*[{_BEGINS}{_SIGNS}]|^'*[\\t\\r\\n]")
_INSIDE = re.compile(f"(?<=[;\\t\\r\\n])(?='*(?:{_BLANK})*(?:[{_BEGINS}]|[{_SIGNS}][^;\\t\\r\\n]*[(|!]))")
_COVERED = re.compile(f"(?<=[;\\t\\r\\n])'(?='*(?:{_BLANK})*(?:[{_BEGINS}]|[{_SIGNS}][^;\\t\\r\\n]*[(|!]))")


def harmless(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would take for a formula."""
    inside = _INSIDE.sub("'", cell)
    return f"'{inside}" if _FORMULA.match(inside) else inside


def taken_back(cell: str) -> str:
    """What `harmless` made, as it was."""
    whole = cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
    return _COVERED.sub("", whole)
