"""What means something else is no copy; what is only put differently is."""

import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.folding import fold
from curation.dedup import guard
from curation.dedup.guard import UNCLEAR, Meanings, difference_in_meaning
from curation.dedup.meaning import meaning
from curation.dedup.tokens import Messages
from tests.builders import record, talk


def apart(*texts: str) -> str | None:
    left, right = (meaning(talk(f"I write to you about this once more: {text}")) for text in texts)
    return difference_in_meaning(left, right)


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("Order 1001 is late", "Order 1002 is late", "numbers"),
        ("الطلب ١٠٠١ متأخر", "الطلب ١٠٠٢ متأخر", "numbers"),
        ("the code is A1B2", "the code is A1C2", "numbers"),
        ("bring two tickets", "bring three tickets", "numbers"),
        ("أريد تذكرتين اثنتين", "أريد تذكرتين ثلاث", "numbers"),
        ("my first order", "my second order", "numbers"),
        ("العنوان الثاني", "العنوان الثالث", "numbers"),
        ("2 adults, 3 children", "3 adults, 2 children", "numbers"),
        ("twenty one days", "twenty days", "numbers"),
        ("it takes 5 days", "it takes 5 weeks", "numbers"),
        ("يصل خلال 5 أيام", "يصل خلال 5 أسابيع", "numbers"),
        ("بعد يومين", "بعد أسبوعين", "numbers"),
        ("it costs $20", "it costs €20", "numbers"),
        ("write to ann@shop.example", "write to bob@shop.example", "addresses"),
        ("see www.shop.example/in", "see www.shop.example/out", "addresses"),
        ("You can return it", "You can not return it", "negation"),
        ("I can do it", "I can't do it", "negation"),
        ("I can do it", "I cant do it", "negation"),
        ("it is with the courier", "it is no longer with the courier", "negation"),
        ("pay if it breaks", "pay unless it breaks", "negation"),
        ("يمكنك إرجاعها", "لا يمكنك إرجاعها", "negation"),
        ("الطلب وصل", "الطلب ما وصل", "negation"),
        ("هذا طلبي", "هذا مش طلبي", "negation"),
        ("هذا طلبي", "هذا مو طلبي", "negation"),
        ("أقدر أدفع", "مقدرش أدفع", "negation"),
        ("ولم يصل الطلب", "وصل الطلب", "negation"),
        ("الكل متاح", "الكل متاح إلا هذا", "negation"),
        ("come on monday", "come on tuesday", "dates"),
        ("it ends in october", "it ends in november", "dates"),
        ("it comes today", "it comes tomorrow", "dates"),
        ("يصل يوم الخميس", "يصل يوم الجمعة", "dates"),
        ("يصل اليوم", "يصل غدا", "dates"),
        ("call me in the morning", "call me in the evening", "dates"),
        ("pay before delivery", "pay after delivery", "opposites"),
        ("please increase my limit", "please decrease my limit", "opposites"),
        ("they accepted it", "they declined it", "opposites"),
        ("الدفع قبل التسليم", "الدفع بعد التسليم", "opposites"),
        ("أريد الإيداع", "أريد السحب", "opposites"),
        ("My name is Sara and I wait", "My name is Mona and I wait", "names"),
        ("my name is sara and i wait", "my name is mona and i wait", "names"),
        ("Sara, your order is here", "Mona, your order is here", "names"),
        ("It is here. Sarah called", "It is here. Linda called", "names"),
        ("fly to New York", "fly to New Delhi", "names"),
        ("go from Rome to Oslo", "go from Oslo to Rome", "names"),
        ("it is O'Brien-Smith", "it is O'Brien-Jones", "names"),
        ("اسمي سارة وأنا أنتظر", "اسمي منى وأنا أنتظر", "names"),
        ("أهلاً بك، مريم. راجعت الأمر", "أهلاً بك، دانة. راجعت الأمر", "names"),
        ("عبير، أهلاً وسهلاً بك", "ريم، أهلاً وسهلاً بك", "names"),
        ("مرحباً مريم، شكراً لك", "مرحباً ليلى، شكراً لك", "names"),
        ("أنا الدكتور سامي", "أنا الدكتور خالد", "names"),
    ],
)
def test_what_differs_in_meaning_is_no_copy(left: str, right: str, reason: str):
    assert apart(left, right) == reason
    assert apart(right, left) == reason


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Order ١٠٠١ is late", "Order 1001 is late"),
        ("bring two tickets", "bring 2 tickets"),
        ("it costs 1,000 dollars", "it costs 1000 dollars"),
        ("Please repair it soon", "Kindly repair it soon"),
        ("the delivery was late", "the delivry was late"),
        ("I do not know", "I don't know"),
        ("I cannot know", "I can not know"),
        ("it is late. Thanks", "it is late. Thank you so much"),
        ("it is late, Thanks!", "it is late"),
        ("have a nice day", "good morning and have a nice evening"),
        ("that is all", "that is all, no thanks"),
        ("it is late", "it is late and I'm sad"),
        ("my sofa is late", "my Sofa is late"),
        ("أرجو الإصلاح", "ارجو الاصلاح"),
        ("مرحبا بك، وصل الطلب", "أهلا وسهلا بكم، وصل الطلب"),
        ("صباح الخير، وصل الطلب", "مساء الخير، وصل الطلب"),
        ("وصل الطلب، شكرا", "وصل الطلب، شكرا جزيلا لك"),
    ],
)
def test_spelling_and_politeness_are_no_difference_in_meaning(left: str, right: str):
    assert apart(left, right) is None


