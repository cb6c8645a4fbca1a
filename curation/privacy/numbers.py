"""Cards, identities and phones: runs of digits, told apart by layout, check digit and the words around them."""

import functools
import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate

import phonenumbers
from phonenumbers import PhoneNumberType
from stdnum import luhn
from stdnum.us import ssn

from curation.core.text.lexicon import CURRENCY_CODES, CURRENCY_NAMES, CURRENCY_SIGNS
from curation.privacy.hints import Hint, asks, hint
from curation.privacy.spoken import spoken_numbers

_RUN = re.compile(r"\d[\d ().\-/\n]{5,}\d")
_DATE = re.compile(
    r"(?<![\d-])(?<!\d[./])(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:19|20)?\d{2})(?![\d-]|[./]\d)"
)
_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d+")
_LETTER_O = re.compile(r"(?<=\d{3})[Oo](?=\d{3})")  # a slip of the hand
_GAP = re.compile(r"[ ().\-/]{0,3}\n?[ ().\-/]{0,3}")  # between the groups of one number
_GROUPS = 12  # of one number at most: some write every digit alone
_LENGTHS = range(7, 20)
_FEWEST_DIGITS = 6  # of a text with a number: a letter O may be the seventh
_MONEY = "|".join((f"[{CURRENCY_SIGNS}]", *CURRENCY_CODES, *CURRENCY_NAMES))
_MONEY_BEFORE = re.compile(rf"(?:{_MONEY})\s?$", re.IGNORECASE)
_MONEY_BEHIND = re.compile(rf"\s?(?:%|qar|riyal|dirham|dinar|pound|dollar|دولار|{_MONEY})", re.IGNORECASE)

