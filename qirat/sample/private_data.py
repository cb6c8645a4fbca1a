"""Invented private data, valid in form and nobody's: numbers that payment networks and banks publish for tests, example
domains, and identity numbers that are only random digits with a right check digit."""

import random

from qirat.sample.grammar import EASTERN_DIGITS

KINDS = ("email", "phone", "phone_eastern_digits", "iban", "card", "national_id")

_CARDS = ("4111 1111 1111 1111", "5555 5555 5555 4444", "4242 4242 4242 4242", "4000-0566-5566-5556", "378282246310005")
_IBANS = (
    "AE07 0331 2345 6789 0123 456",
    "SA03 8000 0000 6080 1016 7519",
    "EG380019000500000000263180002",
    "JO94CBJO0010000000000131000302",
    "QA58DOHB00001234567890ABCDEFG",
    "KW81CBKU0000000000001234560101",
)
_COINS = {"en": ("AED {}", "SAR {}", "{} AED"), "ar": ("{} درهماً", "{} ريالاً", "{} جنيهاً")}
_MONTHS = {"en": ("March", "June", "October", "November"), "ar": ("مارس", "يونيو", "أكتوبر", "نوفمبر")}
_PATHS = ("forms/returns-2023", "offers/eid", "assembly", "warranty-claim", "track?id=88213", "spring-sale")


def invent(kind: str, name: str, rng: random.Random) -> str:
    """A value of one of KINDS."""
    if kind == "email":
        domain = rng.choice(("example.com", "example.org", "mail.example.net"))
        return f"{name.lower()}.{rng.choice(('alali', 'hassan', 'k', 'saleh', 'r'))}{rng.randrange(10, 99)}@{domain}"
    if kind == "phone":
        return _phone(rng)
    if kind == "phone_eastern_digits":
        return _phone(rng).translate(EASTERN_DIGITS)
    if kind == "iban":
        return rng.choice(_IBANS)
    return rng.choice(_CARDS) if kind == "card" else _identity(rng)


def stale_value(kind: str, language: str, rng: random.Random) -> str:
    """A price, date, link path or code that nobody in the conversation can have mentioned."""
    if kind == "price":
        return rng.choice(_COINS[language]).format(f"{rng.randrange(21, 98)}{rng.randrange(11, 99)}")
    if kind == "date":
        return f"{rng.randrange(2, 28)} {rng.choice(_MONTHS[language])} 2023"
    if kind == "link":
        return rng.choice(_PATHS)
    return f"{rng.choice(('SAVE', 'FRIEND', 'VIP', 'FLASH'))}{rng.randrange(101, 999)}"


def _phone(rng: random.Random) -> str:
    tail = f"{rng.randrange(100, 999)} {rng.randrange(1000, 9999)}"
    return rng.choice((f"+971 50 {tail}", f"+966 55 {tail}", f"010{tail.replace(' ', '')}0", f"+962 79 {tail}"))


def _identity(rng: random.Random) -> str:
    """A Saudi number or an Emirates ID, each with the Luhn check digit it must have."""
    if rng.random() < 0.5:
        return with_luhn("1" + "".join(rng.choice("0123456789") for _ in range(8)))
    full = with_luhn(f"784{rng.randrange(1960, 2004)}{rng.randrange(10**6, 10**7)}")
    return f"{full[:3]}-{full[3:7]}-{full[7:14]}-{full[14]}"


def with_luhn(digits: str) -> str:
    """The digits and, behind them, the check digit of Luhn's rule."""
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(reversed(digits))]
    return f"{digits}{-sum(d // 10 + d % 10 for d in doubled) % 10}"