def test_another_short_answer_is_another_value_but_a_thank_you_is_not():
    def asked(*answers: str) -> Any:
        return meaning([m for answer in answers for m in reversed(talk(answer, "Where do you want to go?"))])

    assert difference_in_meaning(asked("mumbai to chennai"), asked("mumbai to pune")) == "names"
    assert difference_in_meaning(asked("سارة محمد"), asked("منى محمد")) == "names"
    assert difference_in_meaning(asked("mumbai"), asked("mumbai", "ok thanks")) is None
    assert difference_in_meaning(asked("yes please"), asked("ok sure")) is None


def call(arguments: Any, **more: Any) -> list[dict[str, Any]]:
    said = {"role": "assistant", "content": "", "name": None}
    calls = json.dumps([{**more, "function": {"name": "find", "arguments": arguments}}])
    return [*talk("Find it"), {**said, "tool_calls": calls}]


def test_calls_with_other_arguments_or_other_results_are_other_actions():
    assert difference_in_meaning(meaning(call({"city": "rome"})), meaning(call({"city": "oslo"}))) == "actions"
    assert difference_in_meaning(meaning(call({"id": "a"})), meaning(call({"id": "b"}))) == "actions"
    came_back = [[*call({}), {"role": "tool", "content": text}] for text in ("sunny", "rainy")]
    assert difference_in_meaning(*map(meaning, came_back)) == "actions"


def test_calls_are_the_same_however_their_json_is_written():
    once, again = call('{"city": "rome", "days": 3}', id="call_1"), call({"days": 3, "city": "rome"}, id="call_2")
    assert difference_in_meaning(meaning(once), meaning(again)) is None


def test_rows_of_equal_codes_mean_the_same():
    texts = ["go to Rome", "go to Oslo", "go to  Rome!", "do not go to Rome", "go to Rome today"]
    messages = record(*(talk(f"Please, would you {text}") for text in texts))["messages"]
    meanings = Meanings(Messages(messages.slice, np.arange(len(texts))), lambda words: [1] * len(words))
    codes = [tuple(row) for row in meanings.codes(np.arange(len(texts))).tolist()]
    assert codes[0] == codes[2]
    assert len(set(codes)) == 4


@pytest.mark.parametrize("known", [False, True])
def test_pairs_of_more_rows_than_are_at_hand_are_told_apart_all_the_same(known: bool, monkeypatch: pytest.MonkeyPatch):
    texts = [f"Please bring {n % 3} {what} to {place}" for n in range(4) for what in ("lamps", "lmaps", "sofas")
             for place in ("Rome", "Oslo")]  # fmt: skip
    messages = [talk(text) for text in texts]
    pairs = np.array([(i, k) for i in range(len(texts)) for k in range(i + 1, len(texts))])
    monkeypatch.setattr(guard, "RECENT", 6)
    table = Messages(record(*messages)["messages"].slice, np.arange(len(texts)))
    meanings = Meanings(table, lambda words: [1] * len(words))
    if known:  # as those of a large group of candidates are
        meanings.codes(np.arange(len(texts)))
    expected = [difference_in_meaning(meaning(messages[i]), meaning(messages[k])) or "copy" for i, k in pairs.tolist()]
    assert meanings.relations(pairs) == expected
    assert {"copy", "numbers", "names", "words"} <= set(expected)


