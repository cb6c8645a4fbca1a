"""Personal data, by pattern and by checksum where the kind has one. Evidence shows the kind, never the data."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_NATIONAL_ID = re.compile(r"(?<![\d-])(?:784-?\d{4}-?\d{7}-?\d|[23]\d{13}|[12]\d{9})(?![\d-])")

Span = tuple[int, int]


@check(
    "pii",
    {"pii_email": "doubt", "pii_phone": "doubt", "pii_card": "doubt", "pii_iban": "doubt", "pii_national_id": "doubt"},
)
def pii(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Email addresses, phones, payment cards (Luhn), IBANs (ISO 13616), national ids (Saudi, Emirati, Egyptian)."""
    for key, turn, _, text in turns(conversations).iter_rows():
        for kind, (start, end) in spans(text, context.params.countries):
            code, evidence = f"pii_{kind}", f"{kind} at characters {start}-{end}"
            yield {"conversation_id": key, "turn": turn, "code": code, "value": 1, "evidence": evidence}


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
        digits = re.sub(r"\D", "", match.group())
        if digits[0] in "3456" and luhn.is_valid(digits):
            yield match.span()


def _ibans(text: str) -> Iterator[Span]:
    from stdnum import iban

    return (match.span() for match in _IBAN.finditer(text) if iban.is_valid(match.group()))


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
