"""Which language a turn is in, told of few words too, and what only looks foreign."""

import pytest

from tests.builders import talk
from tests.checks.seeing import ARABIC_REPLY, REPLY, seen


def test_a_reply_in_the_other_language_is_seen_both_ways():
    assert seen("language", talk("Where is the order I placed?", ARABIC_REPLY)) == {"language_mismatch"}
    assert seen("language", talk("أين الطلب الذي طلبته أمس؟", REPLY)) == {"language_mismatch"}
    assert seen("language", talk("أين الطلب الذي طلبته أمس؟", ARABIC_REPLY)) == set()


@pytest.mark.parametrize(
    "reply",
    [
        "Votre colis arrive demain.",
        "Un momento por favor",
        "Ihre Bestellung ist unterwegs.",
        "Il suo ordine arriva domani.",
        "O seu pedido chega amanhã.",
        "Kargonuz yola cikti",
        "Mohon tunggu sebentar",
        "Salamat po sa paghihintay",
        "Aapka naam kya hai",
        "momken tib3atli rakam el talab",
        "您的订单明天到",
        "Ваш заказ в пути",
        "कृपया प्रतीक्षा करें",
        "اتاق شما رزرو شد",
        "اپنا نام بتائیں",
    ],
)
@pytest.mark.parametrize(("language", "question"), [("en", "ok"), ("ar", "وين طلبي؟ المفروض يوصل امبارح")])
def test_a_short_reply_in_a_third_language_is_seen(language: str, question: str, reply: str):
    assert seen("language", talk(question, reply), language=[language]) == {"unexpected_language"}


@pytest.mark.parametrize(
    "reply",
    [
        "Ok, one moment please.",
        "Hi, I am Katarina Miller.",
        "A decaf macchiato to go?",
        "No problem, done.",
        "Sure thing!",
    ],
)
def test_a_short_reply_in_the_expected_language_is_left_alone(reply: str):
    assert seen("language", talk("ok", reply)) == set()


NAMED = ("airtel plaza hotel 1 star", "45 park lane 5 stars", "rammstein 2 tickets berlin", "nissan altima silver")
NAMED += (
    "volkswagen golf tdi automatic",
    "dr morales dentist san mateo",
    "parasite bong joon ho",
    "ibis styles amsterdam",
)
FOREIGN = (
    "Kargonuz yola cikti bu sabah",
    "Ihre Bestellung ist unterwegs.",
    "Aapka order kal tak pahunch jayega, thoda sa intezaar kar lijiye please.",
)
FOREIGN += ("La entrega llega manana por la tarde", "Mohon tunggu sebentar ya kak", "O seu pedido chega amanhã.")
ENGLISH = (
    "I am looking for something nice, can you help?",
    "Gladly, what would you like to have?",
    "Anything, please.",
)


@pytest.mark.parametrize("reply", NAMED)
def test_names_between_english_turns_are_no_other_language(reply: str):
    assert seen("language", talk(*ENGLISH, reply)) == set()


@pytest.mark.parametrize("reply", FOREIGN)
def test_a_sentence_between_english_turns_is_in_its_own_language(reply: str):
    assert seen("language", talk(*ENGLISH, reply)) == {"unexpected_language"}


def test_a_short_reply_in_the_other_script_is_seen_where_no_question_tells():
    assert seen("language", talk("ok", "سيصل طلبك غدا")) == {"language_mismatch"}
    assert seen("language", talk("شكرا", "Sure, one moment please"), language=["ar"]) == {"language_mismatch"}


def test_a_language_the_set_is_not_meant_for_is_seen():
    french = "Bonjour, je voudrais savoir où en est ma commande, s'il vous plaît, merci beaucoup."
    assert seen("language", talk(french, REPLY)) == {"unexpected_language"}


def test_a_script_that_is_neither_latin_nor_arabic_is_unexpected():
    assert "unexpected_language" in seen("language", talk("Где мой заказ? Я жду уже две недели.", REPLY))


def test_a_conversation_of_short_turns_is_judged_as_a_whole():
    assert seen("language", talk("Bonjour !", "Oui, merci."), language=["fr"]) == {"unexpected_language"}
