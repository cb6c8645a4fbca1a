from collections.abc import Collection

import pytest

from curation.core.text import language
from curation.core.text.language import language_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is the parcel that you promised to bring on Monday morning?", "en"),
        ("أين الطرد الذي وعدتم بإحضاره صباح يوم الاثنين الماضي؟", "ar"),
        ("وين الطلبية؟ ليش ما وصلت لهلق؟ بدي حدا يرد علي لو سمحتوا", "ar"),
        ("Bonjour, je voudrais savoir où en est ma commande, s'il vous plaît.", "fr"),
        ("Ich will wissen, wo die Lieferung ist, und I am really not amused", "de"),
        ("Bonjour, I would like savoir pourquoi la livraison est encore en retard", "fr"),
        ("من در تهران زندگي مي كنم و سفارش من هنوز نرسيده است لطفا كمك كنيد", "fa"),
        ("سلام، می‌خواستم بدانم سفارش من کجاست و چرا این قدر دیر شده است", "fa"),
        ("ابي اعرف وين my order تأخر كثير please check الحالة", "mixed"),
        ("Где мой заказ, который вы обещали?", "other"),
        ("请问我的订单在哪里", "other"),
        ("سڵاو، داواکارییەکەم هێشتا نەگەیشتووە، تکایە ئاگادارم بکەنەوە کەی دەگات؟", "ckb"),
        ("بەڵێ، تکایە", "ckb"),
        ("Silav, ez dixwazim bizanim siparîşa min li ku ye û çi dem tê", "ku"),
        ("میرا آرڈر کہاں ہے؟", "ur"),
        ("آرڈر کہاں", "ur"),
        ("وين طلبي چان لازم يوصل البارحة گالوا باچر", "ar"),
        ("3ayez a3raf el talab feen", "arabizi"),
        ("ana talabt mn embare7 w lessa mawaselsh", "arabizi"),
        ("wein el talab? sarli yomen nater", "arabizi"),
        ("law sama7t momken te3mel refund", "arabizi"),
        ("abgha alghi el talab men fadlak", "arabizi"),
        ("Hi, I need 2 pcs of the 3rd item by 5pm", "en"),
        ("my ana account is ma problem", "en"),
        ("el tren fue el bus que me trajo aquí", "es"),
        ("quiero cancelar mi pedido por favor", "es"),
        ("Bonjour, où est ma commande ?", "fr"),
        ("waar is mijn bestelling gebleven? ik wacht al een week", "nl"),
        ("siparişim nerede acaba, hâlâ gelmedi", "tr"),
        ("Samsung Galaxy S24 Ultra, Philips Airfryer XXL, Bosch Serie 6", "und"),
        ("Nike Air Max 90, Adidas Samba OG, Puma Suede", "und"),
        ("iPhone 15 Pro Max 256GB Titanium", "und"),
        ("Johan van der Berg, Order 12345", "und"),
        ("NL-83920 DE-11293 ORD-2024-000123", "und"),
        ("ok", "en"),
        ("شكرا", "ar"),
        ("12345 !!", "und"),
        ("", "und"),
        ("You're sure?! They've promised: what's there's what you're to get", "en"),
        ("niet aangekomen en wanneer een bezorger komt met name, please? Mark For what time should the bill be", "nl"),
        ("طلبت جهاز Samsung أمس ولم يصلني حتى الآن يا جماعة الخير", "ar"),
    ],
)
def test_the_language_of_a_text(text: str, code: str):
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "Hello, where is the order that I placed with you last week?",
        "مرحبا، أين الطلب الذي طلبته في الأسبوع الماضي من المتجر؟",
        "Bonjour, je voudrais savoir où en est ma commande, s'il vous plaît, merci beaucoup.",
        "I would like to know on what day la commande de mon fils va arriver chez nous à Paris",
        "سلام، من می‌خواهم سفارش خود را لغو کنم و پول را پس بگیرم، لطفا راهنمایی کنید",
        "مجھے اپنا آرڈر منسوخ کرنا ہے اور رقم واپس چاہیے، براہ کرم میری مدد کریں",
        "Ich will wissen, was mit dem Paket ist, das ich in der letzten Woche bestellt habe",
        "Siparişimi iptal etmek istiyorum, lütfen bana yardım eder misiniz, teşekkürler",
        "هل my order في الطريق now or not yet يا جماعة please",
        "Где мой заказ? Я жду уже две недели.",
        "2024-01-01 12:30:45 99.95",
        "????? !!!!! ????? .....",
    ],
)
def test_words_tell_a_language_only_where_the_detector_would(text: str, monkeypatch: pytest.MonkeyPatch):
    told = [language_of(said) for said in (text, text.upper())]
    monkeypatch.setattr(language, "_is_plainly", lambda usual, text: False)
    assert told == [language_of(said) for said in (text, text.upper())]


@pytest.mark.parametrize(
    "text",
    [
        "Trattoria Bella in San Mateo is nice.",
        "Casa Blanca Hostel Lima is a 3 star hostel",
        "Stockholm Arena is a 8.1 rating",
        "Sala Grande is a 4.5 rating.",
        "Osteria Nonna is of 5 stars",
        "It'll cost $31 total.",
    ],
)
def test_names_make_no_foreign_sentence_of_an_english_one(text: str):
    assert language_of(text) == "en"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Jag vill se Game of Thrones i morgon", "sv"),
        ("Quiero ver Lord of War manana", "es"),
        ("Ich will Game of Thrones morgen sehen", "de"),
        ("Ik wil weten waar het is, hotel Berlin is vol", "nl"),
        ("Vorrei vedere Lord of War domani", "it"),
    ],
)
def test_english_titles_make_no_english_sentence_of_a_foreign_one(text: str, code: str):
    assert language_of(text) == code


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Is that the 3rd cappuccino, please?", []),
        ("Yes, thatâ€™s the order. Thanks.", []),
        ("Pourriez-vous me préciser le nom de l'agence et l'heure de votre passage ?", []),
        ("Security question dos", [{"en", "tl"}]),
    ],
)
def test_only_models_of_likely_languages_are_loaded(text: str, asked: list[set[str]], monkeypatch: pytest.MonkeyPatch):
    real, loaded = language._detector, []

    def noting(names: Collection[str], by_trigrams: bool = False) -> object:
        loaded.extend([] if by_trigrams else [set(names)])
        return real(names, by_trigrams)

    monkeypatch.setattr(language, "_detector", noting)
    language._among.cache_clear()
    language_of(text)
    assert loaded == asked
