"""Facts of a text: their kinds, places and values, and what grounds them."""

import re
from itertools import chain, pairwise
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.core.text.facts import Known, facts, patterns, ungrounded
from curation.core.text.facts.codes import NO_CODE
from curation.core.text.facts.likely import may_state_one
from curation.core.text.facts.patterns import KINDS
from curation.core.text.facts.spelled import Spelled

SAME = {  # kind -> ways to write one fact, English and Arabic
    "price": ["$31.50", "31.50 dollars", "USD 31,5", "٣١٫٥٠ دولار", "31.5 دولاراً"],
    "percentage": ["15%", "15.0 percent", "١٥٪", "٪١٥", "fifteen percent", "15 per cent", "١٥ بالمئة", "15 في المائة"],
    "date": ["12 March 2025", "March 12th, 2025", "12/03/2025", "2025-03-12", "١٢ مارس ٢٠٢٥", "12 آذار 2025"],
    "time": [
        "5:30 pm",
        "17:30",
        "half past five in the evening",
        "5:30PM",
        "5:30 p.m.",
        "٥:٣٠ مساءً",
        "الساعة الخامسة والنصف مساءً",
    ],
    "link": ["https://www.shop.example/a", "shop.example/a", "http://shop.example/a/"],
    "code": ["SPRING-25", "spring25", "Spring25"],
    "number": ["48213", "48,213", "٤٨٢١٣", "٤٨٬٢١٣"],
    "contact": ["+966 50 123 4567", "00966501234567", "+966-50-123-4567", "‎+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧"],
    "stock": ["only 3 left", "3 pieces left", "only three left", "باقي ٣ قطع", "باقي ثلاث قطع"],
}


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, ways in SAME.items() for said in ways])
def test_a_fact_is_found_where_it_stands_in_whatever_spelling(kind: str, said: str):
    first = facts(SAME[kind][0])[0]
    text = f"Well, it is: {said} — نعم."
    found = facts(text)
    assert [(fact.kind, text[fact.start : fact.end].strip("\u200e"), fact.value) for fact in found] == [
        (kind, said.strip("\u200e"), first.value)
    ]


