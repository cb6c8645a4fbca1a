import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.text.dialect import STANDARD, UNKNOWN, dialect_of, evidence

SAID = {
    "gulf": [
        "السلام عليكم، أبغى أعرف وش صار على طلبي، للحين ما جاني",
        "شلونكم، الغسالة وصلت خربانة وتكفون أبيها تتبدل الحين",
        "مب قادر أدخل حسابي، شسوي؟",
    ],
    "levant": [
        "مرحبا، بدي أعرف شو صار بطلبي لأنو لسا ما إجا",
        "ليش هيك؟ الفاتورة مش مزبوطة وكتير غالية، شو بقدر أعمل",
        "كيفكن، قديش بياخد التوصيل؟ ما في حدا عم يرد عليي",
    ],
    "egypt": [
        "لو سمحت عايز أعرف الأوردر بتاعي فين، مستني من أسبوع",
        "إزاي أرجّع المنتج ده؟ مش كويس ومحدش بيرد عليا",
        "هو الطلب هيوصل إمتى؟ دلوقتي بقاله خمس أيام",
    ],
    "maghreb": [
        "سلام، بغيت نعرف فين وصلات الطلبية ديالي، مازال ما جاتني",
        "علاش هاد الفاتورة غالية بزاف؟ كيفاش ندير باش نبدلها",
        "عسلامة، الكوموند متاعي ماوصلتش، قداش مازال؟ نحب نعرف علاش",
    ],
    "standard": [
        "السلام عليكم، أود أن أعرف أين وصل طلبي، لأنني لم أستلمه حتى الآن",
        "لماذا لم يتم رد المبلغ إلى بطاقتي؟ هل يمكنكم التحقق من ذلك",
        "يرجى إفادتي بموعد وصول الفني، فقد تعطل الجهاز الذي اشتريته",
    ],
}


@pytest.mark.parametrize(("dialect", "text"), [(name, text) for name, texts in SAID.items() for text in texts])
def test_a_dialect_is_told_by_how_people_ask_and_negate(dialect: str, text: str) -> None:
    assert dialect_of(text) == dialect


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Where is my order?",
        "شكرا",
        "الطلب رقم 4431",
        "3ayez a3raf el order fein",
        "أنا غادي من بيروت",
        "أنا ياسر من الدار البيضاء",
        "نجم الدين، القاهرة، شارع الرياض",
        "الشحن مع دي اتش ال من دبي إلى تونس",
        "زين هلا هادي",
        "وين الفاتورة؟ ليش؟",  # the Gulf and the Levant ask so
    ],
)
def test_what_says_too_little_is_unknown(text: str) -> None:
    assert dialect_of(text) == UNKNOWN


@pytest.mark.parametrize("place", ["القاهرة", "الرياض", "دمشق", "الدار البيضاء", "أبو ظبي", "صنعاء"])
@pytest.mark.parametrize("dialect", SAID)
def test_places_and_names_change_nothing(dialect: str, place: str) -> None:
    assert dialect_of(f"{SAID[dialect][0]}. أنا زين من {place}، واسم أخي ياسر غادي") == dialect


@given(st.permutations([text for texts in SAID.values() for text in texts]), st.integers(1, 4))
def test_evidence_depends_neither_on_order_nor_on_repetition(texts: list[str], times: int) -> None:
    assert evidence(". ".join(texts * times)) == evidence(". ".join(sorted(texts)))


def test_spelling_variants_are_one_word() -> None:
    assert evidence("أبغى هالحين") == evidence("ابغي هالحيـــن") == evidence("أبغَى هالحين")


def test_one_everyday_word_does_not_make_a_standard_reply_a_dialect() -> None:
    reply = "أهلاً بك، طيب، تمت مراجعة الطلب وسوف يصلك خلال يومين، هل يمكننا مساعدتك في شيء آخر؟ خلاص كذا"
    assert dialect_of(reply) == STANDARD
