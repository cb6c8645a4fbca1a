"""A reply that stops where others go on is told; not one whose agent writes no full stops."""

import polars as pl
import pytest

from curation.checks import checks
from tests.builders import context, record, talk

USUAL = {
    "en": ("Your parcel is on its way to the depot.", "The refund arrives on Monday.", "Please send us your number."),
    "ar": ("طردك في الطريق إلى المستودع.", "يصل المبلغ يوم الاثنين.", "يرجى إرسال رقم طلبك إلينا."),
}  # fmt: skip


def values(language: str, *last: str, usual: tuple[str, ...] | None = None, code: str = "broken_off") -> list[float]:
    said = usual or USUAL[language]
    talks = [talk(f"q {n}", said[n % 3], "And?", said[(n + 1) % 3]) for n in range(240)]
    planted = [talk(f"planted {n}", said[n % 3], "And?", text) for n, text in enumerate(last)]
    rows = record(*talks, *planted, language=[language] * (240 + len(last)))
    found = pl.concat(checks()[name](rows, context()) for name in ("structure", "endings"))
    return found.filter(pl.col("code") == code)["value"].to_list()


@pytest.mark.parametrize(
    ("language", "reply"),
    [
        ("en", "Your parcel is on its"),
        ("en", "Please send us your num"),
        ("ar", "طردك في الطريق إلى"),
        ("ar", "يرجى إرسال رقم طلب"),
    ],
)
def test_a_reply_cut_between_or_inside_words_is_told(language: str, reply: str):
    assert values(language, reply)[0] >= 0.75


def test_a_sentence_without_its_full_stop_is_no_break():
    assert values("en", "The refund arrives on Monday", "We will look into the matter of the blue sofa") == []


def test_an_agent_who_writes_no_full_stops_breaks_off_nothing():
    bare = (
        "Your parcel is on its way to the depot",
        "The refund arrives on Monday",
        "Please send us your order number",
    )
    assert values("en", "Your parcel is on its", usual=bare) == []


# -- unfinished_reply --------------------------------------------------------------------------------------------------

OPEN = {
    "en": ("Sure, I will have your drink ready at the coffee bar", "Thank you, you can take it with you at any time"),
    "ar": ("تم تجهيز طلبك ويمكنك استلامه من الفرع في أي وقت", "أهلاً بك، سيصلك المندوب اليوم بإذن الله قبل صلاة العصر"),
}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_words_with_which_others_end_too_finish_a_reply_without_its_full_stop(language: str):
    closed = tuple(f"{text}." for text in OPEN[language])
    usual = (*closed, USUAL[language][0])
    assert values(language, *OPEN[language], usual=usual, code="unfinished_reply") == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_long_reply_that_stops_as_nobody_else_does_is_unfinished(language: str):
    new = {
        "en": "We look into the matter of the two blue garden chairs",
        "ar": "سننظر في موضوع الكرسيين الأزرقين في حديقة المنزل الكبير",
    }
    on = {
        "en": "Thank you, and I have just seen that your parcel is on its way to",
        "ar": "شكراً لك، وأرى الآن أن طردك الأول في الطريق",
    }
    assert values(language, new[language], on[language], code="unfinished_reply") == [2, 2]


@pytest.mark.parametrize(
    ("language", "reply"),
    [
        ("en", "Your parcel left our warehouse this morning and the driver will"),
        ("ar", "خرج طردك من المستودع هذا الصباح وسيتصل بك السائق"),
        ("es", "Su paquete ha salido esta mañana del almacén y el conductor"),
    ],
)
def test_where_a_set_is_too_small_to_tell_every_long_reply_without_its_full_stop_is_unfinished(
    language: str, reply: str
):
    rows = record(talk("Late", "ok", "And?", reply), talk("Late", "Sorry.", "And?", reply), language=[language] * 2)
    found = checks()["endings"](rows, context())
    assert dict(rows.join(found, on="conversation_id").select("row_id", "value").iter_rows()) == {
        "file:1": 1,
        "file:2": 2,
    }
    assert set(found["code"]) == {"unfinished_reply"}


@pytest.mark.parametrize(
    "reply",
    [
        "Your parcel left our warehouse this morning and the driver will call you.",
        "Sure, one moment",
        "Your parcel left our warehouse this morning and now it is on the",  # cut_reply says so
    ],
)
def test_ends_that_are_ends_and_ends_that_another_code_tells_are_not_unfinished(reply: str):
    assert checks()["endings"](record(talk("Late", reply)), context()).is_empty()