@pytest.mark.parametrize(
    ("left", "right", "aspect"),
    [
        ("what is 30 - 4 then", "what is 30 + 4 then", "words"),
        ("what is 30 * 4 then", "what is 30 / 4 then", "words"),
        ("كم يساوي 30 + 4", "كم يساوي 30 × 4", "words"),
        ("كم يساوي ٣٠ + ٤", "كم يساوي 30 + 4", None),
        ("my shirt - the red one", "my shirt + the red one", None),
    ],
)
def test_a_sign_between_numbers_says_what_is_done_with_them(left: str, right: str, aspect: str | None):
    assert apart(left, right) == aspect


@pytest.mark.parametrize("mark", ["", "(", '"', "- ", "! ", "، ", "..."])
@pytest.mark.parametrize("courtesy", ["no thanks", "thank you in advance", "لا شكرا", "بارك الله فيك"])
def test_a_courtesy_refuses_nothing_whatever_stands_before_it(mark: str, courtesy: str):
    assert apart(f"{mark}{courtesy}. My parcel is late", "My parcel is late") is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("آسف، كيف أعيد كلمة المرور؟", "كيف أعيد كلمة المرور؟"),
        ("بصراحة، لم تصل بطاقتي", "لم تصل بطاقتي"),
        ("مرحبا مرة ثانية، لم تصل بطاقتي", "مرحبا، لم تصل بطاقتي"),
        ("يا جماعة لم تصل بطاقتي", "لم تصل بطاقتي"),
    ],
)
def test_an_arabic_courtesy_called_out_is_no_name_and_no_number(left: str, right: str):
    assert apart(left, right) is None


def test_a_slip_of_the_fingers_makes_no_other_day_but_another_day_does():
    assert apart("لم تصل بطاقتي لايوم", "لم تصل بطاقتي اليوم") is None
    assert apart("it came on thurdsay", "it came on thursday") is None
    assert apart("لم تصل بطاقتي الخميس", "لم تصل بطاقتي اليوم") == "dates"