PLACES = {  # kind -> sentences with the fact in ⟦brackets⟧, and each but it is an ordinary word
    "price": [
        "It costs ⟦10-15 SAR⟧ each.",
        "It is between ⟦10 and 15 SAR⟧, or ⟦10 or 15 SAR⟧.",
        "السعر بين ⟦١٠ و١٥ ريالاً⟧ للقطعة",
        "That makes ⟦$1.5 million⟧ a year, or ⟦$20k⟧ a week.",
        "قيمته ⟦٣ آلاف ريال⟧ أو ⟦مليون ريال⟧.",
        "اشتريته ⟦بخمسين ريال⟧ والثاني ب⟦25 شيكل⟧",
        "التوصيل ⟦ريالين⟧ فقط، والصيانة ⟦٤٠ ليرة⟧.",
        "It is ⟦₹500⟧ or ⟦500 rupees⟧, US⟦$20⟧, ⟦5 L.E⟧. for all.",
        "Your balance is ⟦949⟧ in credit; the total is ⟦250⟧.",
        "المجموع ⟦٢٥٠⟧ والسعر: ⟦٣١⟧، ورسوم التوصيل ⟦٢٥⟧",
        "تكلفة الغرفة 204 هي ⟦300 ريال⟧، وسعر الطلب هو ⟦٢٥٠⟧",
        "Delivery fee: ⟦25⟧",
        '{"price": ⟦31⟧}',
        "| bed | ⟦40 SAR⟧ |\n| **lamp** | **⟦31 SAR⟧** |",
    ],
    "percentage": ["الخصم ⟦٪٢٠⟧ أو ⟦%15⟧ اليوم", "Take ⟦twenty percent⟧ off.", "الخصم ⟦عشرين بالمية⟧"],
    "date": [
        "It comes on the ⟦twelfth of March⟧, not on ⟦March twenty-first⟧.",
        "يصل يوم ⟦الثاني عشر من مارس⟧ أو ⟦الخامس والعشرين من رمضان⟧",
        "Paid by ⟦3/12⟧, or by ⟦5-Jan-2025⟧. سندفع يوم ⟦١٢/٣⟧",
    ],
    "time": [
        "Open ⟦9am⟧-⟦5pm⟧, or ⟦9⟧-⟦5 pm⟧ on Friday.",
        "نفتح من ⟦9ص⟧ إلى ⟦5م⟧، والجمعة ⟦٨ص⟧–⟦١٠م⟧.",
        "موعدك ⟦الساعة تسعة ونص⟧ يا غالي",
        "At ⟦five-thirty⟧ then.",
        "يصلك بين ⟦3⟧ و⟦5 العصر⟧ أو ب⟦٩ص⟧",
    ],
    "link": ["Go to (⟦example.co.uk/a?b=c⟧) or [here](⟦https://shop.example/a⟧)."],
    "contact": [
        "Call ⟦1-800-555-1234⟧ or ⟦555-1234⟧ 👍",
        "اتصل على ⟦937⟧ أو call us on ⟦19911⟧.",
        "رقمنا \u202a⟦+966 50 123 4567\u202c⟧",
    ],
    "code": [
        "Your ref ⟦ABCDEF⟧ is ready; the code for your booking is ⟦QKJHWZ⟧.",
        "Booking reference (⟦KLMNOP⟧), or PNR ⟦QKJHWZ⟧",
        "CONFIRMATION: ⟦BCDFGH⟧, order #⟦KLMNOP⟧.",
        "It is ⟦QKJHWZ⟧, IN FULL CAPITALS.",
        "Use ⟦SAVEBIG⟧ at checkout, or the code “⟦summer⟧”.",
        "Invoice ⟦INV/2024/0012⟧, once ⟦INV.2024.0012⟧, then ⟦TX_99812⟧.",
        "See ref ⟦inv/2024/0012⟧ there.",
        "رقم الحجز الخاص بك هو ⟦ABCDEF⟧ ورمز التتبع ⟦QKJHWZ⟧، وكودك ⟦EIDSALE⟧",
        "كود الخصم «⟦رمضان⟧» أو الكود: ⟦وفّر٢٠⟧ يا غالي",
        "طلبك ⟦أ-١٢٣٤⟧ والثاني ⟦1234/ب⟧، لوحة السيارة ⟦أ ب ج 1234⟧.",
        "رقم المرجع ⟦٢٠٢٤/١١٨⟧ لديك",
    ],
    "number": ["Your order number is ⟦123⟧ in room ⟦12⟧.", "طلبك رقم ⟦٤٥٦⟧ جاهز"],
    "stock": [
        "It is ⟦not in stock⟧ now, it ⟦isn't yet in stock⟧.",
        "باقي لنا يومان و⟦باقي ٣ حبات⟧",
        "There are ⟦only two rooms left⟧, and ⟦just a few remaining⟧ next door.",
        "⟦بقي عندنا ثلاث حبات⟧ و⟦باقي قطعتين⟧",
        "للأسف ⟦نفدت⟧. ⟦خلصت الكمية⟧، ⟦نفذ من المستودع⟧.",
        "⟦غير متوفر حاليا في المخزون⟧",
        "هذه ⟦آخر حبة⟧",
    ],
}


@pytest.mark.parametrize(("kind", "marked"), [(kind, one) for kind, some in PLACES.items() for one in some])
def test_exactly_the_fact_is_found_however_it_is_written(kind: str, marked: str):
    text = marked.replace("⟦", "").replace("⟧", "")
    found = facts(text)
    assert {fact.kind for fact in found} == {kind}
    shown = text
    for fact in reversed(found):
        shown = f"{shown[: fact.start]}⟦{shown[fact.start : fact.end]}⟧{shown[fact.end :]}"
    assert shown == marked


