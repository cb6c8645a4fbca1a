"""Conversations that read backwards, and those whose times cannot be relied on."""

import json

import pytest

from curation.checks import checks
from curation.core.record.times import ORDER_UNSURE, TIMES_UNREAD
from tests.builders import context, record, talk

FORWARD = [
    ("My radio does not turn on.", "Hold the key for ten seconds.", "It turned on, thank you.", "You are welcome."),
    ("Hello", "Welcome to Zaafaran, how can I help you?", "Where is my order?", "It comes today.", "Thanks, bye"),
    ("I want to cancel it", "It is cancelled. Anything else?", "No, that's all", "Have a nice day!"),
    ("السلام عليكم", "أهلاً بك، كيف يمكنني مساعدتك؟", "أين طلبي؟", "سيصل غدا.", "شكرا لكم"),
    ("عندي مشكلة في الطلب", "أعطني رقمه من فضلك.", "شكراً جزيلاً", "العفو، يسعدنا ذلك"),
    ("مرحبا، أريد إلغاء الحجز", "تم الإلغاء.", "يعطيكم العافية", "على الرحب والسعة"),
    ("Hi, my lamp hums", "Turn it to the left, please.", "Thank you so much!"),
]
WELCOMES = [  # the team bids welcome as the customer gives thanks, or is glad to serve before it has
    ("كيف أغيّر موعد الموعد؟", "من صفحة الحجز.", "يسلموا كثير", "حياكم الله، ولا تترددي في الكتابة لنا."),
    ("متى توصل الشحنة؟", "سعيدون بخدمتك. توصل بكرة.", "بارك الله فيك", "أهلاً بك في أي وقت."),
    ("الفاتورة فيها غلط", "يسعدنا أن نكون بخدمتكم. صححناها الآن.", "ما قصرتوا", "حياك الله، هذا واجبنا."),
    ("وين القى الكود؟", "في الرسالة النصية.", "متشكر", "أهلاً وسهلاً، طاب يومك."),
]
MAILS = [  # as mails run: greetings and thanks everywhere
    (
        "Dear team, my lamp hums. Please help. Thank you, Ali",
        "Hello Ali, please turn the bulb.",
        "Hi, it still hums. Thanks",
    ),
    (
        "My lamp hums, please send another. Thanks in advance",
        "Hello Ali, thank you for contacting us.",
        "When?",
    ),
    ("Can I get two lattes? Thank you.", "Is the order correct?", "Looks good to me.", "It is ready in a minute."),
    ("السلام عليكم، المصباح لا يعمل، أرجو المساعدة وشكرا", "أهلا علي، نرجو تدويره.", "السلام عليكم، ما زال لا يعمل"),
]


def codes(*talks: list[dict[str, str]], **columns: list[str]) -> list[str]:
    return checks()["order"](record(*talks, **columns), context())["code"].to_list()


def turned(said: tuple[str, ...]) -> list[dict[str, str]]:
    return list(reversed(talk(*said)))


@pytest.mark.parametrize("said", FORWARD)
def test_a_conversation_turned_round_is_told_and_as_it_runs_it_is_not(said: tuple[str, ...]):
    assert codes(turned(said)) == ["reads_backwards"]
    assert codes(talk(*said)) == []


@pytest.mark.parametrize("said", WELCOMES)
def test_a_welcome_in_answer_to_thanks_is_no_beginning(said: tuple[str, ...]):
    assert codes(talk(*said)) == []


@pytest.mark.parametrize("said", MAILS)
def test_thanks_and_greetings_of_mails_are_no_end_and_no_beginning(said: tuple[str, ...]):
    assert codes(talk(*said)) == []


def test_a_question_and_its_answer_alone_are_never_told():
    assert codes(turned(("Hello, I want to order", "You are welcome"))) == []


def test_it_is_a_doubt_and_never_more():
    for code in ("reads_backwards", "order_unsure", "times_unread"):
        assert checks()["order"].codes[code].limit.fatal is None


def test_times_that_cannot_be_read_are_a_finding():
    told = [f"created_at: unread; {ORDER_UNSURE}", "created_at: unread"]
    metadata = [json.dumps({TIMES_UNREAD: why}) for why in told] + [json.dumps({"created_at": "soon"})]
    talks = [talk("Where is it?", "Here."), talk("Where is that?", "There."), talk("Where?", "Nowhere.")]
    assert sorted(codes(*talks, metadata=metadata)) == ["order_unsure", "times_unread"]
