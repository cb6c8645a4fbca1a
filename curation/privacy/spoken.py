"""Numbers that are said digit by digit: "zero five double five ...", "صفر خمسة خمسة ..."."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_ENGLISH = "zero oh one two three four five six seven eight nine double triple nought".split()
_VALUES = {
    **{word: str(digit) for digit, word in enumerate("zero one two three four five six seven eight nine".split())},
    **dict.fromkeys(("oh", "nought", "صفر", "زيرو"), "0"),
}
_ARABIC = {  # as written and as said in the Levant, Egypt and the Gulf
    "1": "واحد[ةه]?",
    "2": "[إا]?[ثت]ن[يا]ن",
    "3": "[ثت]لا?[ثت][ةهاى]?",
    "4": "[أا]ربع[ةها]?",
    "5": "خمس[ةها]?",
    "6": "ست[ةها]?",
    "7": "سبع[ةها]?",
    "8": "[ثت]ما?ني?[ةها]?",
    "9": "تسع[ةها]?",
}
_DIGIT_OF = {digit: re.compile(word) for digit, word in _ARABIC.items()}
_TIMES = {"double": 2, "triple": 3, "دبل": 2, "مكرر": 2}
_GAP = r"[ \-,]{1,3}(?:و ?)?"
_WORD = (
    rf"(?:(?:{'|'.join(_ENGLISH)})(?![a-z])|(?:{'|'.join(_ARABIC.values())}|صفر|زيرو|دبل)(?![\u0621-\u064a])"
    rf"|\d{{1,4}}(?!\d))"
)
_SAID = re.compile(rf"(?<![\w\u0621-\u064a])(?:plus{_GAP})?{_WORD}(?:{_GAP}{_WORD}){{5,24}}", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+")
_FEWEST_WORDS = 3  # in letters; with fewer it is a number with a word beside

# What a text must hold: four such words in a row; for Python and for Polars. Only the first letters are looked at.
SPOKEN = (
    r"(?:(?:[Zz]ero|[Oo]h|[Oo]ne|[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|[Ss]ix|[Ss]even|[Ee]ight|[Nn]ine|[Dd]ouble"
    r"|[Tt]riple)[ \-,]{1,3}){3}"
    r"|(?:(?:صفر|زيرو|دبل|واحد|[إا]?[ثت]ن[يا]ن|[ثت]لا?[ثت]|[أا]ربع|خمس|ست|سبع|[ثت]ما?ن"
    r"|تسع)[يةها]{0,2}[ \-,]{1,3}و? ?){3}"
)
_IN_A_ROW = re.compile(SPOKEN)


def may_be_spoken(text: str) -> bool:
    """Whether digits in words can stand in a text: a quick look."""
    if not text.isascii():
        return _IN_A_ROW.search(text) is not None
    lower = text.lower()
    return sum(word in lower for word in _ENGLISH) >= _FEWEST_KINDS and _IN_A_ROW.search(text) is not None


_FEWEST_KINDS = 2  # of digit words: a number of one digit only is none


def spoken_numbers(text: str) -> Iterator[tuple[Span, str]]:
    """(place, digits) of each row of digits in words; a leading + where "plus" is said."""
    for said in _SAID.finditer(text) if may_be_spoken(text) else ():
        tokens = [token.lower() for token in _TOKEN.findall(said.group())]
        if sum(not token.isdigit() for token in tokens) >= _FEWEST_WORDS:
            yield said.span(), _digits(tokens)


def _digits(tokens: list[str]) -> str:
    digits, times = "", 1
    for token in tokens:
        if token in _TIMES:
            times = _TIMES[token]
        else:
            digits, times = digits + _digit(token) * times, 1
    return digits


def _digit(token: str) -> str:
    if token == "plus":
        return "+"
    bare = token.removeprefix("و") if token[0] == "و" and not token.startswith("واحد") else token
    known = _VALUES.get(bare) or (bare if bare.isdigit() else None)
    return known or next((digit for digit, word in _DIGIT_OF.items() if word.fullmatch(bare)), "")