@pytest.mark.parametrize("said", [*chain(*SAME.values(), *PLACES.values())])
def test_no_fact_is_passed_over_by_the_quick_look_in_tables(said: str):
    assert pl.select(may_state_one(pl.lit(said))).item()


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, ways in SAME.items() for said in ways])
def test_what_was_said_grounds_every_other_spelling(kind: str, said: str):
    known = Known(f"They told me: {said}, نعم.")
    assert all(known.holds(facts(f"It is {other}.")[0]) for other in SAME[kind])


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ("Order 48213?", "482 SAR"),
        ("Within 15 days?", "5 SAR"),
        ("At 5 am?", "at 5 pm"),
        ("On 12 March?", "on 13 March"),
        ("Is it in stock?", "it is out of stock"),
        ("See shop.example/a1", "see https://shop.example/a"),
        ("هل الساعة ٥ صباحاً؟", "الساعة ٥ مساءً"),
        ("هل هو متوفر في المخزون؟", "نفدت الكمية"),
        ("Is it in stock?", "it is not in stock"),
        ("Is it in stock?", "we don't have it in stock"),
        ("في الثالث من مايو؟", "في الثالث عشر من مايو"),
        ("I have 1.5 of them", "$1.5 million"),
        ("My order is 219371", "call 937"),
        ("By 4/12?", "by 3/12"),
        ("My ref is ABCDEG", "ref ABCDEF"),
        ("هل هو أ-1235؟", "هو أ-1234"),
    ],
)
def test_another_fact_grounds_nothing(known: str, said: str):
    assert not any(Known(known).holds(fact) for fact in facts(said))


@pytest.mark.parametrize(
    "said",
    [
        "You may 5 times; add 3 pounds of rice.",
        "We have done so since 1998.",
        "I am sorry, I left early; nobody is left.",
        "Turn 2 left turns, then this quarter to come.",
        "Thanks a lot. See you in the meantime.",
        "شكراً لك، خلصت الأسئلة؟ موجود دائماً لخدمتك.",
        "الباقي علينا، وآخر شيء نسألك عنه.",
        "You may first want the 256GB one in 1080p, as in the 1990s; our 24/7 team met COVID-19 in mid-2023.",
        "I was so mad 5 hours ago, it costs 2 minutes, at 10.0.0.1/24, and needs 1/2 of 4/5 stars on 24/7 days.",
        "Turn it 2 times: we are number 1, in 1445هـ كما في ٢٠٢٤",
        "نفدت محاولات رمز التعريف، باقي 3 أيام، وحوّل الباقي إلى جهاز آخر.",
        "The price is 3 times that of a pulsar 3; يكلف 5 أيام من الانتظار",
        "PLEASE NOTE YOUR BOOKING HAS BEEN CONFIRMED: DO NOT SHARE THE CODE WITH ANYONE.",
        "Send the code ASAP, your reservation is NOT made, the code is INVALID, the ref is EXPIRED.",
        "Never give the code AWAY TO anyone: your order: LARGE PIZZA, your order number and my name is FATIMA.",
        "HTTPS, XHTML, JSON, STRENGTH and MATCHSTICKS over WIFI/ETHERNET, 24/7, at AMSTERDAM",
        "The old one is of MARCH.I left; the dress code is FORMAL, and/or SMART.",
        "كود الخصم خلال24 ساعة، الرمز صحيح، ٥٠٠/كجم في 1445هـ",
        "May 5tg not, or May 5 times",
    ],
)
def test_words_like_facts_are_none(said: str):
    assert facts(said) == []


@pytest.mark.parametrize("said", ["sold out", "out of stock", "نفدت الكمية", "نفد المخزون", "غير متوفر في المخزون"])
def test_what_is_gone_is_a_fact_of_the_stock(said: str):
    assert [(fact.kind, fact.value) for fact in facts(f"Sorry, {said}.")] == [("stock", "none")]


WRITTEN = [text.replace("⟦", "").replace("⟧", "") for text in chain(*SAME.values(), *PLACES.values())]
PIECES = sorted({piece for text in WRITTEN for piece in re.findall(r"[^\W\d_]+|\d+|\S", text)})
SIGNS = ["\u200b", "\u200f", "\u0640", "\x1c", "\u00a0", "\n", "ß", "…", "\u0301", "İ"]  # hidden, or folded otherwise


