import pytest

from curation.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
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
        ("ok", "en"),
        ("شكرا", "ar"),
        ("12345 !!", "und"),
        ("", "und"),
        ("طلبت جهاز Samsung أمس ولم يصلني حتى الآن يا جماعة الخير", "ar"),
    ],
)
def test_the_language_of_a_text(text: str, language: str):
    assert language_of(text) == language
