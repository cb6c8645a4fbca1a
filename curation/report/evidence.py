"""What a check saw, as the page tells it: the conversation's own words, and the check's remarks in the page's language.

Some evidence quotes another customer's conversation, some is a sentence of the check in English. Words are shown where
they stand in the conversation itself; a remark where the catalogue knows it (`evidence`, whose English texts are the
remarks' forms) or the page speaks English; of another conversation nothing is shown.
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
_NAME = re.compile(r"[\w./:-]+")


def told(evidence: str | None, own: Sequence[str], words: Words, countries: Sequence[str]) -> Cell:
    """The evidence as a cell; "" where there is nothing that this page may say. `own`: the conversation's messages."""
    kept = masked((evidence or "").partition(OTHERS)[0].strip(), countries)
    quote = next((part for part in _quotes(kept) if _stands(part, own)), "")
    if quote:
        label = _label(kept[: kept.index(quote)], words)
        return Markup("{}: {}").format(label, auto(quote)) if label else auto(quote)
    remark = _remark(kept, words) or (kept if words.code == "en" else "")
    return auto(remark) if remark else ""


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


def _remark(evidence: str, words: Words) -> str:
    """The remark in the words of the catalogue, "" where it has none for it."""
    english = languages()[0]
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
    named = next((words(key) for key in (f"titles.pii_{value}", f"languages.{value}") if words.knows(key)), value)
    return f"\N{FIRST STRONG ISOLATE}{named}\N{POP DIRECTIONAL ISOLATE}"
