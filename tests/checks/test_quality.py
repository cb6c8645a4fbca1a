"""What the checks of replies see, in English and Arabic, and what they must leave alone."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import checks
from curation.checks.codes import codes as all_codes
from curation.checks.models import swaps
from curation.checks.models.swaps import precision
from tests.builders import context, record, talk


def found(check: str, *talks, evaluation: pl.DataFrame | None = None, **columns) -> pl.DataFrame:
    return checks()[check](record(*talks, **columns), context(evaluation))


def codes(check: str, *talks, **given) -> set[str]:
    return set(found(check, *talks, **given)["code"])


# -- abuse -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "You are stupid.",
        "Shut up!",
        "f**k this",
        "what a load of sh1t",
        "f u c k you",
        "damnnn it",
        "Stop being such an idiot about it.",
        "أنت غبي",
        "يا حمير!",
        "يا كلااااب",
        "وتباً لكم",
        "اخرس",
        "You lot are a waste of space",
        "What the #$%@! is this",
        "f*ck off",
        "my bloody parcel",
        "يا ابن الكلب",
        "الله لا يوفقكم",
        "يا قليل الأدب",
        "ya 7mar",
        "kosomak",
    ],
)
def test_abuse_is_told_by_who_says_it(said: str):
    assert codes("profanity", talk(said, "I am sorry to hear that.")) == {"profanity"}
    assert codes("profanity", talk("Hello?", said)) == {"profanity_agent"}


@pytest.mark.parametrize(
    "said",
    [
        "I live in Scunthorpe, near Penistone Road.",
        "My dog needs a bitter pill for its class",
        "It's hit the wall, and Dick Cheney saw it",
        "Add shiitake and cocktail sauce, as if it mattered",
        "the **total** is a**b",
        "عندي كلب صغير وحمار في المزرعة",
        "أنا متخلف عن السداد",
        "My child is sick and the robot is slow",
        "I found a pair of shoes in a size that fits",
        "هل المطعم مناسب للكلاب؟",
        "الخضار طازجة",
    ],
)
def test_innocent_words_are_no_abuse(said: str):
    assert codes("profanity", talk(said, said)) == set()


def test_an_agent_may_not_say_what_a_customer_may():
    assert codes("profanity", talk("I don't care about the colour", "Sure.")) == set()
    assert codes("profanity", talk("Which colour?", "I don't care.")) == {"profanity_agent"}
    assert codes("profanity", talk("أي لون؟", "لا يهمني.")) == {"profanity_agent"}
    assert codes("profanity", talk("Any help?", "Figure it out yourself.")) == {"profanity_agent"}
    assert codes("profanity", talk("ساعدني", "دبر نفسك، هذه مشكلتك.")) == {"profanity_agent"}


def test_strong_words_weigh_more_than_mild_ones():
    values = found("profanity", talk("damn", "ok"), talk("fuck this", "ok"), talk("damn", "oh shit")).select(
        "code", "value"
    )
    assert sorted(values.rows()) == [("profanity", 1), ("profanity", 1), ("profanity", 2), ("profanity_agent", 2)]


# -- nobody's words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("As a large language model, I have no orders.", "model_refusal"),
        ("My knowledge was last updated in 2021.", "model_refusal"),
        ("That goes against my ethical guidelines.", "model_refusal"),
        ("أنا مجرد نموذج ذكاء اصطناعي.", "model_refusal"),
        ("آخر تحديث لمعلوماتي كان في 2021.", "model_refusal"),
        ("Dear [Your Name], it is done.", "placeholder"),
        ("Your order {{order_id}} is on its way.", "placeholder"),
        ("It arrives on <INSERT DATE>.", "placeholder"),
        ("Dear null, it is done.", "placeholder"),
        ("Lorem ipsum dolor sit amet.", "placeholder"),
        ("عزيزي [اسم العميل]، تم الأمر.", "placeholder"),
        ("This is an automated message.", "boilerplate"),
        ("I am out of the office until Monday.", "boilerplate"),
        ("هذه رسالة آلية، يرجى عدم الرد على هذه الرسالة.", "boilerplate"),
        ("I cannot discuss controversial topics.", "model_refusal"),
        ("Certainly! Here is a more polite version of the message.", "model_refusal"),
        ("<|im_end|>", "model_refusal"),
        ("بصفتي برنامج محادثة لا رأي لي.", "model_refusal"),
        ("أعتذر، لا أستطيع تقديم نصائح طبية.", "model_refusal"),
        ("بالتأكيد، إليك صياغة مهذبة للرد:", "model_refusal"),
        ("There is no human on this side of the chat.", "model_refusal"),
        ("I can't remember past chats.", "model_refusal"),
        ("I'm not connected to the internet.", "model_refusal"),
        ("My instructions don't allow that.", "model_refusal"),
        ("I apologize for the confusion in my previous answer.", "model_refusal"),
        ("If you'd like, I can make it more concise.", "model_refusal"),
        ("I will now act as a support agent.", "model_refusal"),
        ("The customer is upset, so be kind.", "model_refusal"),
        ("Please consult a healthcare professional.", "model_refusal"),
        ("Response: your order is late.", "model_refusal"),
        ("أنت تتحدث مع برنامج.", "model_refusal"),
        ("ما بقدر افتح روابط", "model_refusal"),
        ("لا أتذكر محادثاتنا السابقة.", "model_refusal"),
        ("أعتذر عن الخطأ في إجابتي السابقة.", "model_refusal"),
        ("هل تريد نسخة أكثر رسمية؟", "model_refusal"),
        ("سأتقمص الآن دور الموظف.", "model_refusal"),
        ("هذه ليست نصيحة قانونية.", "model_refusal"),
        ("هون بينحط النص", "placeholder"),
        ("الرد هنا", "placeholder"),
        ("طلبكم يوم كذا الساعة كذا.", "placeholder"),
        ("السيد/ة ........ تحية", "placeholder"),
        ("رقم الطلب: س س س س", "placeholder"),
        ("Ticket body", "placeholder"),
        ("It costs $XX.XX.", "placeholder"),
        ("Hello %name%, it is %s.", "placeholder"),
        ("Dear *|FNAME|*, it is done.", "placeholder"),
        ("Your number is ____.", "placeholder"),
        ("This is only a test.", "placeholder"),
        ("Use the standard macro.", "placeholder"),
        ("Note to the agent: be brief.", "placeholder"),
        ("[...]", "placeholder"),
        ("أدرج النص هنا.", "placeholder"),
        ("هذا نص مؤقت.", "placeholder"),
        ("السيد فلان الفلاني، تم الأمر.", "placeholder"),
        ("مبلغ ×××× ريال", "placeholder"),
    ],
)
def test_replies_that_nobody_wrote_are_seen(reply: str, code: str):
    assert codes("refusal", talk("Hi", reply)) == {code}


@pytest.mark.parametrize(
    "reply",
    [
        "I wrote to [email_1] and called [phone_2].",
        "Press [Enter], then open Settings > Name > Save.",
        "The answer is: a ____ atom in a clock (see the list).",
        "We are unable to fulfil your order today.",
        "I'm Claudia, and I do have an opinion.",
        "اضغط [إرسال] من فضلك.",
        "Click [Forgot your password] and wait.",
        "I can't help with the lock, a locksmith can.",
        "لا يمكنني إلغاء الحوالة بعد إرسالها.",
        "أرسل لي اسم المتجر ورقم العملية.",
    ],
)
def test_the_team_s_own_words_and_our_tags_are_left_alone(reply: str):
    assert codes("refusal", talk("Hi", reply)) == set()


def test_what_only_a_machine_says_weighs_more_than_what_a_person_might_say():
    said = found("refusal", talk("Hi", "As an AI, no."), talk("Hi", "I cannot discuss such topics."))
    assert sorted(said["value"]) == [1, 2]


@pytest.mark.parametrize(
    ("asked", "reply", "seen"),
    [
        ("Where is the order I placed?", "Where is the order I placed?", {"echo"}),
        ("أين الطلب الذي طلبته أمس؟", "أين الطلب الذي طلبته أمس", {"echo"}),
        ("One latte please", "One latte please", set()),
        ("How?", "https://a.example/x www.b.example", {"only_links"}),
        ("How?", "See https://a.example/x", set()),
        ("Hi", "<div>Hello&nbsp;you</div>", {"markup"}),
        ("Hi", "If a < b and c > d, **then** `x`.", set()),
    ],
)
def test_replies_without_a_word_of_their_own_are_seen(asked: str, reply: str, seen: set[str]):
    assert codes("noise", talk(asked, reply)) == seen


@pytest.mark.parametrize(
    "said",
    [
        "Make money from home! Join our group now.",
        "CONGRATULATIONS!!! You have been chosen as our lucky winner, click here.",
        "Buy real followers today only at https://likes.example",
        "مبروك! ربحت جائزة نقدية، اضغط على الرابط.",
        "قروض سريعة بدون كفيل، راسلنا على واتساب.",
        "Lose 10 kg with our keto gummies",
        "Tired of high bills? Our experts save you 40%, visit www.panels.example",
        "رشق متابعين حقيقيين",
        "هل تبحث عن شقة؟ شقق للبيع بالتقسيط",
        "تبي توصيات تداول مضمونة",
    ],
)
def test_advertising_is_spam_on_either_side(said: str):
    assert codes("spam", talk(said, "Sorry?")) == codes("spam", talk("Hi", said)) == {"spam"}


@pytest.mark.parametrize(
    "said",
    [
        "You can claim the refund: click here https://shop.example/refund",
        "Is the gift card still valid?",
        "Our 20% discount ends today, order now!",
        "هل أربح نقاطاً إذا اشتريت؟",
        "العرض ينتهي اليوم، اطلب الآن من https://shop.example",
    ],
)
def test_a_shop_that_offers_and_links_is_no_spam(said: str):
    assert codes("spam", talk(said, said)) == set()


# -- facts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("price", "fifty dollars"),
        ("price", "خمسون ريالاً"),
        ("date", "12 March"),
        ("date", "on March 3rd"),
        ("date", "١٢ مارس"),
        ("percentage", "15%"),
        ("link", "at www.a.example"),
        ("code", "SPRING25"),
    ],
)
def test_facts_in_words_and_in_either_script_are_facts(kind: str, fact: str):
    assert codes("grounding", talk("Well?", f"It is {fact}.")) == {f"ungrounded_{kind}"}


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        ("Is 2025-03-12 fine?", "Yes, 12 March is."),
        ("هل ١٢/٣/٢٠٢٥ مناسب؟", "نعم، 12 مارس مناسب."),
        ("Is it 1,299 SAR?", "Yes, 1299.00 SAR."),
        ("At 10 or 12 pm?", "Between 10am-12 pm, since 2023."),
        ("How often?", "You may 5 times; add 3 pounds of rice."),
    ],
)
def test_another_spelling_of_a_known_fact_is_known(asked: str, reply: str):
    assert codes("grounding", talk(asked, reply)) == set()


def test_a_long_number_is_a_lesser_finding_and_a_year_is_none():
    assert codes("grounding", talk("Hi", "Your reference is 884201.")) == {"ungrounded_number"}
    assert codes("grounding", talk("Hi", "We have done so since 1998.")) == set()


def test_what_the_whole_house_says_is_the_house_s_knowledge():
    replies = [talk(f"Question {word}?", "Delivery costs 25 SAR.") for word in WORDS[:30]]
    seen = found("grounding", *replies, talk("Odd?", "It costs 7 SAR."))
    assert dict(seen["code"].value_counts().iter_rows()) == {"house_fact": 30, "ungrounded_price": 1}


# -- learned from the set ----------------------------------------------------------------------------------------------

WORDS = [f"{a}{b}{c}" for a in ("bra", "kli", "sto", "fen") for b in ("ma", "du", "li") for c in ("ton", "ker", "vas")]
TOPICS = {
    "en": {
        "My parcel is late, when does the driver come to {}?": "The courier brings the parcel to {} tomorrow morning.",
        "I forgot my password for the account {}, let me log in.": "Reset the password of {} by the link in the email.",
        "The blender {} makes smoke, is it under warranty?": "Unplug the blender {}, the repair is under warranty.",
    },
    "ar": {
        "طردي متأخر، متى يصل السائق إلى {}؟": "سيوصل السائق الطرد إلى {} صباح الغد.",
        "نسيت كلمة المرور لحساب {} ولا أستطيع الدخول.": "غيّر كلمة المرور لحساب {} من الرابط في بريدك.",
        "الخلاط {} يخرج منه دخان، هل عليه ضمان؟": "افصل الخلاط {} عن الكهرباء، فالإصلاح ضمن الضمان.",
    },
}
GREETINGS = {"en": ("Hello. ", "Hi there. ", ""), "ar": ("مرحباً. ", "السلام عليكم. ", "")}


def dialogues(language: str, count: int = 270) -> list[list[dict]]:
    rng = random.Random(1)
    pairs = list(TOPICS[language].items())
    made = []
    for n in range(count):
        asked, told = pairs[n % len(pairs)]
        word = WORDS[n % len(WORDS)] + str(n)
        made.append(talk(rng.choice(GREETINGS[language]) + asked.format(word), told.format(word)))
    return made


@pytest.mark.parametrize(("language", "fitted"), [("en", swaps.FITTED), ("ar", swaps.FITTED), ("en", 100)])
def test_replies_of_another_conversation_are_the_most_doubtful(
    language: str, fitted: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(swaps, "FITTED", fitted)
    talks = dialogues(language)
    swapped = range(0, 8, 2)
    for n in swapped:
        talks[n] = [talks[n][0], talks[n + 1][1]]
    table = record(*talks, language=[language] * len(talks))
    seen = checks()["mismatch"](table, context()).sort("value", descending=True)
    assert set(seen["conversation_id"][: len(swapped)]) == {table["conversation_id"][n] for n in swapped}
    assert seen["value"][0] > 0.8
    assert set(seen["turn"]) == {1}
    assert "a like customer was told" in seen["evidence"][0]


DOUBT = all_codes()["response_mismatch"].limit.doubt


def odd(clean: int, swapped: int, apart: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How odd rows are, the swapped ones last, and how odd planted swaps are: `apart` standard deviations more."""
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(0, 1, clean), rng.normal(apart, 1, swapped), rng.normal(apart, 1, clean + swapped)]
    rows, more, planted = (1 / (1 + np.exp(-apart * (part - apart / 2))) for part in drawn)
    return np.concatenate([rows, more]), planted


