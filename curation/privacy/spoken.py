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
_ENGLISH_MORE = {
    **dict(
        zip(
            "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(),
            range(10, 20),
            strict=True,
        )
    ),
    **dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True)),
}
_ARABIC_MORE = {  # ten to ninety and hundreds, as said
    10: "عشر[ةه]",
    11: "[إا]?حدا?عشر|حداشر|[إا]حدى عشر",
    12: "[إاأ]?[تث]نا?عشر|[إا][تط]ناشر",
    13: "[تث]ل[اا]?[تط]+ا?عش?ر|تلتاشر|تلاتاشر|تلطاشر",
    14: "[أا]ربعتاشر|[أا]ربعطاشر",
    15: "خمستاشر|خمسطاشر",
    16: "ستاشر|سطاشر",
    17: "سبعتاشر|سبعطاشر",
    18: "تمنتاشر|تمنطاشر|ثمنطاشر",
    19: "تسعتاشر|تسعطاشر",
    20: "عشرين|عشرون",
    30: "[ثت]لا?[ثت]ين",
    40: "[أا]ربعين",
    50: "خمسين",
    60: "ستين",
    70: "سبعين",
    80: "[ثت]ما?ني?ين",
    90: "تسعين",
    100: "مي[ةه]|مئ[ةه]|مائ[ةه]",
    200: "ميتين|مئتين|مائتين",
    300: "[ثت]لا?[ثت]م[يئ][ةه]|تلتمي[ةه]",
    400: "[أا]?ربعم[يئ][ةه]",
    500: "خمسم[يئ][ةه]",
    600: "ستم[يئ][ةه]",
    700: "سبعم[يئ][ةه]",
    800: "[ثت]ما?نم[يئ][ةه]",
    900: "تسعم[يئ][ةه]",
}
_MORE_OF = {number: re.compile(words) for number, words in _ARABIC_MORE.items()}
_GAP = r"[ \-,]{1,3}(?:و ?)?"
_LATIN_WORDS = "|".join((*_ENGLISH, *_ENGLISH_MORE))
_ARABIC_WORDS = "|".join((*_ARABIC.values(), *_ARABIC_MORE.values()))
_WORD = rf"(?:(?:{_LATIN_WORDS})(?![a-z])|(?:{_ARABIC_WORDS}|صفر|زيرو|دبل)(?![\u0621-\u064a])|\d{{1,4}}(?!\d))"
_SAID = re.compile(rf"(?<![\w\u0621-\u064a])(?:plus{_GAP})?{_WORD}(?:{_GAP}{_WORD}){{5,24}}", re.IGNORECASE)
_SAID_SHORT = re.compile(rf"(?<![\w\u0621-\u064a]){_WORD}(?:{_GAP}{_WORD}){{2,24}}", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+")
_FEWEST_WORDS = 3  # in letters; with fewer it is a number with a word beside

# What a text must hold: four such words in a row; for Python and for Polars. Only the first letters are looked at.
SPOKEN = (
    r"(?:(?:[Zz]ero|[Oo]h|[Oo]ne|[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|[Ss]ix|[Ss]even|[Ee]ight|[Nn]ine|[Dd]ouble"
    r"|[Tt]riple|[Tt]en|[Ee]leven|[Tt]welve|[Tt]wenty|[Tt]hirty|[Ff]orty|[Ff]ifty|[Ff]ifteen)(?:teen|ty"
    r"|y)?[ \-,]{1,3}){3}"
    r"|(?:(?:صفر|زيرو|دبل|واحد|[إا]?[ثت]ن[يا]ن|[ثت]لا?[ثت]|[أا]ربع|خمس|ست|سبع|[ثت]ما?ن|عشر|حدا|[إا]?[تثط]نا|مي"
    r"|تسع)[يةهانمئتشر]{0,5}[ \-,،]{1,3}و? ?){3}"
)
_IN_A_ROW = re.compile(SPOKEN)
_ARABIC_PARTS = (  # of which every Arabic word of such a row holds one
    "صفر زيرو دبل واحد ثني تني ثنا تنا طنا ثلا ثلث ثلت تلا تلث تلت"
    " ربع خمس ست سبع ثمن تمن ثما تما عشر حدا مي تسع".split()
)
_LATIN_WORD = re.compile("[a-zA-Z]{2}")


def may_be_spoken(text: str) -> bool:
    """Whether digits in words can stand in a text: a quick look."""
    if not text.isascii():
        arabic = sum(map(text.count, _ARABIC_PARTS)) >= _FEWEST_WORDS
        return (arabic or _LATIN_WORD.search(text) is not None) and _IN_A_ROW.search(text) is not None
    lower = text.lower()
    return sum(map(lower.__contains__, _ENGLISH)) >= _FEWEST_KINDS and _IN_A_ROW.search(text) is not None


_FEWEST_KINDS = 2  # of digit words: a number of one digit only is none


def spoken_numbers(text: str) -> Iterator[tuple[Span, str]]:
    """(place, digits) of each row of digits in words; a leading + where "plus" is said."""
    for said in _SAID.finditer(text) if may_be_spoken(text) else ():
        tokens = [token.lower() for token in _TOKEN.findall(said.group())]
        if sum(not token.isdigit() for token in tokens) >= _FEWEST_WORDS:
            yield said.span(), _digits(tokens)


def spoken_digits(text: str) -> Iterator[tuple[Span, str]]:
    """The same of rows of three words and more, as codes are said."""
    for said in _SAID_SHORT.finditer(text) if may_be_spoken(text) else ():
        tokens = [token.lower() for token in _TOKEN.findall(said.group())]
        if not any(map(str.isdigit, tokens)):
            yield said.span(), _digits(tokens)


def _digits(tokens: list[str]) -> str:
    """The digits one after the other; "five and thirty" is 35, "five hundred and five" 505."""
    said: list[str] = []
    times = 1
    for token in tokens:
        if token in _TIMES:
            times = _TIMES[token]
            continue
        one = _digit(token)
        joined = _with_last(said[-1] if said else "", one, token)
        if joined is None:
            said.append(one * times)
        else:
            said[-1] = joined
        times = 1
    return "".join(said)


def _with_last(last: str, one: str, token: str) -> str | None:
    """What a word makes of the number before it; None where it is a number of its own."""
    if not last.isdigit() or not one.isdigit():
        return None
    tens = len(one) == len("20") and one[1] == "0"
    if token[0] == "و" and token != "واحد":
        if len(last) == 1 and tens:
            return one[0] + last
        if len(last) == len("500") and last.endswith("00"):
            return last[0] + one.zfill(2) if len(one) <= len("20") else None
    english = token.isascii() and len(last) == len("20") and last[1] == "0" and last != "10"
    return last[0] + one if english and len(one) == 1 and one != "0" else None


def _digit(token: str) -> str:
    if token == "plus":
        return "+"
    bare = token.removeprefix("و") if token[0] == "و" and not token.startswith("واحد") else token
    known = _VALUES.get(bare) or (bare if bare.isdigit() else None) or str(_ENGLISH_MORE.get(bare, ""))
    known = known or next((digit for digit, word in _DIGIT_OF.items() if word.fullmatch(bare)), "")
    return known or next((str(number) for number, word in _MORE_OF.items() if word.fullmatch(bare)), "")
