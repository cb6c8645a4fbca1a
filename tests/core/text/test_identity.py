"""One person in many spellings is one identity, and people who differ are never one."""

import random
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.identity import identities, identities_within, identity, nearness, possible_within

ARABIC = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
WIDE = {n: n + 0xFEE0 for n in range(0x21, 0x7F)}
MARKS = "\u200e\u200f\u202a\u202c\u2066\u2069\u200b\ufeff\u061c\u00ad"
DASHES = "-‐‑‒–—−﹣－"

PHONES: tuple[Callable[[str], str], ...] = (
    lambda n: n,
    lambda n: f"+{n}",
    lambda n: f"00{n}",
    lambda n: f"{n}.0",
    lambda n: f"{n}.00",
    lambda n: f"{n[0]}.{n[1:]}E+{len(n) - 1}",
    lambda n: f"tel:+{n}",
    lambda n: f"TEL:+{n[:3]}-{n[3:5]}-{n[5:]};ext=12",
    lambda n: f"tel:%2B{n}",
    lambda n: f"sms:+{n}?body=hi",
    lambda n: f"sip:+{n}@pbx.example",
    lambda n: f"whatsapp:+{n}",
    lambda n: f"{n}@s.whatsapp.net",
    lambda n: f"{n}@c.us",
    lambda n: f"https://wa.me/{n}",
    lambda n: f"'+{n}",
    lambda n: f'="{n}"',
    lambda n: f"+{n[:3]} (0) {n[3:]}",
    lambda n: f"(+{n[:3]}) {n[3:5]} {n[5:]}",
    lambda n: f"+{n[:3]}.{n[3:5]}.{n[5:]}",
    lambda n: f"+{n[:3]}\u00a0{n[3:5]}\u202f{n[5:]}",
    lambda n: f"+{n} ext. 21",
    lambda n: f"Ali Hassan (+{n})",
    lambda n: f"علي حسن +{n}",
    lambda n: f"هاتف: +{n}",
)
ADDRESSES: tuple[Callable[[str], str], ...] = (
    lambda a: a,
    lambda a: a.upper(),
    lambda a: f" {a.title()}\t",
    lambda a: f"mailto:{a}",
    lambda a: f"MAILTO:{a}?subject=Hello",
    lambda a: f"<{a}>",
    lambda a: f"Ali <{a}>",
    lambda a: f'"Hassan, Ali" <{a}>',
    lambda a: f"{a} (Ali)",
    lambda a: f"علي حسن <{a}>",
    lambda a: f"علي، {a}",
    lambda a: f"[{a}](mailto:{a})",
    lambda a: a.replace("@", "%40"),
    lambda a: a.replace("@", "﹫"),
    lambda a: a.translate(WIDE),
    lambda a: f"{a};",
    lambda a: f"'{a}'.",
    lambda a: f"SMTP:{a}",
    lambda a: f"البريد: {a}",
)
UNSEEN: tuple[Callable[[str, random.Random], str], ...] = (
    lambda said, draw: said,
    lambda said, draw: draw.choice(MARKS) + said + draw.choice(MARKS),
    lambda said, draw: said[: len(said) // 2] + draw.choice(MARKS) + said[len(said) // 2 :],
    lambda said, draw: said.replace("-", draw.choice(DASHES)),
    lambda said, draw: said.translate(ARABIC) if said.replace(".", "").isdigit() else said,
    lambda said, draw: said.translate(PERSIAN) if said.isdigit() else said,
    lambda said, draw: unicodedata.normalize("NFD", said),
)


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("spell", range(len(PHONES)))
@given(number=st.from_regex("9665[0-9]{8}|2010[0-9]{8}|447[1-9][0-9]{8}", fullmatch=True), seed=st.integers(0, 99))
def test_a_phone_is_one_however_it_is_written(spell: int, number: str, seed: int) -> None:
    draw = random.Random(seed)
    assert identity(draw.choice(UNSEEN)(PHONES[spell](number), draw)) == number


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("spell", range(len(ADDRESSES)))
@given(name=st.from_regex("[a-z][a-z0-9]{1,8}([.][a-z0-9]{2,5})?", fullmatch=True), seed=st.integers(0, 99))
def test_an_address_is_one_however_it_is_written(spell: int, name: str, seed: int) -> None:
    draw = random.Random(seed)
    assert identity(draw.choice(UNSEEN)(ADDRESSES[spell](f"{name}@example.com"), draw)) == f"{name}@example.com"


@given(st.text(max_size=40))
def test_an_identity_is_its_own_identity(said: str) -> None:
    assert identity(identity(said)) == identity(said) or not identity(said)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A-100", "A100"),
        ("CUST-1234567", "1234567"),
        ("ali@example.com", "ali@example.org"),
        ("+966501234567", "+966501234568"),
        ("050 123 4567", "+966 50 123 4567"),
        ("علي حسن", "علي حسين"),
        ("0501234567@example.com", "0501234567"),
        ("ali+work@example.com", "ali@example.com"),
    ],
)
def test_people_who_may_differ_are_two(one: str, other: str) -> None:
    assert identity(one) != identity(other)


