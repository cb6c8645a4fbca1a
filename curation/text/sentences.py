"""Where a sentence ends, in Latin and Arabic script."""

import re

_CLOSERS = r"[\"'”’»)\]\u200e\u200f\u061c]*"  # may stand behind the mark that ends a sentence, marks of direction too
_END = re.compile(rf"[.!?؟…۔]+{_CLOSERS}[^\S\n]+|[。！？]+{_CLOSERS}[^\S\n]*|\s*\n\s*")
# What a full stop stands behind without ending anything: a number of a list, a title, a single Arabic letter (د. سارة).
_GOES_ON = re.compile(r"(?:^\W*\d{1,3}|(?<!\w)(?:[ء-ي]|mr|mrs|ms|dr|prof|vs|approx|e\.g|i\.e|ص\.ب))\.$", re.IGNORECASE)
_BEFORE_A_NUMBER = re.compile(r"(?<!\w)(?:no|nr|tel|ext|fig|p)\.$", re.IGNORECASE)
_BEFORE_A_SMALL_LETTER = re.compile(r"(?<!\w)\w\.\w\.$")  # 5 p.m. tomorrow


def sentences(text: str) -> list[str]:
    """The sentences of a text with the marks that end them, without white space around; a line ends one too."""
    found, start = list[str](), 0
    for end in _END.finditer(text):
        if "\n" in end.group() or not _goes_on(text[start : end.end()].strip(), text[end.end() : end.end() + 1]):
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def _goes_on(so_far: str, following: str) -> bool:
    """Whether the full stop at the end belongs to a word."""
    return bool(
        _GOES_ON.search(so_far)
        or (following.isdigit() and _BEFORE_A_NUMBER.search(so_far))
        or (following.islower() and _BEFORE_A_SMALL_LETTER.search(so_far))
    )
