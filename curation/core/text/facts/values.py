"""One value for all spellings of a fact."""

import re
from collections.abc import Callable

from curation.core.text.facts.patterns import (
    ARABIC_HOURS,
    ARABIC_ORDINALS,
    CURRENCY,
    DUAL,
    HOURS,
    MONEY,
    MONTH,
    MONTH_OF,
    NAMED_DAY,
    NUMBER_OF,
    NUMERIC_DAY,
    ORDINALS,
    SAID_DAY,
    SCALED,
    SCALES,
    TENS,
    UNSAID_DAY,
)


def value_of(kind: str, said: str) -> str:
    """The value of a fact of the kind, as the folded text says it."""
    return _VALUES[kind](said)


def _link(said: str) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", said).rstrip("/")


def _contact(said: str) -> str:
    return said if "@" in said else re.sub(r"\D", "", said).lstrip("0")


def _date(said: str) -> str:
    """As in ISO 8601, without the year where none is told; 03/04/2025 is read day first, as most of the world does."""
    year = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", said)
    if re.fullmatch(r"\d+/\d+", said):
        day, month = (int(part) for part in said.split("/"))
        return f"--{day:02}-{month:02}" if month > 12 else f"--{month:02}-{day:02}"
    if re.match(NUMERIC_DAY, said):
        parts = [int(part) for part in re.split(r"[/.-]", said)]
        last, month, day = parts if parts[0] > 31 else parts[::-1]
        day, month = (month, day) if month > 12 else (day, month)
        return f"{last + 2000 * (last < 100)}-{month:02}-{day:02}"
    day, month = min(days_of(said))
    return f"{year.group() if year else '-'}-{month:02}-{day:02}"


def _price(said: str) -> str:
    money = re.search(CURRENCY, said)
    name = next((code for sign, code in MONEY.items() if money and money.group().startswith(sign)), "")
    amounts = ["2"] if re.fullmatch(f"[وبل]?{DUAL}", said) else [scaled(*n) for n in SCALED.findall(said)]
    return f"{'-'.join(amounts or [_counted(said[: money.start()] if money else said)])} {name}".strip()


def _counted(words: str) -> str:
    """The number that words say, else the words."""
    total, part = 0.0, 0.0
    for word in re.split(r"[ -]+", words.strip()):
        number = NUMBER_OF.get(word, NUMBER_OF.get(re.sub("^[وبلف]", "", word)))
        if word == "and":
            continue
        if number is None:
            return words.strip()
        scaled = number in (100, 1000, 1_000_000) and part
        part = part * number if scaled else part + number
        if number >= 1000:
            total, part = total + part, 0.0
    return f"{total + part:.12g}"


def _percentage(said: str) -> str:
    counted = _counted(re.split(r"per ?cent|(?:ب|في )الم", said)[0])
    return f"{'-'.join(scaled(*n) for n in SCALED.findall(said)) or counted}%"


def _time(said: str) -> str:
    """HH:MM of 24 hours; both where the half of the day is not told: 05:30|17:30."""
    if not re.search(r"\d|after", said):
        if re.search("noon|midday", said):
            return "12:00"
        if re.search("midnight|منتصف", said):
            return "00:00"
    hour, minute = _clock(said)
    night = bool(re.search("night|ليل", said))
    late = re.search(r"p\.?m|afternoon|evening|مسا|ظهر|عصر|مغرب|\d ?م\b", said) or (night and hour % 12 >= 5)
    early = re.search(r"a\.?m|morning|صبا|صبح|فجر|\d ?ص", said) or night
    if late or early:
        return f"{hour % 12 + 12 * bool(late):02}:{minute:02}"
    if hour > 12 or hour == 0:
        return f"{hour:02}:{minute:02}"
    return either_half(hour, minute)


def either_half(hour: int, minute: int = 0) -> str:
    """A time of day of which the half is not told."""
    return f"{hour % 12:02}:{minute:02}|{hour % 12 + 12:02}:{minute:02}"


def _clock(said: str) -> tuple[int, int]:
    digits = [int(part) for part in re.findall(r"\d+", said)]
    names = [n for n, name in enumerate(HOURS.split("|"), 1) if re.search(rf"\b{name}\b", said)]
    names += [n for n, name in enumerate(ARABIC_HOURS, 1) if re.search(rf"\b(?:ال)?(?:{name})\b", said)][-1:]
    hour, minute = ((digits + names + [0])[0], digits[1] if len(digits) > 1 else 0)
    if re.search("quarter to|الا ربع", said):
        return (hour - 1) % 12 or 12, 45
    if re.search("half past|thirty|نصف|نص", said):
        return hour, 30
    if "ثلث" in said:
        return hour, 20
    return hour, 15 if re.search("quarter past|fifteen|ربع", said) else minute


def _stock(said: str) -> str:
    if re.search(r"out of|sold|not|n't|no longer|نفد|نفذ|خلص|غير|مو |مش ", said):
        return "none"
    count = re.search(r"\d+", said)
    if count:
        return count.group()
    counted = [f"{n:g}" for word, n in NUMBER_OF.items() if re.search(rf"\b{word}\b", said)]
    return counted[0] if counted else ("2" if re.search(r"تين\b", said) else "some")


_VALUES: dict[str, Callable[[str], str]] = {
    "link": _link,
    "contact": _contact,
    "date": _date,
    "price": _price,
    "percentage": _percentage,
    "time": _time,
    "code": lambda said: re.sub(r"[-./_ ]", "", said),
    "number": str,
    "stock": _stock,
}


def amounts_of(kind: str, value: str) -> list[str]:
    """The numbers of a price or percentage; of one in words that are no number known here, the words."""
    if kind not in ("price", "percentage"):
        return []
    return re.findall(r"\d+(?:\.\d+)*", value) or [value]


def _plain_amount(number: str) -> str:
    """31.50 and 31,5 are one."""
    number = number.replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number


def scaled(number: str, scale: str = "") -> str:
    """1.5 million and 1500000 are one."""
    plain = _plain_amount(number)
    if not scale or plain.count(".") > 1:
        return plain
    return f"{float(plain) * SCALES[scale.strip()]:.12g}"


def days_of(text: str) -> set[tuple[int, int]]:
    """(day, month) of each date of a text that says dates alone; both readings of 03/04/2025 and of 3/12."""
    found = set()
    for match in re.finditer(NUMERIC_DAY, text):
        first, second, *_ = parts = [int(part) for part in re.split(r"[/.-]", match.group())]
        found |= {(parts[2], second)} if first > 31 else {(first, second), (second, first)}
    for match in UNSAID_DAY.finditer(text):
        first, second = (int(part) for part in match.group().split("/"))
        found |= {(first, second), (second, first)}
    for match in re.finditer(f"{NAMED_DAY}|{SAID_DAY}", text):
        said = match.group()
        month, digits = re.search(rf"\b(?:{MONTH})\b", said), re.search(r"\d+", said)
        if month:
            found.add((int(digits.group()) if digits else _ordinal(said), MONTH_OF[month.group()]))
    return found


def _ordinal(said: str) -> int:
    """The day that words say: twelfth, الثاني عشر."""
    words = [re.sub("^و?ال", "", word) for word in re.split("[ -]", said)]
    tens = sum(TENS[word] for word in words if word in TENS)
    return tens + sum(n for names in (ORDINALS, ARABIC_ORDINALS) for n, name in enumerate(names, 1) if name in words)
