"""What a check saw, as the page tells it: the conversation's own words, and the check's remarks in the page's language.

Some evidence quotes another customer's conversation, some is a sentence of the check in English. Words are shown where
they stand in the conversation itself. A remark is shown in the catalogue's words for it (`evidence`, of which the
English texts are the forms that checks use), else on an English page only. Of another conversation nothing is shown.
"""

import re
from collections.abc import Iterator, Sequence
from string import Formatter

from markupsafe import Markup

from curation.core.text.folding import fold
from curation.privacy import masked
from curation.report.blocks import Cell, auto, code
from curation.report.words import Words, languages

OTHERS = " | "  # what stands behind it was said in another conversation
PARTS = ("rule_kind", "fact_kind", "languages", "titles")  # of the catalogue, by which single words are named
_TIMES = re.compile(r"\s*\(x\d+\)$")
_SHARE = re.compile(r"(\d+%) in (\w+)")  # of a language
_NAME = re.compile(r"[\w./:-]+")


def told(evidence: str | None, own: Sequence[str], words: Words, countries: Sequence[str]) -> Cell:
    """The evidence as a cell; "" where there is nothing that this page may say. `own`: the conversation's messages."""
    kept = masked((evidence or "").partition(OTHERS)[0].strip(), countries)
    quote = next((part for part in _quotes(kept) if _stands(part, own)), "")
    if quote:
        label = _label(kept[: kept.index(quote)], words)
        return Markup("{}: {}").format(label, auto(quote)) if label else auto(quote)
    said = remark(kept, words)
    return auto(said) if said else ""


def _quotes(evidence: str) -> Iterator[str]:
    """What may be a quotation: all of it, and what stands behind the name of a kind, a rule or a file."""
    without_times = _TIMES.sub("", evidence)
    yield from filter(None, (evidence, without_times, without_times.partition(": ")[2]))


def _stands(quote: str, own: Sequence[str]) -> bool:
    """Whether the words stand in a message, piece by piece where dots leave some out."""
    texts = [_plain(text) for text in own]
    pieces = [plain for piece in re.split(r"\s+\.\.\.\s+", quote) if (plain := _plain(piece))]
    return bool(pieces) and all(any(piece in text for text in texts) for piece in pieces)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def _label(before: str, words: Words) -> Cell:
    """What the quotation is, such as a price or a rule; "" where it is said in words of the check."""
    names = before.strip().removesuffix(":").split(" -> ")
    return Markup(" → ").join(_named(name.partition(" (")[0], words) for name in names if _NAME.fullmatch(name[:1]))


def _named(name: str, words: Words) -> Cell:
    return next((words(f"{part}.{name}") for part in PARTS if words.knows(f"{part}.{name}")), code(name))


def remark(evidence: str, words: Words) -> str:
    """What a check says in the words of the catalogue, "" where it has none for it; in English as it is."""
    english = languages()[0]
    if words.code == english.code:
        return evidence
    for key in sorted(key for key in english.keys if key.startswith("evidence.")):
        if found := _form(english(key)).fullmatch(evidence):
            return words(key, **{name: _isolated(value, words) for name, value in found.groupdict().items()})
    if words.knows(f"rule_kind.{evidence}"):
        return words(f"rule_kind.{evidence}")
    return f"\N{LEFT-TO-RIGHT ISOLATE}{evidence}\N{POP DIRECTIONAL ISOLATE}" if _NAME.fullmatch(evidence) else ""


def _form(text: str) -> re.Pattern[str]:
    """What a text of the catalogue looks like with anything in the place of its figures."""
    parts = Formatter().parse(text)
    return re.compile("".join(re.escape(said) + (f"(?P<{name}>.+?)" if name else "") for said, name, _, _ in parts))


def _isolated(value: str, words: Words) -> str:
    """A figure of a remark, or several, in the words of the catalogue where it has them."""
    named = words("comma").join(_figure(one, words) for one in re.split(", | and ", value))
    return f"\N{FIRST STRONG ISOLATE}{named}\N{POP DIRECTIONAL ISOLATE}"


def _figure(value: str, words: Words) -> str:
    if found := _SHARE.fullmatch(value):
        return f"{words.name_of('languages', found[2])} {found[1]}"
    return next((words(key) for key in (f"titles.pii_{value}", f"languages.{value}") if words.knows(key)), value)
