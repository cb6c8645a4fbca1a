"""Sentences with invented personal data in many spellings, and sentences with numbers that are nobody's. Seeded."""

import random
from collections.abc import Callable, Iterator

EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
IBANS = (
    "SA0380000000608010167519",
    "AE070331234567890123456",
    "EG380019000500000000263180002",
    "JO94CBJO0010000000000131000302",
    "QA58DOHB00001234567890ABCDEFG",
    "KW81CBKU0000000000001234560101",
    "GB82WEST12345698765432",
)
SENTENCES = {
    "email": ("My email is {}.", "Write to {} please", "راسلوني على {}", "بريدي الإلكتروني {}.", "{}"),
    "phone": (
        "Call me on {}.",
        "my mobile number is {}",
        "رقم جوالي {}",
        "اتصلوا بي على {} بعد العصر",
        "واتس {}",
        "{}",
    ),
    "card": ("The card number is {}, expiry 09/27.", "I paid with {}", "رقم البطاقة {}", "دفعت بالبطاقة {} أمس"),
    "iban": ("Please refund to {}", "IBAN: {} thanks", "رقم الآيبان {}.", "التحويل إلى الحساب {}"),
    "national_id": ("My ID number is {}.", "national id: {}", "رقم هويتي {}", "رقم الإقامة هو {}", "Iqama {}"),
    "birth_date": ("My date of birth is {}.", "DOB {}", "تاريخ ميلادي {}", "I was born on {}"),
    "ip_address": ("My IP is {}", "it says {} is blocked", "العنوان {} محظور"),
    "secret": ("my password is {}", "Password: {}.", "كلمة المرور {}", "كلمة السر هي {}"),
    "address": ("My address is {}.", "Please deliver to {}", "I live at {}", "{}"),
}
CLEAN = (
    "My order number is {10}.",
    "Order {8} has not arrived",
    "where is order #{12}?",
    "tracking number {12}",
    "tracking {15}",
    "invoice no. {9}, ref {7}",
    "It costs {4}.00 SAR",
    "1,{3}.00 AED or 2,{3}.50",
    "{7} ريال فقط",
    "on 2025-03-01 at 10:30",
    "between 01/02/2025 and 28/02/2025",
    "from 9:00 to 17:30, 24/7",
    "رقم الطلب {10}",
    "طلبي رقم {9} لم يصل",
    "رقم الشحنة {12} والفاتورة {8}",
    "السعر {5} جنيه",
    "في 15/04/2025 الساعة 10",
    "model {6} serial number {11}",
    "ticket ZH-{8}",
    "version 2.14.{2}, build {7}",
    "look at shop.example.com at once",
    "my ip is slow and my password is wrong",
    "we are open at mall dot and again",
    "@zaafaran.home on every network",
    "I have {2} items of {3} pieces in {2} boxes",
    "the size is 120 x 200 x 85 cm",
    "call us on 920012345",
    "timestamp 17{8}",
)


