"""Where a sentence ends, in Latin and Arabic script."""

import re

_CLOSERS = r"[\"'”’»)\]\u200e\u200f\u061c]*+"  # may stand behind the mark that ends a sentence, marks of direction too
_END = re.compile(
    rf"(?<![.!?؟…۔])[.!?؟…۔]++{_CLOSERS}[^\S\n]++|[。！？]++{_CLOSERS}[^\S\n]*+|\n\s*+|(?<!\s)[^\S\n]++\n\s*+"
)
# What a full stop stands behind without ending anything: a number of a list, a title, a single Arabic letter (د. سارة).
_GOES_ON = re.compile(r"(?:^\W*\d{1,3}|(?<!\w)(?:[ء-ي]|mr|mrs|ms|dr|prof|vs|approx|e\.g|i\.e|ص\.ب))\.$", re.IGNORECASE)
_BEFORE_A_NUMBER = re.compile(r"(?<!\w)(?:no|nr|tel|ext|fig|p)\.$", re.IGNORECASE)
_BEFORE_A_SMALL_LETTER = re.compile(r"(?<!\w)\w\.\w\.$")  # 5 p.m. tomorrow

_LOOKED_AT = 80  # characters before the end of a sentence


def sentences(text: str) -> list[str]:
    """The sentences of a text with the marks that end them, without white space around; a line ends one too."""
    found, start = list[str](), 0
    for end in _END.finditer(text):
        if "\n" in end.group() or not _goes_on(text, start, end):
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def _goes_on(text: str, start: int, end: re.Match[str]) -> bool:
    """Whether the full stop at the end of the sentence from `start` belongs to a word."""
    near = max(start, end.end() - _LOOKED_AT)
    so_far = f"{'_' * (near > start)}{text[near : end.end()]}".strip()  # which is no beginning where it is cut
    following = text[end.end() : end.end() + 1]
    return bool(
        _GOES_ON.search(so_far)
        or (following.isdigit() and _BEFORE_A_NUMBER.search(so_far))
        or (following.islower() and _BEFORE_A_SMALL_LETTER.search(so_far))
    )
