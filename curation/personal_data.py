"""Personal data in text: where it stands and of what kind, by pattern and by checksum where the kind has one."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<!\d)[3-6]\d{3}(?:[ -]?\d){9,15}")
_CARD_DIGITS = range(19, 12, -1)  # ISO/IEC 7812
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.IGNORECASE)
_IBAN_CHARACTERS = range(34, 14, -1)  # ISO 13616
_NATIONAL_ID = re.compile(r"(?<![\d-])(?:784-?\d{4}-?\d{7}-?\d|[23]\d{13}|[12]\d{9})(?![\d-])")

Span = tuple[int, int]


def masked(text: str, countries: Sequence[str]) -> str:
    """The text with each piece of personal data replaced by its kind in square brackets."""
    for kind, (start, end) in reversed(spans(text, countries)):
        text = f"{text[:start]}[{kind}]{text[end:]}"
    return text


def spans(text: str, countries: Sequence[str]) -> list[tuple[str, Span]]:
    """(kind, (start, end)) of personal data, in order; of overlapping finds the first kind of the list above wins."""
    plain = text.translate(_DIGITS)  # one character for one, so spans hold
    found: list[tuple[str, Span]] = []
    if "@" in plain:
        found += [("email", match.span()) for match in _EMAIL.finditer(plain)]
    if sum(map(str.isdigit, plain)) >= 7:
        for kind, numbers in (
            ("card", _cards(plain)),
            ("iban", _ibans(plain)),
            ("national_id", _national_ids(plain)),
            ("phone", _phones(plain, countries)),
        ):
            for span in numbers:
                if not any(_overlap(span, other) for _, other in found):
                    found.append((kind, span))
    return sorted(found, key=lambda find: find[1])


def _cards(text: str) -> Iterator[Span]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        yield from _longest(match, _CARD_DIGITS, lambda digits: digits.isdigit() and luhn.is_valid(digits))


def _ibans(text: str) -> Iterator[Span]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        yield from _longest(match, _IBAN_CHARACTERS, iban.is_valid)


def _longest(match: re.Match[str], lengths: Iterable[int], valid: Callable[[str], bool]) -> Iterator[Span]:
    """The longest valid beginning of a match: what follows a number (an expiry date, a word) may look like its end."""
    places = [i for i, character in enumerate(match.group()) if character not in " -"]
    for length in lengths:
        if length <= len(places):
            end = places[length - 1] + 1
            if valid("".join(match.group()[i] for i in places[:length])):
                yield match.start(), match.start() + end
                return


def _national_ids(text: str) -> Iterator[Span]:
    from stdnum import luhn

    for match in _NATIONAL_ID.finditer(text):
        digits = match.group().replace("-", "")
        if luhn.is_valid(digits) if len(digits) in (10, 15) else _egyptian(digits):
            yield match.span()


def _egyptian(digits: str) -> bool:
    """Century, date of birth, governorate: the layout of the 14-digit Egyptian national number."""
    century = 1900 if digits[0] == "2" else 2000
    try:
        date(century + int(digits[1:3]), int(digits[3:5]), int(digits[5:7]))
    except ValueError:
        return False
    return 1 <= int(digits[7:9]) <= 35 or digits[7:9] == "88"


def _phones(text: str, countries: Sequence[str]) -> Iterator[Span]:
    from phonenumbers import PhoneNumberMatcher

    for country in countries:
        yield from ((match.start, match.end) for match in PhoneNumberMatcher(text, country))


def _overlap(left: Span, right: Span) -> bool:
    return left[0] < right[1] and right[0] < left[1]
