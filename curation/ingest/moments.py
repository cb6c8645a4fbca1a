"""Moments as exports write them, one by one and as the column that they stand in.

The standard library reads what follows ISO 8601; what people, spreadsheets and phones write is read here, 20,000
texts a CPU second at least and 100,000 where they are nearly standard. dateutil reads 9,000 to 15,000, knows no Arabic,
and fills what is missing from today's date.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

from curation.core.text.lexicon import (
    ARABIC_DIGITS,
    ARABIC_MONTHS,
    DIGITS,
    ENGLISH_MONTHS,
    LEVANTINE_MONTHS,
    PERSIAN_DIGITS,
)

# Unix times from 1973 to 2096, by the number that makes a second.
UNIX = {1: range(10**8, 4 * 10**9), 10**3: range(10**11, 4 * 10**12), 10**6: range(10**14, 4 * 10**15)}
SERIALS = range(20_000, 80_000)  # days since 1899-12-30, as Excel counts: from 1954 to 2119
_EXCEL_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
HIJRI_YEARS = range(1300, 1600)  # what no export of ours means by the calendar that Python knows
CENTURY_FROM = 70  # two digits of a year: 70 is 1970 and 69 is 2069, as POSIX has it
ORDERS = ("dmy", "mdy", "ymd")  # of day, month and year where numbers leave it open
SERIAL = "serial"  # an order too: the number is Excel's
MUCH_LESS = 3  # an order whose times span so many times less than another's is the likelier one


def moment(value: Any, order: str = "") -> datetime | None:
    """A time in UTC from what an export writes of it; None when it is none, or open between day and month.

    `order`, one of ORDERS or SERIAL, says how to read what the value alone leaves open: see read_moments.
    """
    if order == SERIAL and (number := _serial(value)) is not None:
        return _from_serial(number)
    found = _read(value)
    if isinstance(found, _Open):
        return found.at(order) if order in ORDERS else found.certain()
    return found if isinstance(found, datetime) else None


@dataclass(frozen=True)
class Moments:
    """A column of times. `times` has one a value, None where it is blank or cannot be read."""

    times: Sequence[datetime | None]
    order: str = ""  # of ORDERS or SERIAL; "": every value tells it by itself
    else_times: Sequence[datetime | None] | None = None  # as times, with day and month exchanged: either may be meant
    example: Any = None  # the first value that cannot be read, or may be read twice
    unread: int = 0
    hijri: int = 0  # of the unread

    def problem(self) -> str:
        """What is wrong with the column, in words that quote no value but a date; "": nothing."""
        if self.hijri:
            return "they are Hijri dates, which Qirat does not convert; export them by the Gregorian calendar"
        if self.unread:
            return "they are written in no way that Qirat reads; export them as ISO 8601, such as 2024-03-14T10:18:00Z"
        if self.else_times is not None:
            return "they may be day/month or month/day; export them as ISO 8601, such as 2024-03-14T10:18:00Z"
        return ""


def read_moments(values: Sequence[Any], *, forward: bool = False, first_year: int = 0) -> Moments:
    """A whole column of times, the order of its days and months told by all of it.

    That order is right which reads most values; of two that read as many, the one in which time runs one way much more
    often (`forward`: onwards, as in a chat); else the one whose times span much less. Where none of these tells, both
    readings are given, the likelier first. A column of nothing but Excel's day numbers is read as such. Times before
    `first_year` are taken for misread.
    """
    given = [None if is_blank(value) else value for value in values]
    serials = [_serial(value) for value in given if value is not None]
    if serials and None not in serials:
        return Moments([None if v is None else moment(v, SERIAL) for v in given], SERIAL)
    found = [None if value is None else _read(value) for value in given]
    is_open = any(isinstance(one, _Open) for one in found)
    by_order = {order: list(_times(found, order, first_year)) for order in (ORDERS if is_open else ORDERS[:1])}
    order, other = _decided(by_order, forward) if is_open else ("", "")
    times = by_order[order or ORDERS[0]]
    unread = [value for value, time in zip(given, times, strict=True) if value is not None and time is None]
    open_to = [v for v, a, b in zip(given, times, by_order[other], strict=True) if a != b] if other else []
    return Moments(
        times, order, by_order.get(other), next(iter([*unread, *open_to]), None), len(unread), found.count(_HIJRI)
    )


def is_blank(value: Any) -> bool:
    """Whether a cell says nothing of a time."""
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", "-", "null", "none", "n/a"))


def _times(found: Sequence[Any], order: str, first_year: int) -> Iterator[datetime | None]:
    for one in found:
        time = one.at(order) if isinstance(one, _Open) else one if isinstance(one, datetime) else None
        yield time if time is not None and time.year >= first_year else None


def _decided(by_order: Mapping[str, Sequence[datetime | None]], forward: bool) -> tuple[str, str]:
    """The order of day, month and year, and the other one that may as well be meant, or ""."""
    rated = {order: _rated(times, forward) for order, times in by_order.items()}
    day, month, year = (rated[order] for order in ORDERS)
    first, second = ("dmy", "mdy") if day <= month else ("mdy", "dmy")
    if all(_surely_better(year, other) and _no_wider(year, other) for other in (day, month)):
        return "ymd", ""
    if _surely_better(rated[first], rated[second]) or by_order[first] == by_order[second]:
        return first, ""
    return first, second


class _Rated(NamedTuple):
    """How an order reads a column."""

    unread: int
    disorder: int  # steps against the way that time runs
    span: timedelta


def _rated(times: Sequence[datetime | None], forward: bool) -> _Rated:
    known = [time for time in times if time is not None]
    back = sum(later < earlier for earlier, later in itertools.pairwise(known))
    forth = sum(later > earlier for earlier, later in itertools.pairwise(known))
    return _Rated(
        len(times) - len(known),
        back if forward else min(back, forth),
        max(known) - min(known) if known else timedelta(),
    )


def _no_wider(one: _Rated, other: _Rated) -> bool:
    """Days that are taken for years of two digits lie decades apart, and may be in order by chance."""
    return one.unread < other.unread or one.span <= other.span


def _surely_better(one: _Rated, other: _Rated) -> bool:
    if one.unread != other.unread:
        return one.unread < other.unread
    if one.disorder != other.disorder:
        return MUCH_LESS * one.disorder < other.disorder
    return MUCH_LESS * one.span < other.span


# -- one value ---------------------------------------------------------------------------------------------------------

_HIJRI = "hijri"


class _Clock(NamedTuple):
    """A time of day."""

    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0
    zone: tzinfo = UTC

    def on(self, year: int, month: int, day: int) -> datetime | None:
        try:
            time = datetime(year, month, day, *self)
            return time if self.zone is UTC else time.astimezone(UTC)
        except (ValueError, OverflowError):
            return None


MIDNIGHT = _Clock()


class _Open(NamedTuple):
    """Three numbers of a date, whose order the value leaves open."""

    numbers: tuple[str, str, str]
    clock: _Clock

    def at(self, order: str) -> datetime | None:
        year, month, day = (self.numbers[order.index(part)] for part in "ymd")
        return None if len(year) in (1, 3) or len(day) > 2 else self.clock.on(_year(year), int(month), int(day))

    def certain(self) -> datetime | None:
        """The only time that day first and month first leave possible."""
        told = {time for order in ORDERS[:2] if (time := self.at(order)) is not None}
        return told.pop() if len(told) == 1 else None if told else self.at("ymd")


def _year(digits: str) -> int:
    return int(digits) if len(digits) > 2 else int(digits) + (1900 if int(digits) >= CENTURY_FROM else 2000)


def _read(value: Any) -> "datetime | _Open | str | None":
    """What a value says of a time: a time, numbers in an open order, that it is _HIJRI, or nothing."""
    try:
        if isinstance(value, date):
            full = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
            return _utc(full)
        if not isinstance(value, str | int | float):
            return None
        return _unix(value) or _standard(str(value).strip()) or _written(str(value))
    except (ValueError, OverflowError):
        return None


def _utc(time: datetime) -> "datetime | str":
    if time.year in HIJRI_YEARS:
        return _HIJRI
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _standard(text: str) -> "datetime | str | None":
    """ISO 8601 as the standard library reads it, but no week dates, which are order numbers as often."""
    if len(text) < len("20240314") or not text[:4].isdecimal() or "W" in text:
        return None
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        value = value.strip().translate(_PLAIN)
        if not value[:1].isdecimal() or len(value) > LONGEST:
            return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _unix(value: Any) -> datetime | None:
    number = _number(value)
    if number is None or isinstance(value, bool):
        return None
    for unit, known in UNIX.items():
        if int(number) in known:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number / unit)
    return None


def _serial(value: Any) -> float | None:
    number = None if isinstance(value, bool | date) else _number(value)
    return number if number is not None and int(number) in SERIALS else None


def _from_serial(days: float) -> datetime:
    return _EXCEL_ZERO + timedelta(milliseconds=round(days * 86_400_000))  # the spreadsheet knows no less


# -- what people write -------------------------------------------------------------------------------------------------

LONGEST = 80  # characters of a time; a longer text is none
_ARABIC_FORMS = str.maketrans("أإآٱىةیک", "ااااي" + "هيك", "ـًٌٍَُِّْٰ")
_PLAIN = {
    **str.maketrans(f"{ARABIC_DIGITS}{PERSIAN_DIGITS}", DIGITS * 2),
    **_ARABIC_FORMS,
    **str.maketrans("\u202f\xa0\u2009\t،,;|", "        "),
    **str.maketrans("−–", "--"),
    **dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")),
}
MOROCCAN_MONTHS = "يناير فبراير مارس أبريل ماي يونيو يوليوز غشت شتنبر أكتوبر نونبر دجنبر".split()
MAGHREBI_MONTHS = "جانفي فيفري مارس أفريل ماي جوان جويلية أوت سبتمبر أكتوبر نوفمبر ديسمبر".split()
OTHER_MONTHS = (  # as they are also written
    "jan,feb,mar,apr,,jun,jul,aug,sep,oct,nov,dec".split(","),
    ",,,,,,,,sept,,,".split(","),
    "كانون ثاني,,اذار,,ايار,يونية,يولية,اب,,تشرين اول,تشرين ثاني,كانون اول".split(","),
    ",فبرير,,نيسان,مايس,,جويليه,,شتمبر,,نوفنبر,دجمبر".split(","),
)
HIJRI_MONTHS = (
    *("محرم", "صفر", "ربيع الأول", "ربيع الآخر", "ربيع الثاني", "ربيع أول", "ربيع ثاني", "جمادى الأولى"),
    *("جمادى الآخرة", "جمادى الثانية", "رجب", "شعبان", "رمضان", "شوال", "ذو القعدة", "ذو الحجة", "ذي القعدة"),
    *("ذي الحجة", "muharram", "safar", "rajab", "shaban", "ramadan", "shawwal"),
)
WEEKDAYS = (
    *"mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday".split(),
    *"الأحد الاثنين الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت أحد اثنين ثلاثاء أربعاء خميس جمعة سبت".split(),
)
FILLERS = "at on of the في الساعة يوم بتاريخ الموافق ميلادي ميلادية عند".split()
BEFORE_NOON = ["a. m.", *"am a.m. a.m صباحا ص فجرا".split()]
AFTER_NOON = ["p. m.", *"pm p.m. p.m مساء م ظهرا عصرا مساءا".split()]
# Hours from Greenwich, of names that mean but one thing: RFC 2822, and those of Europe, Turkey, the Gulf, Pakistan.
ZONES = {
    **dict.fromkeys(("z", "utc", "gmt", "ut"), 0),
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "wet": 0,
    "west": 1,
    "bst": 1,
    "cet": 1,
    "cest": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "trt": 3,
    "gst": 4,
    "pkt": 5,
}


def _plain(text: str) -> str:
    return text.translate(_PLAIN).lower()


def _any_of(words: Sequence[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(map(_plain, words), key=len, reverse=True))


MONTHS = {
    _plain(name): number
    for names in (ENGLISH_MONTHS, ARABIC_MONTHS, LEVANTINE_MONTHS, MOROCCAN_MONTHS, MAGHREBI_MONTHS, *OTHER_MONTHS)
    for number, name in enumerate(names, 1)
    if name
}
_AFTER_NOON = frozenset(map(_plain, AFTER_NOON))
_HALF = _any_of([*BEFORE_NOON, *AFTER_NOON])
_NUMBERS = re.compile(r"(?<!\d)(\d{1,4}) ?([/.-]) ?(\d{1,2}) ?\2 ?(\d{1,4})(?!\d)\.?(?:t(?=\d))?")
_MONTH = re.compile(rf"(?<![^\W\d_])(?:{_any_of([*MONTHS])})(?![^\W\d_])[./-]?")
_HIJRI_SIGN = re.compile(rf"(?<![^\W\d_])(?:ه|هجري|هجريه|ah|{_any_of(HIJRI_MONTHS)})(?![^\W\d_])")
_CLOCK = re.compile(
    rf"(?<![\d:.])(?:(?P<before>{_HALF}) ?)?(?P<hour>\d{{1,2}})"
    r"(?:[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?P<part>(?:\.\d{1,9}| (?:\d{3}){1,3})(?!\d))?)?)?(?![\d:])"
    rf" ?(?P<half>(?:{_HALF})(?![^\W\d_]))?"
    rf"(?P<zone> ?(?<![^\W\d_])\(?(?P<name>{_any_of([*ZONES])})(?![^\W\d_])\)?)?"
    r"(?P<offset> ?\(?(?P<sign>[+-])(?P<hours>\d{2})(?::?(?P<minutes>\d{2}))?(?!\d)\)?| ?[+-]\d(?!\d))?"
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?")
_NUMBERS_ALONE = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d\d(?:\d\d)?)(?:,? +(\d{1,2}):(\d\d)(?::(\d\d))?(?: ?([ap]m))?)?", re.IGNORECASE
)  # what most exports have that is no ISO 8601: read first, for speed
_ASIDE = re.compile(r"\([^()]*\)|\[[a-z_]+/[a-z_/]+\]")  # (Arabian Standard Time), [Asia/Riyadh]
_NO_WORDS = re.compile(rf"(?<![^\W\d_])(?:{_any_of([*WEEKDAYS, *FILLERS])})(?![^\W\d_])")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)(?![^\W\d_])")
_GREGORIAN = re.compile(r"(?<=\d{4})م(?!\w)")  # the year is by the birth of Christ
_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d+")
_LEFT = re.compile(r"[^\s.,:-]")


def _written(text: str) -> "datetime | _Open | str | None":
    """A date, a clock and a zone in whatever order, with nothing else beside them but what means nothing."""
    if len(text) > LONGEST:
        return None
    alone = _NUMBERS_ALONE.fullmatch(text)
    if alone and int(alone[4]) not in HIJRI_YEARS:
        clock = _clock(alone[5], alone[6], alone[7], (alone[8] or "").lower()) if alone[5] else MIDNIGHT
        return _Open((alone[1], alone[3], alone[4]), clock) if clock else None
    return _written_plainly(_plain(text).strip())


def _written_plainly(text: str) -> "datetime | _Open | str | None":
    if compact := _COMPACT.fullmatch(text):
        text = "{}-{}-{} {}:{}:{}".format(*compact.groups("00"))
    if text.startswith("[") and text.endswith("]"):  # as some chats write it
        text = text[1:-1]
    text = _GREGORIAN.sub("", text)
    month = _MONTH.search(text)
    numbers = None if month else _NUMBERS.search(text)
    if _HIJRI_SIGN.search(text) or (numbers and any(int(numbers[n]) in HIJRI_YEARS for n in (1, 4))):
        return _HIJRI if _DIGIT.search(text) else None
    if month:
        return _with_month(month, f"{text[: month.start()]} {text[month.end() :]}")
    if not numbers:
        return None
    clock = _clock_in(f"{text[: numbers.start()]} {text[numbers.end() :]}")
    return clock and _of_numbers((numbers[1], numbers[3], numbers[4]), clock)


def _of_numbers(numbers: tuple[str, str, str], clock: _Clock) -> "datetime | _Open | None":
    if len(numbers[0]) > 2:  # the year first
        return _Open(numbers, clock).at("ymd")
    return _Open(numbers, clock) if len(numbers[2]) in (2, 4) else None


def _with_month(month: re.Match[str], around: str) -> datetime | str | None:
    """A date whose month is a word, by what stands around that."""
    text = _ORDINAL.sub("", around)
    found = _clock_with_minutes(text)
    rest = text if found is None else f"{text[: found.start()]} {text[found.end() :]}"
    numbers = _DIGITS.findall(rest)
    clock = _clock_in(f"{_DIGITS.sub(' ', rest)} {found[0] if found else ''}")
    if len(numbers) != 2 or clock is None:
        return None
    day, year = numbers if len(numbers[0]) <= 2 else numbers[::-1]
    if len(day) > 2 or len(year) not in (2, 4):
        return None
    return _HIJRI if int(year) in HIJRI_YEARS else clock.on(_year(year), MONTHS[month[0].rstrip("./-")], int(day))


def _clock_with_minutes(text: str) -> re.Match[str] | None:
    return next((found for found in _CLOCK.finditer(text) if found["minute"] or found["half"]), None)


def _clock_in(text: str) -> _Clock | None:
    """The time of day and its zone, midnight in UTC where there is none; None where anything else is left."""
    found = _clock_with_minutes(text) if _DIGIT.search(text) else None
    rest = text if found is None else f"{text[: found.start()]} {text[found.end() :]}"
    if _LEFT.search(_NO_WORDS.sub("", _ASIDE.sub("", rest))):
        return None
    if found is None:
        return MIDNIGHT
    clock = _clock(found["hour"], found["minute"], found["second"], found["before"] or found["half"] or "")
    part = int((found["part"] or "")[1:7].ljust(6, "0"))
    return clock and clock._replace(microsecond=part, zone=_zone(found))


def _clock(hour: str, minute: str | None, second: str | None, half: str) -> _Clock | None:
    of_day = int(hour)
    if half in _AFTER_NOON:
        of_day += 12 if of_day < 12 else 0
    elif half:
        of_day = of_day % 12 if of_day <= 12 else 24
    clock = _Clock(of_day, int(minute or 0), int(second or 0))
    return clock if clock < (24,) and clock.minute < 60 and clock.second < 60 else None


def _zone(clock: re.Match[str]) -> tzinfo:
    ahead = timedelta(hours=ZONES[clock["name"]]) if clock["name"] else timedelta()
    if clock["sign"]:
        offset = timedelta(hours=int(clock["hours"]), minutes=int(clock["minutes"] or 0))
        ahead += -offset if clock["sign"] == "-" else offset
    elif clock["offset"]:  # GMT+3
        ahead += timedelta(hours=int(clock["offset"]))
    return timezone(ahead) if timedelta() < abs(ahead) < timedelta(days=1) else UTC
