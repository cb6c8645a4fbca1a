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
@pytest.mark.parametrize("code", ["broken_off", "unfinished_reply"])
def test_a_whole_sentence_that_ends_in_words_of_its_own_is_not_told_for_want_of_a_full_stop(language: str, code: str):
    new = {
        "en": "We look into the matter of the two blue garden chairs",
        "ar": "سننظر في موضوع الكرسيين الأزرقين في حديقة المنزل الكبير",
    }
    assert values(language, new[language], code=code) == []


BARE = {
    "en": ("Your parcel is with our driver today", "The refund arrives on Monday", "Please send us your order number"),
    "ar": ("طردك مع المندوب هذا اليوم", "يصل المبلغ إلى حسابك يوم الاثنين", "يرجى إرسال رقم طلبك إلينا"),
}
CUT = {
    "en": ("Please send us your", "The refund arrives on", "Your parcel is with our", "Please send us your num"),
    "ar": ("يرجى إرسال رقم طلبك إل", "يصل المبلغ إلى حسابك يوم", "طردك مع المندوب هذا", "يصل المبلغ إلى"),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("one_in", [1, 2, 5])  # conversations whose agent writes no full stops
def test_where_agents_leave_out_full_stops_the_cut_are_told_and_nobody_else(language: str, one_in: int):
    def written(text: str, n: int) -> str:
        return text if n % one_in == 0 else f"{text}."

    said = BARE[language]
    talks = [talk(f"q {n}", written(said[n % 3], n), "And?", written(said[(n + 1) % 3], n)) for n in range(300)]
    planted = [talk(f"planted {n}", f"{said[n % 3]}.", "And?", text) for n, text in enumerate(CUT[language] * 5)]
    rows = record(*talks, *planted, language=[language] * 320)
    found = checks()["endings"](rows, context())
    told = set(rows.join(found, on="conversation_id", how="semi")["row_id"])
    cut = {f"file:{n}" for n in range(301, 321)}
    assert told <= cut
    assert len(told) >= (1 if one_in == 1 else 15)


LATE = {
    "en": "Your parcel left our warehouse this morning and the driver will",
    "ar": "خرج طردك من المستودع هذا الصباح وسيتصل بك السائق",
    "es": "Su paquete ha salido esta mañana del almacén y el conductor",
}


def small(language: str, mark: str, count: int = 12) -> pl.DataFrame:
    """What is seen of a long last reply without a closing mark among replies that end so."""
    usual = [talk(f"Late {n}", f"Sorry, we do look into it for {n} of you{mark}") for n in range(count)]
    rows = record(*usual, talk("Late", "Sorry.", "And?", LATE[language]), language=[language] * (count + 1))
    return checks()["endings"](rows, context())


@pytest.mark.parametrize("language", LATE)
def test_in_a_small_set_a_long_reply_without_the_usual_full_stop_is_unfinished(language: str):
    assert small(language, ".").select("code", "value").rows() == [("unfinished_reply", 1)]


@pytest.mark.parametrize("language", LATE)
def test_in_a_small_set_that_writes_none_or_has_too_few_replies_nothing_is_unfinished(language: str):
    assert small(language, " today").is_empty()
    assert small(language, ".", count=3).is_empty()


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