@given(st.lists(st.sampled_from([*WRITTEN, *PIECES, *SIGNS, *("5", "20", "rs.", "le", "am", "ص", " ")]), max_size=7))
@example(["sold", "\u200b", " out"])
@example(["it costs 40"])
@example(["the fare is 250"])
@example(["sold", "\x1c", "out"])
@example(["code ABC", "\u0640", "DEF"])
@settings(max_examples=100, deadline=None)
def test_no_quick_look_passes_over_a_fact(pieces: list[str]):
    for text in (" ".join(pieces), "".join(pieces)):
        spelled = Spelled(text)
        with patch.dict(patterns._NEEDED, dict.fromkeys(KINDS, patterns._Needed(("",)))):
            wherever = patterns.claimed(spelled.text, spelled.cased)
        assert patterns.claimed(spelled.text, spelled.cased) == wherever
        assert pl.select(may_state_one(pl.lit(text))).item() or not wherever


@given(
    st.text(st.sampled_from("aZ ة٣5.,:%$-/@م١\u200f\u064b\n٬٫½ﷺ"), max_size=30),
    st.sampled_from([*chain(*SAME.values())]),
)
@settings(max_examples=200, deadline=None)
def test_places_are_of_the_text_as_written(around: str, said: str):
    text = f"{around} {said} {around}"
    found = facts(text)
    assert all(0 <= fact.start < fact.end <= len(text) and fact.kind in KINDS for fact in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert not any(text[fact.start].isspace() or text[fact.end - 1].isspace() for fact in found)


def test_every_place_of_a_fact_that_nothing_grounds_is_told_and_repeats_later_are_grounded():
    messages = [
        {"role": "user", "content": "What is it?", "tool_calls": None},
        {"role": "assistant", "content": "It is $31. Yes, 31 USD.", "tool_calls": None},
        {"role": "user", "content": "And?", "tool_calls": None},
        {"role": "assistant", "content": "As I said, $31, by 5 pm.", "tool_calls": None},
    ]
    found = [(turn, messages[turn]["content"][fact.start : fact.end]) for turn, fact in ungrounded(messages, [1, 3])]
    assert found == [(1, "$31"), (1, "31 USD"), (3, "5 pm")]


@given(
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=8).filter(lambda word: re.match(NO_CODE, word)),
    st.sampled_from(
        [
            *("Your booking reference is {}.", "ref: {}", "The promo code {} is yours", "It has serial: {}", "SKU: {}"),
            *("See order #{}, please", "Case no. {}", "It has tracking # {}", "Your customer ID is {}!", "Ticket #{}"),
            *("رقم الحجز {}", "الكود الخاص بك هو {}.", "الرقم المرجعي: {}", "كوبونك {}"),
        ]
    ),
)
@settings(max_examples=80, deadline=None)
def test_capitals_behind_what_a_code_is_called_are_one_and_its_small_letters_ground_it(word: str, told: str):
    text = told.format(word)
    assert [(fact.kind, text[fact.start : fact.end]) for fact in facts(text)] == [("code", word)]
    assert Known(f"I have {word.lower()}").holds(facts(text)[0])
    assert pl.select(may_state_one(pl.lit(text))).item()


@given(
    st.sampled_from([*chain(*SAME.values(), *PLACES.values())]),
    st.text(st.sampled_from("aZtg ة٣5.,:/-"), max_size=6),
    st.integers(0, 60),
)
@settings(max_examples=200, deadline=None)
def test_what_states_a_fact_grounds_it_wherever_it_is_cut(said: str, behind: str, cut: int):
    text = f"{said.replace('⟦', '').replace('⟧', '')[:cut]}{behind}"
    known = Known(text)
    assert all(known.holds(fact) for fact in facts(text))


@pytest.mark.parametrize("asked", ["Is 3/12 fine?", "Until 12/3?", "يناسبني 3/12؟"])
def test_a_day_without_its_year_is_grounded_by_whoever_named_it(asked: str):
    (day,) = facts("We shall pay by 3/12.")
    assert Known(asked).holds(day)