def test_a_second_time_is_a_number_where_it_counts():
    assert apart("خصمتم المبلغ مرة ثانية", "خصمتم المبلغ مرة") == "numbers"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("I fly to berlin", "I fly to lisbon"),
        ("we deliver to cairo only", "we deliver to amman only"),
        ("my kettle broke", "my toaster broke"),
        ("the shirt does not fit", "the skirt does not fit"),
        ("do you have it in small", "do you have it in medium"),
        ("size s is out", "size m is out"),
        ("take gate a", "take gate b"),
        ("i ordered a black one", "i ordered a white one"),
        ("I ordered a black one", "I ordered one in white"),
        ("i want to cancel my booking", "i want to change my booking"),
        ("please send me the form", "please show me the form"),
        ("it shows an error if a < b", "it shows an error if a > b"),
        ("the total is >= 100", "the total is > 100"),
        ("it says 7 + 2", "it says 7 - 2"),
        ("it says x == y", "it says x != y"),
        ("the freezer is at -5 degrees", "the freezer is at 5 degrees"),
        ("that is what I got 👍", "that is what I got 👎"),
        ("that is what I got 😡", "that is what I got 👍"),
        ("that is what I got :)", "that is what I got 👎"),
        ("shipping to 🇸🇦 costs more", "shipping to 🇯🇴 costs more"),
        ("when will it come", "where will it come"),
        ("go from rome to oslo", "go from oslo to rome"),
        ("i lost my debit card", "i lost my debit pin"),
        ("أريد السفر إلى برلين", "أريد السفر إلى لشبونة"),
        ("نوصل إلى القاهرة فقط", "نوصل إلى عمان فقط"),
        ("تعطلت الغسالة أمس", "تعطلت الثلاجة أمس"),
        ("أريد القميص الأسود", "أريد القميص الأبيض"),
        ("أريد المقاس الصغير", "أريد المقاس المتوسط"),
        ("أريد إلغاء حجزي", "أريد تعديل حجزي"),
        ("متى يصل طلبي", "أين يصل طلبي"),
        ("حجزت في فندق هناك", "حجزت في بندق هناك"),
        ("رأيكم في الخدمة 👍", "رأيكم في الخدمة 👎"),
        ("السعر < 100", "السعر > 100"),
        ("quiero cancelar mi pedido", "quiero cambiar mi pedido"),
        ("ich suche einen roten Mantel", "ich suche einen blauen Mantel"),
    ],
)
def test_another_word_that_tells_something_is_another_conversation(left: str, right: str):
    assert apart(left, right)
    assert apart(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("the delivery was late", "the dleivery was late"),
        ("the delivery was late", "the deliverry was late"),
        ("the delivery was late", "the delibery was late"),
        ("the delivery was late", "the delvery was late"),
        ("my credit card expired", "my creditcard expired"),
        ("where is the email", "where is the e-mail"),
        ("i ordered two shirts", "i have ordered two shirts"),
        ("they shipped my order", "they ship my orders"),
        ("the colour is wrong", "the color is wrong"),
        ("are you there", "r u there"),
        ("pls cancel it asap", "please cancel it asap"),
        ("it is soooo late", "it is so late"),
        ("i would like to cancel it", "i want to cancel it"),
        ("cancel it 🙏", "cancel it 😊"),
        ("cancel it 👍", "cancel it"),
        ("cancel it", "Hi there, hope you are doing well! Could you kindly cancel it?"),
        ("cancel my order", "sorry to bother you, could you please just cancel my order"),
        ("وصلت البطاقة متأخرة", "وصلت البطاقه متاخره"),
        ("وصلت البطاقة متأخرة", "وصلت البطاقة متأأخرة"),
        ("أريد إلغاء الطلب", "أرجو إلغاء طلبي لو تكرمتم"),
        ("أين الطلب", "السلام عليكم ورحمة الله، أين الطلب من فضلك"),
        ("ألغوا الطلب شكراا", "ألغوا الطلب 🌹"),
        ("لم تصل رسالتكم بعد", "لم تصل رسالتك بعد"),
        ("<p>where is it</p>", "where is it"),
    ],
)
def test_slips_forms_and_courtesies_are_no_other_word(left: str, right: str):
    assert apart(left, right) is None
    assert apart(right, left) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("أحتاج بطاقة واحدة فقط", "أحتاج بطاقةواحدة فقط"),
        ("وصل المبلغ اليوم", "وصل المبلغ االيوم"),
        ("دفعت مرتين بالخطأ", "دفعت مرتينن بالخطأ"),
        ("الرقم غير صحيح", "الرقم غيرصحيح"),
        ("أخذت كمية كبيرة", "أخذت كميةكبيرة"),
        ("it costs thirty dollars", "it costs thirrty dollars"),
        ("it costs 30 dollars", "it costs 30 dolllars"),
        ("i came without papers", "i came withoutpapers"),
    ],
)
def test_a_number_a_day_or_a_no_with_a_slip_is_the_same(left: str, right: str):
    assert apart(left, right) is None
    assert apart(right, left) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("i need three tickets", "i need there tickets"),
        ("i need nine tickets", "i need none tickets"),
        ("it is for tuesday", "it is for thursday"),
        ("it is for march", "it is for match"),
        ("it is valid", "it is not valid"),
        ("أريد ثلاث بطاقات", "أريد ثلاثين بطاقات"),
        ("الرقم صحيح", "الرقم غير صحيح"),
    ],
)
def test_another_number_another_day_or_a_no_more_is_no_slip(left: str, right: str):
    assert apart(left, right)
    assert apart(right, left)


def test_a_rare_form_of_a_word_that_the_set_knows_is_at_home():
    left, right = (meaning(talk(f"أين أجد {word} من فضلك")) for word in ("بطاقتك", "بطقتك"))
    assert difference_in_meaning(left, right, {"البطاقه": 40}) is None
    assert difference_in_meaning(left, right) == UNCLEAR


COUNTED = (
    "kettle toaster printer camera freezer blender monitor heater بطاقة محفظة فاتورة قسيمة طابعة غسالة ثلاجة".split()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(COUNTED), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_any_word_for_another_is_another_conversation_and_any_slip_is_none(words: list[str], rng: random.Random):
    at = rng.randrange(len(words))
    other = rng.choice([word for word in COUNTED if word != words[at]])
    place = rng.randrange(1, len(words[at]) - 2)
    slip = words[at][: place + 1] + words[at][place:]
    counts = {**{fold(word): 20 for word in COUNTED}, fold(slip): 1}
    said = [meaning(talk(" ".join([*words[:at], word, *words[at + 1 :]]))) for word in (words[at], other, slip)]
    assert difference_in_meaning(said[0], said[1], counts) in ("words", "names")
    assert difference_in_meaning(said[0], said[2], counts) is None


def test_a_rare_spelling_of_a_frequent_word_is_a_slip_and_two_frequent_words_are_two():
    left, right = (meaning(talk(f"where is the {word} that i saw in your window")) for word in ("plater", "platter"))
    assert difference_in_meaning(left, right, {"plater": 1, "platter": 60}) is None
    assert difference_in_meaning(left, right, {"plater": 40, "platter": 60}) == UNCLEAR
