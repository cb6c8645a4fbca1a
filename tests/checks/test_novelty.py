"""A reply that speaks as no other is found whatever it says; what colleagues say too is not."""

import random

import numpy as np
import polars as pl
import pytest

from curation.checks import checks
from curation.checks.novelty import _others
from tests.builders import context, record, talk

REPLIES = {
    "en": [f"Thank you for writing to us. Your {thing} {state}." for thing in ("parcel", "refund", "invoice", "repair")
           for state in ("is on its way", "arrives on Monday", "was sent today", "needs one more day")],
    "ar": [f"شكراً لمراسلتنا. {thing} {state}." for thing in ("طردك", "المبلغ", "الفاتورة", "الطلب")
           for state in ("في الطريق إليك", "يصل يوم الاثنين", "أُرسل اليوم", "يحتاج إلى يوم آخر")],
}  # fmt: skip
STRANGE = {
    "en": "My creators never taught me how to discuss politics with strangers online",
    "ar": "لم يعلمني من صنعني كيف أناقش شؤون السياسة مع الغرباء على الشبكة",
}


def found_in(language: str, *planted: str, usual: int = 300) -> pl.DataFrame:
    rng = random.Random(3)
    talks = [talk(f"question {n}", rng.choice(REPLIES[language])) for n in range(usual)]
    rows = record(*talks, *(talk("question", reply) for reply in planted))
    rows = rows.unique("conversation_id", maintain_order=True).with_columns(language=pl.lit(language))
    return rows.join(checks()["novelty"](rows, context()), on="conversation_id").select("row_id", "value")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_reply_that_speaks_as_no_other_is_the_only_one_found(language: str):
    found = found_in(language, STRANGE[language])
    assert found["row_id"].to_list() == ["file:301"]
    assert found["value"][0] >= 0.6


def test_in_a_larger_set_a_few_copies_of_it_do_not_vouch_for_each_other():
    copies = [STRANGE["en"] + " " + tail for tail in ("today", "now", "soon")]
    assert found_in("en", *copies, usual=3000).height == 3


def test_too_few_conversations_say_nothing_of_what_is_usual():
    rows = record(*(talk(f"question {n}", REPLIES["en"][n]) for n in range(10)), talk("question", STRANGE["en"]))
    assert checks()["novelty"](rows, context()).is_empty()


def test_words_and_pairs_are_counted_in_all_other_conversations():
    draw = np.random.default_rng(7)
    place = np.sort(draw.integers(0, 20, 300))
    word, before = (draw.integers(0, 9, 300).astype(np.int32) for _ in range(2))
    for what in ((word,), (word, before)):
        said = [*zip(*what, strict=True)]
        held = {one: {at for at, other in zip(place, said, strict=True) if other == one} for one in said}
        assert _others(place, *what).tolist() == [len(held[one]) - 1 for one in said]
    assert not len(_others(place[:0], word[:0]))