# ISO/IEC 7812: the first digits and the length that belong together. Visa, Mastercard, Maestro, mada, Meeza, Discover,
# UnionPay; American Express; Diners.
_CARD = re.compile(r"(?:[456]\d{15}|2[2-7]\d{14}|35\d{14}|3[47]\d{13}|3[689]\d{12}|62\d{17})")
_CARD_DIGITS = range(13, 17)  # where a word says that it is a card; longer runs hold the expiry date as well
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
_EMIRATES_ID = re.compile(r"784[ -]\d{4}[ -]\d{7}[ -]\d")
_EGYPTIAN_WEIGHTS = (2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_KUWAITI_WEIGHTS = (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# Layouts too common to count without a word beside: Jordan (year of birth), Bahrain (year and month), Qatar (century,
# year, nationality), Oman.
_WEAK_IDENTITY = re.compile(r"(?:9\d{2}|20[0-2])\d{7}|\d{2}(?:0[1-9]|1[0-2])\d{5}|[23]\d{10}|(?!\d{4}(?:19|20))\d{8}")

_THINGS = ("order", "account")
_SAID_PHONE = range(9, 13)  # digits; hardly anything else so long is said digit by digit
_ONE_BY_ONE = re.compile(r"\d(?:[ -]\d){7,}")
REMEMBERED = 16_384  # numbers: several look at a text one after the other, and each reads all of its numbers
_WITH_CODE = 12  # digits of a mobile behind its country code, in most countries

Span = tuple[int, int]
Number = tuple[str, Span, str]  # kind, place, value


def numbers(text: str, countries: Sequence[str], before: str | None) -> Iterator[Number]:
    """Personal numbers in plain text, in order; `before` as in `hint`."""
    if len(_DIGIT.findall(text)) < _FEWEST_DIGITS:
        return
    text = _LETTER_O.sub("0", _DATE.sub(lambda found: "~" * len(found.group()), text))
    for run in _RUN.finditer(text):
        yield from _in_run(text, run, countries, before)


def numbers_in_words(text: str, countries: Sequence[str], before: str | None) -> Iterator[Number]:
    """Phones, cards and identities that are said digit by digit."""
    for span, said in spoken_numbers(text):
        digits, hinted = said.lstrip("+"), hint(text, *span, before)
        if hinted.kind not in _THINGS and _is_card(digits):
            yield "card", span, digits
        elif hinted.kind == "identity" and hinted.beside and len(digits) in _LENGTHS:
            yield "national_id", span, digits
        elif value := phone(digits, said.startswith("+"), hinted, countries):
            yield "phone", span, value
        elif len(digits) in _SAID_PHONE and hinted.kind not in ("order", "identity", "card"):
            yield "phone", span, digits.lstrip("0")


def digit_runs(text: str) -> Iterator[tuple[Span, str]]:
    """Every way to read a number out of runs of digits, the longest first at each place, with its digits."""
    for run in _RUN.finditer(text):
        groups = [(run.start() + group.start(), run.start() + group.end()) for group in _DIGITS.finditer(run.group())]
        farthest, (digits, begins) = _farthest(text, groups), _digits(text, groups)
        for first in range(len(groups)):
            for last in _ends(farthest, first):
                yield (groups[first][0], groups[last][1]), digits[begins[first] : begins[last + 1]]


def _in_run(text: str, run: re.Match[str], countries: Sequence[str], before: str | None) -> Iterator[Number]:
    """From left to right, the longest sequence of groups that is a number of a known kind."""
    groups, first = _groups(text, run), 0
    silent = _SILENT.fullmatch(text, max(0, run.start() - _SEEN), run.end() + _SEEN) is not None and not asks(
        before or ""
    )
    everywhere, farthest, (whole, begins) = tuple(countries), _farthest(text, groups), _digits(text, groups)
    while first < len(groups):
        for last in _ends(farthest, first):
            span, digits = (groups[first][0], groups[last][1]), whole[begins[first] : begins[last + 1]]
            if len(digits) not in _LENGTHS:
                continue
            if silent:
                known = _alone(text[slice(*span)], digits, everywhere, before is None)
                known = known and (known[0], (span[0] + known[1][0], span[0] + known[1][1]), known[2])
            else:
                known = _known(text, span, digits, countries, before)
            if known:
                yield known
                first = last
                break
        first += 1


# What says nothing of the numbers among it, so that each is read as if it stood alone; how far off a word may stand.
_SILENT, _SEEN = re.compile(r"[\d .\-/\n]*"), 60


@functools.lru_cache(REMEMBERED)
def _alone(written: str, digits: str, countries: tuple[str, ...], unknown: bool) -> Number | None:
    """`_known` of digits that stand among digits alone."""
    return _known(written, (0, len(written)), digits, countries, None if unknown else "")


def _groups(text: str, run: re.Match[str]) -> list[Span]:
    """Digit groups that are not part of a code such as ZH-48213 or 7b21."""
    found: list[Span] = []
    for group in _DIGITS.finditer(run.group()):
        start, end = run.start() + group.start(), run.start() + group.end()
        if found or not re.search(r"[A-Za-z0-9]-$|(?<!%2)[A-Za-z_]$", text[max(0, start - 3) : start]):
            found.append((start, end))
    if found and re.match(r"[A-Za-z_]", text[found[-1][1] : found[-1][1] + 1]):
        found.pop()
    return found


def _farthest(text: str, groups: Sequence[Span]) -> list[int]:
    """Of each group: the last one that gaps within one number still lead to."""
    farthest = list(range(len(groups)))
    for group in reversed(farthest[:-1]):
        if _GAP.fullmatch(text, groups[group][1], groups[group + 1][0]):
            farthest[group] = farthest[group + 1]
    return farthest


def _ends(farthest: Sequence[int], first: int) -> range:
    """Last groups of the numbers that may begin with `first`, the farthest first."""
    return range(min(farthest[first], first + _GROUPS - 1), first - 1, -1)


def _digits(text: str, groups: Sequence[Span]) -> tuple[str, Sequence[int]]:
    """The digits of all groups; where those of each begin, and where the last ends."""
    digits = [text[start:end] for start, end in groups]
    return "".join(digits), [0, *accumulate(map(len, digits))]


def _known(text: str, span: Span, digits: str, countries: Sequence[str], before: str | None) -> Number | None:
    plus = _plus(text, span)
    said = hint(text, *span, before)
    if said.kind in _THINGS and said.beside and not plus and not _is_sure_identity(digits):
        spelled = _national if _ONE_BY_ONE.fullmatch(text[slice(*span)]) else mobile
        value = spelled(digits, countries) if said.kind == "account" else None
        return ("phone", _whole(text, span), value) if value else None
    if not plus and (_is_card(digits) or (said.kind == "card" and said.beside and len(digits) in _CARD_DIGITS)):
        return "card", span, digits
    if not plus and _is_identity(text[slice(*span)], digits):
        return "national_id", span, digits
    if not plus and _said_identity(digits, said):
        value = mobile(digits, countries) if digits[0] == "0" or len(digits) == _WITH_CODE else None
        return ("phone", _whole(text, span), value) if value else ("national_id", span, digits)
    if said.kind == "identity" and said.beside and not plus:
        return None
    value = None
    if plus or not _is_amount(text, span):
        value = phone(digits, bool(plus), said, countries)
        value = _abroad(text, _whole(text, span), digits, said) if value is None else value
    return ("phone", plus or _whole(text, span), value) if value else None


def _plus(text: str, span: Span) -> Span | None:
    """The span with the plus sign of an international number, %2B in links; right-to-left writing may put it behind."""
    start, end = span
    if ahead := re.search(r"(?:\+|%2[Bb])\s?\(?$", text[max(0, start - 5) : start]):
        return start - len(ahead.group()), end
    return (start, end + 1) if text[end : end + 1] == "+" else None


def _whole(text: str, span: Span) -> Span:
    """With the bracket that opens before an area code."""
    start, end = span
    return (start - 1, end) if text[start - 1 : start] == "(" and ")" in text[start:end] else span


def _is_amount(text: str, span: Span) -> bool:
    return bool(_MONEY_BEFORE.search(text[max(0, span[0] - 6) : span[0]]) or _MONEY_BEHIND.match(text, span[1]))


# -- cards and identities ----------------------------------------------------------------------------------------------


def _is_card(digits: str) -> bool:
    return _CARD.fullmatch(digits) is not None and luhn.is_valid(digits)


def _is_identity(written: str, digits: str) -> bool:
    """Layouts and check digits that hardly anything else has: Emirates, Egypt, Kuwait, United States."""
    if len(digits) == 15:
        return bool(_EMIRATES_ID.fullmatch(written)) or (digits.startswith("784") and luhn.is_valid(digits))
    if len(digits) == 14:
        return digits[0] in "23" and _is_birth(digits[1:7]) and (1 <= int(digits[7:9]) <= 35 or digits[7:9] == "88")
    if len(digits) == 12:
        return digits[0] in "23" and _is_birth(digits[1:7]) and _is_kuwaiti(digits)
    return bool(_SSN.fullmatch(written)) and ssn.is_valid(written)


def _is_sure_identity(digits: str) -> bool:
    """Layout and check digit of the Emirates or of Egypt: an identity even where a word beside it says "order"."""
    if len(digits) == 15:
        return digits.startswith("784") and luhn.is_valid(digits)
    return len(digits) == 14 and _is_identity(digits, digits) and _is_egyptian(digits)


def _is_egyptian(digits: str) -> bool:
    """Check digit of the national number: 11 less the weighted sum modulo 11, its last digit."""
    weighted = sum(int(d) * w for d, w in zip(digits[:13], _EGYPTIAN_WEIGHTS, strict=True))
    return (11 - weighted % 11) % 10 == int(digits[13])


def _is_birth(digits: str) -> bool:
    """Whether YYMMDD is a day of some century."""
    leap = int(digits[:2]) % 4  # all that matters of the year
    try:
        return bool(date(2000 + leap, int(digits[2:4]), int(digits[4:6])))
    except ValueError:
        return False


def _is_kuwaiti(digits: str) -> bool:
    """Check digit of the civil number: 11 less the weighted sum modulo 11."""
    return 11 - sum(int(d) * w for d, w in zip(digits[:11], _KUWAITI_WEIGHTS, strict=True)) % 11 == int(digits[11])


def _said_identity(digits: str, said: Hint) -> bool:
    """With the word beside it any long number is one; with the word farther away it must look like one."""
    # No payment card has ten digits: a card of such a number is an identity card.
    if said.kind not in ("identity", "unknown") and not (said.kind == "card" and len(digits) == 10):
        return False
    saudi = len(digits) == 10 and digits[0] in "12" and luhn.is_valid(digits)
    return said.beside or saudi or bool(_WEAK_IDENTITY.fullmatch(digits))


# -- phones ------------------------------------------------------------------------------------------------------------

_MOBILES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
# Numbers of companies, which are nobody's personal data: a reply should keep the hotline.
_SERVICE = (PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN, PhoneNumberType.PREMIUM_RATE)


def phone(digits: str, plus: bool, said: Hint, countries: Sequence[str]) -> str | None:
    """One spelling of a person's phone: +966501234567 where the country is told, else 501234567; else None or ""."""
    if plus or digits.startswith("00"):
        return _international(digits if plus else digits[2:], sure=plus or said.kind == "phone")
    if digits.startswith("0") or said.kind in ("phone", "unknown"):
        if (national := _national(digits, countries)) is not None:
            return national
        if any(digits.startswith(code) for code in _calling_codes(countries)) and (found := _international(digits)):
            return found
    elif any(digits.startswith(code) for code in _calling_codes(countries)):
        return _international(digits, mobile=True)
    if said.kind == "phone" and said.beside and len(digits) in range(7, 16):
        return digits.lstrip("0")
    return None


# As written in North America; the shape is nobody else's.
_AMERICAN = re.compile(r"\([2-9]\d{2}\) ?[2-9]\d{2}[-. ]\d{4}|[2-9]\d{2}([-.])[2-9]\d{2}\1\d{4}")
_NAMED_COUNTRIES = re.compile(
    r"\b(?:(?P<QA>qatar|doha)|(?P<IQ>iraqi?|baghdad|basra|erbil)|(?P<GB>uk|london|british|england|britain)"
    r"|(?P<US>usa|american?)"
    r"|(?P<KW>kuwaiti?)|(?P<BH>bahraini?)|(?P<OM>oman|muscat)|(?P<LB>lebanon|beirut)|(?P<MA>morocco|moroccan)"
    r"|(?P<TN>tunisian?)"
    r"|(?P<DZ>algerian?)|(?P<IN>indian?)|(?P<PK>pakistani?)|(?P<TR>turkey|turkish|istanbul)|(?P<DE>germany?)"
    r"|(?P<FR>france|french))\b"
    r"|(?P<QA_>قطر|الدوح[ةه])|(?P<IQ_>عراق|بغداد|اسيا ?سيل)|(?P<GB_>لندن|بريطان|[إا]نجلترا|[إا]نكلترا)"
    r"|(?P<US_>[أا]مريك)|(?P<KW_>كويت)"
    r"|(?P<BH_>بحرين)|(?P<OM_>عمان|مسقط)|(?P<LB_>لبنان|بيروت)|(?P<MA_>مغرب)|(?P<TN_>تونس)|(?P<DZ_>جزائر)"
    r"|(?P<YE_>اليمن|يمني)|(?P<SD_>سودان)"
    r"|(?P<SY_>سوري[اةه])|(?P<LY_>ليبي)|(?P<TR_>تركيا|اسطنبول)|(?P<DE_>[أا]لماني)|(?P<FR_>فرنس)",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")
_NEAR = 30  # characters between a number and the country that is said to be its own


def _abroad(text: str, span: Span, digits: str, said: Hint) -> str | None:
    """A phone of a country that is named beside it, or in the shape of North America's."""
    if said.kind not in ("", "phone", "unknown"):
        return None
    if _AMERICAN.fullmatch(text[slice(*span)]):
        return digits
    around = max(0, span[0] - _NEAR), span[1] + _NEAR
    for near in _NAMED_COUNTRIES.finditer(text, *around) if _LETTER.search(text, *around) else ():
        country = (near.lastgroup or "").rstrip("_")
        if digits.startswith(str(phonenumbers.country_code_for_region(country))) and (
            found := _international(digits, mobile=True)
        ):
            return found
        if (digits[0] == "0" or said.kind == "phone") and (found := _in_country(digits, country)):
            return found
    return None


def mobile(digits: str, countries: Sequence[str]) -> str | None:
    """`phone` of what is plainly a mobile, with its trunk zero or country code, whatever it is called."""
    if digits.startswith("00"):
        return _international(digits[2:], mobile=True)
    if digits.startswith("0"):
        return _national(digits, [country for country in countries if _is_mobile(digits, country)])
    known = any(digits.startswith(code) for code in _calling_codes(countries))
    return _international(digits, mobile=True) if known else None


def _in_country(digits: str, country: str) -> str | None:
    """The number in full, where it is one of that country; with its trunk zero also one that is only long enough."""
    number = phonenumbers.parse(digits, country)
    code = phonenumbers.country_code_for_region(country)
    found = phonenumbers.parse(f"+{code}{number.national_number}")
    valid = phonenumbers.is_valid_number(found) or (digits[0] == "0" and phonenumbers.is_possible_number(found))
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164) if valid else None


@functools.lru_cache(REMEMBERED)
def _is_mobile(digits: str, country: str) -> bool:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return False
    valid = phonenumbers.is_valid_number_for_region(number, country)
    return valid and phonenumbers.number_type(number) in _MOBILES


@functools.lru_cache(REMEMBERED)
def _international(digits: str, sure: bool = False, mobile: bool = False) -> str | None:
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    valid = phonenumbers.is_valid_number(number) and (not mobile or kind in _MOBILES)
    if kind in _SERVICE or not (valid or (sure and len(digits) >= 9 and phonenumbers.is_possible_number(number))):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _national(digits: str, countries: Sequence[str]) -> str | None:
    """The number without its trunk zero, "" for a company's; None when no country has it."""
    found = (_nationally(digits, country) for country in countries)
    return next((number for number in found if number is not None), None)


@functools.lru_cache(REMEMBERED)  # to read one takes a millisecond
def _nationally(digits: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number_for_region(number, country):
        return None
    return "" if phonenumbers.number_type(number) in _SERVICE else str(number.national_number)


@functools.lru_cache(REMEMBERED)
def national_number(international: str) -> str:
    """+966501234567 -> 501234567"""
    return str(phonenumbers.parse(international).national_number)


def phone_spellings(value: str, countries: Sequence[str]) -> Iterator[str]:
    """The digits in which a noted phone may stand again: with and without country code, trunk zero and 00."""
    own = re.sub(r"\D", "", value)
    national = national_number(value) if value.startswith("+") else own
    codes = [own.removesuffix(national)] if value.startswith("+") else _calling_codes(countries)
    yield from (own, national, f"0{national}")
    for code in codes:
        yield from (f"{code}{national}", f"00{code}{national}", f"{code}0{national}")


def _calling_codes(countries: Sequence[str]) -> list[str]:
    return [_calling_code(country) for country in countries]


@functools.cache
def _calling_code(country: str) -> str:
    return str(phonenumbers.country_code_for_region(country))
