"""Text that shows in Argilla exactly as it is written.

Argilla's chat field either runs the HTML of a row in the annotator's browser or renders it as Markdown, which may load
images from anywhere. It also lays Arabic out from right to left only with Markdown. So: Markdown, with every sign that
means something to Markdown, HTML or KaTeX made to mean itself.

Signs that turn text backwards (U+202D and U+202E) are shown as what they are. Other signs of direction stay: Arabic
chats are full of them, and what they do ends with their line.
"""

import re

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}  # as entities, so that the text stays harmless where HTML is read too
# Quotes, commas and the like mean nothing inside a line and stay, so that search finds "don't" and "12,5".
_SIGNS = re.compile(r"[&<>]|[\\`*_{}\[\]()#+\-!|~$^=@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_NUMBERED = re.compile(r"^([^\S\n]*\d+)\.", re.MULTILINE)  # "1." opens a list; "1)" is covered by the bracket
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)  # four spaces open a block of code
_STRONG = "**"
_ESCAPED = re.compile(r"\\(.)|&(?:amp|lt|gt);|\*\*", re.DOTALL)
_SHOWN_INDENT = re.compile("^\u00a0+", re.MULTILINE)
_OVERRIDES = {"\u202d": "⟦LRO⟧", "\u202e": "⟦RLO⟧"}
_OVERRIDE = re.compile("[\u202d\u202e]")
_LINE_ENDS = re.compile(r"\r\n?")


def as_written(text: str) -> str:
    """Markdown that renders as the plain text given, line by line, and can neither run, load nor link to anything."""
    text = _INDENT.sub(lambda found: "\u00a0" * len(found.group().expandtabs(4)), _LINE_ENDS.sub("\n", text))
    text = _OVERRIDE.sub(lambda found: _OVERRIDES[found.group()], text)
    text = _SIGNS.sub(lambda found: _HTML.get(found.group(), f"\\{found.group()}"), text)
    return _NUMBERED.sub(r"\1\\.", text)


def as_strong(text: str) -> str:
    """The same for one line of our own that must catch the eye."""
    return f"{_STRONG}{as_written(text.strip())}{_STRONG}"


def read_back(markdown: str) -> str:
    """What `as_written` and `as_strong` made, as it shows."""
    signs = {entity: sign for sign, entity in _HTML.items()} | {_STRONG: ""}
    text = _ESCAPED.sub(lambda found: found[1] or signs[found[0]], markdown)
    return _SHOWN_INDENT.sub(lambda found: " " * len(found[0]), text)


def as_plain(text: str) -> str:
    """The text for a box in which people write: nothing there means anything but signs that turn it backwards."""
    return _OVERRIDE.sub("", text)
