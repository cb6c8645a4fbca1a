"""A reply that stops where others go on is told; not one whose agent writes no full stops."""

import pytest

from curation.checks import checks
from tests.builders import context, record, talk

USUAL = {
    "en": ("Your parcel is on its way to the depot.", "The refund arrives on Monday.", "Please send us your number."),
    "ar": ("طردك في الطريق إلى المستودع.", "يصل المبلغ يوم الاثنين.", "يرجى إرسال رقم طلبك إلينا."),
}  # fmt: skip


def values(language: str, *last: str, usual: tuple[str, ...] | None = None) -> list[float]:
    said = usual or USUAL[language]
    talks = [talk(f"q {n}", said[n % 3], "And?", said[(n + 1) % 3]) for n in range(240)]
    planted = [talk(f"planted {n}", said[n % 3], "And?", text) for n, text in enumerate(last)]
    rows = record(*talks, *planted, language=[language] * (240 + len(last)))
    return checks()["endings"](rows, context())["value"].to_list()


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