def personal(kind: str, number: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """(sentence, the value as it is written in it)."""
    rng = random.Random(f"{kind}{seed}")
    for _ in range(number):
        value = _VALUES[kind](rng)
        yield rng.choice(SENTENCES[kind]).format(value), value


def clean(number: int, seed: int = 7) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(number):
        sentence = rng.choice(CLEAN)
        for digits in range(2, 16):
            while f"{{{digits}}}" in sentence:
                sentence = sentence.replace(f"{{{digits}}}", _digits(rng, digits), 1)
        yield sentence.translate(rng.choice(({}, EASTERN)))


def luhn(digits: str) -> str:
    """The digits with their check digit."""
    total = sum(sum(divmod(int(d) * 2, 10)) if place % 2 == 0 else int(d) for place, d in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


def kuwaiti(digits: str) -> str | None:
    """Eleven digits with their check digit, where one exists."""
    check = 11 - sum(int(d) * w for d, w in zip(digits, (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return f"{digits}{check}" if check < 10 else None


def _digits(rng: random.Random, count: int) -> str:
    return str(rng.randrange(10 ** (count - 1), 10**count))


def _written(rng: random.Random, text: str) -> str:
    return text.translate(rng.choice(({}, {}, EASTERN, PERSIAN)))


def _grouped(rng: random.Random, text: str, sizes: tuple[int, ...], gaps: str = " -") -> str:
    gap, parts, start = rng.choice(["", *gaps]), [], 0
    for size in sizes:
        parts.append(text[start : start + size])
        start += size
    return gap.join(filter(None, [*parts, text[start:]]))


def _email(rng: random.Random) -> str:
    name, host = f"sara.k{rng.randrange(99)}", rng.choice(("example.com", "mail.example.org", "gmail.com"))
    spellings = (
        f"{name}@{host}",
        f"Sara+shop{rng.randrange(9)}@{host}",
        "سارة@بريد.السعودية",
        f"{name} [at] {host}",
        f"{name} (at) {host.replace('.', ' (dot) ')}",
        f"sara{rng.randrange(9)} at gmail dot com",
    )
    return rng.choice(spellings)


def _phone(rng: random.Random) -> str:
    code, trunk, mobile, sizes = rng.choice(
        (
            ("966", "0", f"5{rng.choice('03456')}{_digits(rng, 7)}", (2, 3)),
            ("971", "0", f"5{rng.choice('0245')}{_digits(rng, 7)}", (2, 3)),
            ("20", "0", f"1{rng.choice('0125')}{_digits(rng, 8)}", (3, 3)),
            ("962", "0", f"79{_digits(rng, 7)}", (1, 4)),
        )
    )
    gap = rng.choice(("", " ", "-"))
    grouped = gap.join((mobile[: sizes[0]], mobile[sizes[0] : sum(sizes)], mobile[sum(sizes) :]))
    form = rng.choice(
        ("+{c} {n}", "+{c}{n}", "00{c}{n}", "{t}{n}", "{t}{n}", "{c}{m}", "+{c} (0){n}", "\u202a+{c} {n}")
    )
    return _written(rng, form.format(c=code, n=grouped, t=trunk, m=mobile)).lstrip("\u202a")


def _card(rng: random.Random) -> str:
    number = luhn(
        rng.choice((f"4{_digits(rng, 14)}", f"5{rng.randrange(1, 6)}{_digits(rng, 13)}", f"37{_digits(rng, 12)}"))
    )
    return _written(rng, _grouped(rng, number, (4, 6) if len(number) == 15 else (4, 4, 4)))


def _iban(rng: random.Random) -> str:
    number = rng.choice(IBANS)
    return rng.choice((number, number.lower(), " ".join(number[i : i + 4] for i in range(0, len(number), 4))))


def _national_id(rng: random.Random) -> str:
    day = f"{rng.randrange(60, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
    civil = next(filter(None, (kuwaiti(f"2{day}{_digits(rng, 4)}") for _ in range(50))))
    emirates = luhn(f"784{rng.randrange(1960, 2004)}{_digits(rng, 7)}")
    return _written(
        rng,
        rng.choice(
            (
                luhn(f"1{_digits(rng, 8)}"),
                luhn(f"2{_digits(rng, 8)}"),
                emirates,
                "-".join((emirates[:3], emirates[3:7], emirates[7:14], emirates[14])),
                f"2{day}{rng.randrange(1, 28):02}{_digits(rng, 5)}",
                civil,
                f"9{rng.randrange(60, 99)}{_digits(rng, 7)}",
                f"{day[:4]}{_digits(rng, 5)}",
                f"2{day[:2]}634{_digits(rng, 5)}",
                _digits(rng, 8),
                f"{rng.choice('ABKP')}{_digits(rng, 8)}",
            )
        ),
    )


def _birth_date(rng: random.Random) -> str:
    day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1950, 2006)
    spellings = (
        f"{day}/{month}/{year}",
        f"{day}/{month}/{year}".translate(EASTERN),
        f"{year}-{month:02}-{day:02}",
        f"{day} March {year}",
        f"June {day}, {year}",
        f"{day} مارس {year}",
    )
    return rng.choice(spellings)


def _ip_address(rng: random.Random) -> str:
    return ".".join(str(rng.randrange(1, 255)) for _ in range(4))


def _address(rng: random.Random) -> str:
    house, code = rng.randrange(1, 900), rng.randrange(10000, 99999)
    spellings = (
        f"{house} Juniper Ridge Rd Apt {house % 9 + 1}B, Tulsa OK {code}",
        f"{house} Willow Street",
        f"Flat {house % 40}, Tower B, Palm Avenue",
        f"P.O. Box {code}",
        f"{house} شارع أحمد عرابي، الدور الخامس شقة {house % 20}",
        f"حي النرجس شارع أبي بكر فيلا {house}".translate(EASTERN),
        f"24.{code}, 46.{code}",
    )
    return rng.choice(spellings)


def _secret(rng: random.Random) -> str:
    return rng.choice((f"Zr{_digits(rng, 3)}!x", f"hunter{_digits(rng, 2)}", f"P@ss{_digits(rng, 4)}"))


_VALUES: dict[str, Callable[[random.Random], str]] = {
    "email": _email,
    "phone": _phone,
    "card": _card,
    "iban": _iban,
    "national_id": _national_id,
    "birth_date": _birth_date,
    "ip_address": _ip_address,
    "secret": _secret,
    "address": _address,
}
