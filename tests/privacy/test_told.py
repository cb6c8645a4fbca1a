"""Codes and passwords that people tell, phones in words and of other countries, names that are things."""

import pytest

from curation.privacy import PATTERNED, finds, pseudonymised
from curation.privacy.names import likely_names
from curation.privacy.tables import messages_may_hold
from tests.builders import record, talk

GULF = ("SA", "AE", "EG", "JO")
SECRETS = [
    ("7731 is the code", "7731"),
    ("four four one nine thats the code", "four four one nine"),
    ("the gate code is #5521", "#5521"),
    ("backup codes 1123-4456 and 7789-1010", "1123-4456"),
    ("old password spring2019 new password spring2020", "spring2019"),
    ("I changed my pw from blue77 to green88", "green88"),
    ("the 3 digits on the back are 918", "918"),
    ("licence key 9F3KL-22MNB-7YTRE-PQ81A-ZX4CV", "9F3KL-22MNB-7YTRE-PQ81A-ZX4CV"),
    (
        "seed phrase: apple river stone cloud tiger lemon music paper glass horse winter bread",
        "apple river stone cloud tiger lemon music paper glass horse winter bread",
    ),
    ("confirm at https://a.example/confirm/9aKq3LxWb1 today", "9aKq3LxWb1"),
    ("my answer to the security question, the answer is Rosebud", "Rosebud"),
    ("الرمز 5521", "5521"),
    ("٨٨١٢ هذا الكود", "٨٨١٢"),
    ("ثلاثة خمسة واحد تسعة هذا الرمز", "ثلاثة خمسة واحد تسعة"),
    ("رمز الخزنة 4410", "4410"),
    ("الباس qamar2001", "qamar2001"),
    ("كلمة المرور كانت Layl99 والحين ما تشتغل", "Layl99"),
    ("الثلاث أرقام خلف البطاقة 731", "731"),
    ("كود بطاقة الشحن 5512 8890 1123 7745", "5512 8890 1123 7745"),
    (
        "كلمات الاسترداد: بحر قلم شمس ورق باب حجر نخل ليل تمر ماء خبز نهر",
        "بحر قلم شمس ورق باب حجر نخل ليل تمر ماء خبز نهر",
    ),
]
NO_SECRETS = [
    "use code SAVE20 today",
    "promo code 202020",
    "the product code is 448812",
    "your confirmation code is 448812 for the flight",
    "zip code 90210",
    "The phone number is 5551",
    "my boarding pass is missing",
    "pass the salt in 2019",
    "recovery phrase is what you need when you have lost your phone and want to restore the wallet",
    "error code is 50312",
    "كود الخصم 202020",
    "رمز المنتج 448812",
    "الكود غلط",
    "كلمة المرور لازم 8 أحرف",
    "رقم الطلب 448812",
    "كلمات المحفظة لا تشاركها مع أي شخص في أي وقت أو مكان من فضلك أبدا",
]
PHONES = [
    ("six one seven, five five five, zero one four two", "617"),
    ("زيرو عشرة، اتنين وعشرين، تلاتة وتلاتين، خمسة واربعين، ستة", "phone"),
    ("صفر خمسة خمسة، واحد اثنين، ثلاثة اربعة، خمسة ستة سبعة", "phone"),
    ("my line 0771 204 5518 in Iraq", "0771 204 5518"),
    ("(212) 555-0147 works", "(212) 555-0147"),
    ("London: 07700 900123", "07700 900123"),
    ("subscriber number 5 5 1 2 3 4 5 6 7", "5 5 1 2 3 4 5 6 7"),
    ("text me: 0551O34567", "0551O34567"),
]


def kinds(text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in finds(text, GULF, "")]


@pytest.mark.parametrize(("text", "value"), SECRETS)
def test_secrets_told_in_words_are_found(text: str, value: str):
    assert ("secret", value) in kinds(text)


@pytest.mark.parametrize("text", NO_SECRETS)
def test_codes_of_shops_and_talk_of_passwords_are_no_secrets(text: str):
    assert [one for one in kinds(text) if one[0] == "secret"] == []


@pytest.mark.parametrize(("text", "value"), PHONES)
def test_phones_in_words_and_of_named_countries_are_found(text: str, value: str):
    assert [kind for kind, _ in kinds(text)] == ["phone"]


def test_a_row_of_round_numbers_in_words_is_no_phone():
    assert kinds("we have twenty, thirty, forty, fifty and sixty") == []


def test_a_secret_is_known_again_in_digits_and_in_any_grouping():
    said = talk("nine one zero four, that's the code", "910 4? I read 9104.", "yes")
    assert pseudonymised(said, PATTERNED, GULF)[0][1]["content"] == "[secret_1]? I read [secret_1]."


def test_a_number_is_known_where_words_stand_between_its_turns():
    said = pseudonymised(talk("0567 and the rest is", "ok", "330 918"), PATTERNED, GULF)[0]
    assert [m["content"] for m in said] == ["[phone_1] and the rest is", "ok", "[phone_1]"]


@pytest.mark.parametrize("piece", ["12 a ", "pass code ", "الكود ", "recovery phrase ", "Tower B ", "old pass a1 "])
def test_long_texts_take_no_longer_than_their_length_asks(piece: str):
    finds(piece * 20_000, GULF)


def test_the_quick_look_at_a_table_passes_over_none_of_these():
    held = [text for text, _ in (*SECRETS, *PHONES)]
    looked_at = record(*(talk(text) for text in held)).select(messages_may_hold()).to_series()
    assert [text for text, seen in zip(held, looked_at, strict=True) if not seen] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("You're speaking with Oksana from the support desk", "Oksana"),
        ("Passenger: ADEYEMI/FOLAKE MRS", "ADEYEMI/FOLAKE MRS"),
        ("tell mr nakamura it broke", "nakamura"),
        ("Anytime! Cheers, Benno :)", "Benno"),
        ("The driver was called Harjit and was kind", "Harjit"),
        ("Tunde at your service!", "Tunde"),
        ("Warm regards, Amelia B.", "Amelia"),
        ("table under Novak, Petra", "Novak, Petra"),
        ("مع حضرتك منى من خدمة العملاء", "منى"),
        ("انا امل من جدة", "امل"),
        ("بنتي جود نسيت الرقم", "جود"),
        ("أخوك: تركي", "تركي"),
        ("أنا دعاء.", "دعاء"),
        ("معاكي ايمان؟", "ايمان"),
    ],
)
def test_people_are_known_by_the_words_around(text: str, name: str):
    assert name in [text[one.start : one.end] for one in likely_names(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Clean or Dr. Martens?",
        "an Oscar lamp and the Ikea Ivar shelf",
        "can I split it with Tamara or Tabby",
        "During Ramadan we open at ten",
        "the Emma mattress is firm",
        "tickets for Beyonce and for the Madonna tour",
        "Ben & Jerry's",
        "أنا سعيد.",
        "أقسط مع تمارا ولا تابي",
        "دوام رمضان من عشرة",
    ],
)
def test_makes_months_and_moods_are_nobody(text: str):
    assert likely_names(text) == []


def test_the_answer_to_a_question_for_the_name_is_a_name_whatever_it_is():
    said = pseudonymised(talk("hi", "May I have your full name?", "jean-pierre lacroix"), ["name"], GULF)[0]
    assert said[2]["content"] == "[name_1]"
    assert pseudonymised(talk("hi", "May I have your name?", "why do you ask"), ["name"], GULF)[1] == {}