def test_a_number_that_a_table_of_floats_holds_is_the_number() -> None:
    assert identity("42.0") == identity("٤٢٫٠٠") == "42" and identity("4.20") != "42"


def test_a_value_that_names_several_names_each() -> None:
    assert {"ali@a.com", "sara@b.com"} < identities("ali@a.com, Sara <sara@b.com>")
    assert {"966501234567", "966507654321"} < identities("+966501234567; +966507654321")
    assert {"ali@a.com", "966501234567"} < identities("Ali, ali@a.com, +966 50 123 4567")


def test_addresses_and_phones_are_found_in_a_text_and_orders_are_not() -> None:
    text = "راسلني على ali@x.com أو +٩٦٦ ٥٠ ١٢٣ ٤٥٦٧، order A-12345678 of 2026, total 1,250.00"
    assert identities_within(text) == {"ali@x.com", "966501234567"}


@pytest.mark.parametrize(
    "text",
    [
        "0501234567 2026-01-05 10:00",
        "12 0501234567",
        "id 77 050 123 4567 3",
        "٠٥٠ ١٢٣ ٤٥٦٧ ٠٥٠ ٧٦٥ ٤٣٢١ ٠٥٠ ١١١ ٢٢٢٢ ٩",
        "a,050-123-4567,b",
        '{"phone": "050.123.4567"}',
    ],
)
def test_a_phone_does_not_hide_beside_other_digits(text: str) -> None:
    assert "501234567" in possible_within(text)


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("+966501234567", "050 123 4567", "country"),
        ("+966501234567", "+966501234576", "digit"),
        ("ali@example.com", "a.li+shop@example.com", "dots or tags"),
        ("ali@example.com", "ali@example.org", "another domain"),
        ("ali.hassan@x.com", "Ali Hassan", "name in an address"),
        ("Ali Hassan", "Hassan Ali", "another order"),
        ("C-1042-7", "C10427", "same letters"),
        ("فاطمة الزهراني", "فاطمه الزهرانى", None),  # folded they are the same
        ("فاطمة الزهراني", "فاطمة الزهرني", "letter"),
        ("ali", "sara", None),
        ("20021", "20022", None),  # numbers given in turn
        ("C-10042", "C-10043", None),
        ("966501234567", "966509999999", None),
    ],
)
def test_near_spellings_are_told_with_how_they_are_near(one: str, other: str, how: str | None) -> None:
    told = nearness(identity(one), identity(other))
    assert told == nearness(identity(other), identity(one))
    assert told is None if how is None else how in (told or "")


@pytest.mark.parametrize("piece", ["1 1 ", "1-1-", "a@", "a.b@c.", "(", "+966 ", "1", "a@b.c,", "١ ", "@@", "%40", "-"])
def test_a_long_text_is_read_in_linear_time(piece: str) -> None:
    import time

    def took(size: int) -> float:
        text = piece * (size // len(piece))
        return min(_timed(time.process_time, text) for _ in range(2))

    assert any(took(128_000) < 20 * took(8_000) + 0.05 for _ in range(4))  # a busy machine spoils one of them


def _timed(clock: Callable[[], float], text: str) -> float:
    start = clock()
    identities_within(text)
    possible_within(text)
    identity(text)
    return clock() - start
