"""Where people live, in English and Arabic, and what is said of shops."""

import pytest

from curation.privacy import finds, pseudonymised
from curation.privacy.tables import messages_may_hold
from tests.builders import record, talk

GULF = ("SA", "AE", "EG", "JO")
ENGLISH = [
    ("please ship it to 27 Harrow Road, Leeds LS6 3PQ", "27 Harrow Road, Leeds LS6 3PQ"),
    ("my new address is 4410 Maple Grove Ave Apt 12, Austin TX 78704", "4410 Maple Grove Ave Apt 12, Austin TX 78704"),
    ("Villa 8, Street 4B, Al Quoz, Dubai", "Villa 8, Street 4B, Al Quoz, Dubai"),
    ("flat 3, building 17, road 2211 in Manama", "flat 3, building 17, road 2211"),
    ("I live at 5 Station Parade, Geelong VIC 3220", "5 Station Parade, Geelong VIC 3220"),
    ("Send it to P.O. Box 9921, Doha", "P.O. Box 9921, Doha"),
    ("Lindenstraße 14, 10969 Berlin is the billing one", "Lindenstraße 14, 10969 Berlin"),
    ("we are at 21.48581, 39.19254 now", None),
    ("pick it up, home is 21.48581, 39.19254", "21.48581, 39.19254"),
    ("short address RFTA2931 please", "RFTA2931"),
    ("deliver to 9 willow lane before noon", "9 willow lane"),
    ("eircode D02 AF30", "D02 AF30"),
]
ARABIC = [
    ("حي الملقا شارع أنس بن مالك فيلا 22", "حي الملقا شارع أنس بن مالك فيلا 22"),
    ("١٥ شارع طلعت حرب الدور الثالث شقة ٧", "١٥ شارع طلعت حرب الدور الثالث شقة ٧"),
    ("عنواني قطعة 3 شارع 12 منزل 8", "قطعة 3 شارع 12 منزل 8"),
    ("ق ٤ ش ١٢ م ٣٠", "ق ٤ ش ١٢ م ٣٠"),
    ("ص.ب 4471 جدة 21442", "ص.ب 4471 جدة 21442"),
    ("صندوق بريد 1182", "صندوق بريد 1182"),
    ("العنوان الوطني RRRD2929", "RRRD2929"),
    ("محلة 611 زقاق 9 دار 31", "محلة 611 زقاق 9 دار 31"),
    ("بناية النور، الطابق الثاني شقة 5", "بناية النور، الطابق الثاني شقة 5"),
    ("حارة السقايين بيت رقم 12", "حارة السقايين بيت رقم 12"),
]
NOBODYS = [
    "Street 12 branch opens at 9",
    "it is on floor 3 of the mall",
    "Our branch is at 12 King Fahd Road, Riyadh",
    "our showroom: 221 Baker Street, London",
    "The store is located at 40 Main Street",
    "a room for 2 in block B",
    "I waited 20 minutes on King Road",
    "the 5 star hotel in Park Lane",
    "order 55 came with 2 flat screws",
    "فرعنا في شارع التحلية مبنى 12",
    "الدور الثالث في المول",
    "شارع الملك فهد مزدحم",
    "غرفة مزدوجة بسعر 640 لليلة",
    "الشقة فيها 3 غرف",
    "عندي برج ثلاث شقق للبيع؟",
]


def found(text: str, before: str = "") -> list[str]:
    return [text[one.start : one.end] for one in finds(text, GULF, before) if one.kind == "address"]


@pytest.mark.parametrize(("text", "address"), ENGLISH + ARABIC)
def test_addresses_are_found_from_the_house_to_the_town(text: str, address: str | None):
    assert found(text) == ([address] if address else [])


@pytest.mark.parametrize("text", NOBODYS)
def test_shops_streets_and_floors_are_nobody_s_address(text: str):
    assert found(text) == []


def test_the_question_tells_whose_address_an_answer_is():
    assert found("12 King Street", "What is your delivery address?") == ["12 King Street"]
    assert found("12 King Street", "Where is the store located?") == []
    assert found("unit 4", "ما عنوانك؟") == ["unit 4"]


def test_an_address_is_known_again_without_its_town():
    said = talk("I live at 27 Harrow Road, Leeds LS6 3PQ", "Is 27 harrow road right?")
    assert [m["content"] for m in pseudonymised(said, ["address"], GULF)[0]] == [
        "I live at [address_1]",
        "Is [address_1] right?",
    ]


def test_the_quick_look_at_a_table_passes_over_no_address():
    held = [text for text, address in ENGLISH + ARABIC if address]
    looked_at = record(*(talk(text) for text in held)).select(messages_may_hold()).to_series()
    assert [text for text, seen in zip(held, looked_at, strict=True) if not seen] == []