@pytest.mark.parametrize(("count", "apart"), [(1200, 2.5), (1200, 3.0), (5000, 1.5), (5000, 2.5)])
def test_where_nothing_is_swapped_hardly_a_row_is_doubted(count: int, apart: float):
    doubted = [np.mean(precision(*odd(count, 0, apart, seed)) >= DOUBT) for seed in range(12)]
    assert np.mean(doubted) <= 0.03


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
def test_the_more_is_swapped_the_lower_the_bar(share: float):
    swapped = round(1200 * share)
    value = precision(*odd(1200 - swapped, swapped, 3.0, 1))
    assert np.mean(value[-swapped:] >= DOUBT) >= 0.75
    assert np.mean(value[:-swapped] >= DOUBT) <= 0.5 * share + 0.03


def test_where_swaps_cannot_be_told_nothing_is_doubted():
    assert not (precision(*odd(600, 60, 0.0, 1)) >= DOUBT).any()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_an_odder_row_is_never_less_doubtful(rows: list[float], planted: list[float]):
    real = np.array(rows)
    value = precision(real, np.array(planted))
    assert ((value >= 0) & (value <= 1)).all()
    assert (np.diff(value[np.argsort(real, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_exchanged_sides_are_told_from_how_the_set_speaks(language: str):
    talks = dialogues(language)
    talks[5] = [{**m, "role": role} for m, role in zip(talks[5], ("assistant", "user"), strict=True)]
    table = record(*talks, language=[language] * len(talks))
    assert checks()["roles"](table, context())["conversation_id"].to_list() == [table["conversation_id"][5]]


@pytest.mark.parametrize(("language", "mash"), [("en", "qxwzk vbnpq zzxjq wqpkj"), ("ar", "ضصثق ظطكغ ذشئؤ غظضص")])
def test_keys_hit_at_random_are_no_words(language: str, mash: str):
    talks = dialogues(language)
    talks[7] = [talks[7][0], {"role": "assistant", "content": mash}]
    table = record(*talks, language=[language] * len(talks))
    seen = checks()["gibberish"](table, context())
    assert seen.select("conversation_id", "turn", "value").rows() == [(table["conversation_id"][7], 1, 1.0)]


@pytest.mark.parametrize("check", ["mismatch", "roles", "gibberish"])
def test_a_set_too_small_to_learn_from_is_not_judged(check: str):
    assert found(check, *dialogues("en", 60)).is_empty()


@pytest.mark.parametrize("check", ["mismatch", "roles", "gibberish", "grounding"])
def test_the_order_of_the_rows_changes_no_finding(check: str):
    table = record(*dialogues("en"), talk("What is it?", "It is 5 SAR and qxwzk vbnpq zzxjq."))
    one, other = (checks()[check](t, context()).sort("conversation_id", "code") for t in (table, table.reverse()))
    assert one.equals(other)


# -- evaluation sets ---------------------------------------------------------------------------------------------------

QUESTION = (
    "My washing machine walks across the kitchen whenever it spins and the neighbours complain about it every day"
)
ANSWER = "Please check that the four feet touch the ground and that the shipping bolts were taken out of the back"


def test_a_leak_tells_both_shares_the_words_and_where_they_stand():
    evaluation = record(talk(QUESTION, ANSWER))
    said = talk("Hi", "Hello, how can I help?", QUESTION, "I do not know")
    seen = found("leaks", said, evaluation=evaluation).row(0, named=True)
    assert (seen["code"], seen["turn"]) == ("evaluation_leak", 2)
    assert seen["evidence"].startswith("file:1 (35% of it, 52% of this): my washing machine walks across the kitchen")


def test_a_piece_of_an_evaluation_conversation_leaks_although_most_of_it_is_missing():
    rest = talk(*(f"{word} " * 12 for word in WORDS[:8]))
    seen = found("leaks", talk(QUESTION, ANSWER), evaluation=record([*talk(QUESTION, ANSWER), *rest]))
    assert seen["value"][0] > 0.9


def test_a_short_question_that_everybody_asks_is_no_leak():
    evaluation = record(talk("Where is my order?", "On its way."))
    rows = [talk("Where is my order?", f"It is with {word} and comes tomorrow.") for word in WORDS]
    assert codes("leaks", *rows, evaluation=evaluation) == set()


def test_a_template_that_many_rows_share_is_no_leak():
    told = "Thank you for contacting us, we have received your message and will come back to you within two days."
    evaluation = record(talk("A question about my bill that nobody else has asked so far, I am sure of it", told))
    rows = [talk(f"Something about {word}", told) for word in WORDS]
    assert codes("leaks", *rows, evaluation=evaluation) == set()


def test_the_same_question_with_another_answer_is_a_lesser_finding():
    answers = [" ".join(f"{word}{n}" for n in range(start, start + 3) for word in WORDS) for start in (0, 3)]
    question = f"{QUESTION} and even the dog hides under the bed until it is over"
    evaluation = record(talk(question, answers[1]))
    assert codes("leaks", talk(question, answers[0]), evaluation=evaluation) == {"evaluation_prompt"}
