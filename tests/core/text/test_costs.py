"""What reading costs beside folding, and that the short ways say what the long ones say."""

import time
from collections.abc import Callable

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.facts.patterns import MAY_STATE_ONE, claimed
from curation.core.text.facts.spelled import Spelled
from curation.core.text.folding import fold, folded, letters_folded, variants_folded

ARABIC = "أهلاً، وصل طلبكَ {} إلى الفرع يوم الأحد؛ شكراً لتواصلك معنا. هل تحتاج مساعدةً أخرى؟"
ENGLISH = "Hello, your parcel {} has come to our branch on Sunday, thank you for writing. Is there anything else?"
TEXTS = [said.format(number) for number in range(1_500) for said in (ARABIC, ENGLISH)]
SIGNS = st.one_of(
    st.sampled_from("aZ9.,' \n\t٫٬٣٠كتابأةىُّـً؟é–’“😀$:/"),
    st.characters(max_codepoint=0x7FF, exclude_categories=["Cs"]),
    st.sampled_from(["ﬁ", "½", "ﷺ", "\u200f", "\u0301", "\u0654", "1,000", "12.00", "İ", "𝐀", "  "]),
)
WRITTEN = st.lists(SIGNS, max_size=12).map("".join)


def least(run: Callable[[], object]) -> float:
    """CPU seconds of the quickest of three runs: a busy machine adds to them and takes nothing away."""
    took = []
    for _ in range(3):
        started = time.process_time()
        run()
        took.append(time.process_time() - started)
    return min(took)


def test_a_column_is_looked_at_for_facts_in_the_time_of_folding_it_a_few_times():
    column = pl.DataFrame({"text": [ARABIC.format(""), ENGLISH.format("")] * 3_000})  # that state none
    plain = column.select(folded(pl.col("text")))
    looked = least(lambda: plain.select(pl.col("text").str.contains(MAY_STATE_ONE)))
    assert looked < 6 * least(lambda: column.select(folded(pl.col("text"))))


def test_arabic_is_spelled_in_the_time_of_folding_it_a_few_times():
    texts = [text for text in TEXTS if not text.isascii()]
    assert least(lambda: [Spelled(text) for text in texts]) < 8 * least(lambda: [fold(text) for text in texts])


def test_a_column_without_compatibility_forms_folds_in_half_the_time_of_normalising_it():
    column = pl.DataFrame({"text": TEXTS * 4})
    long = variants_folded(pl.col("text").str.normalize("NFKC"))
    assert least(lambda: column.select(letters_folded(pl.col("text")))) < 0.75 * least(lambda: column.select(long))


@settings(max_examples=30)
@given(st.lists(WRITTEN, max_size=20))
def test_a_column_folds_as_it_does_when_all_of_it_is_normalised(texts: list[str]):
    folds_as_normalised(texts)


def test_every_sign_folds_in_a_column_as_it_does_when_all_of_it_is_normalised():
    signs = [chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    folds_as_normalised([f"{sign}{beside}{sign}" for sign in signs for beside in ("", "\u064e")])


def folds_as_normalised(texts: list[str]) -> None:
    column = pl.DataFrame({"text": pl.Series([*texts, None], dtype=pl.String)})
    spaced = variants_folded(pl.col("text").str.normalize("NFKC"))
    whole = spaced.str.replace_all(r"\s+", " ").str.strip_chars(" ")
    assert column.select(folded(pl.col("text"))).equals(column.select(whole))
    assert column.select(letters_folded(pl.col("text"))).equals(column.select(spaced))


@given(WRITTEN)
def test_a_text_is_spelled_alike_alone_and_before_a_sign_that_takes_the_long_way(text: str):
    alone, before = Spelled(text), Spelled(f"{text}|ﬁ")
    behind = len(Spelled("|ﬁ").text)
    assert before.text[:-behind] == alone.text
    assert before.cased[:-behind].replace("\n", " ").split() == alone.cased.replace("\n", " ").split()
    places = range(len(alone.text))
    assert [alone.written(at, at + 1) for at in places] == [before.written(at, at + 1) for at in places]


FIGURE = " | 77"  # a text with a figure is read for all kinds


@given(
    st.lists(
        st.sampled_from(
            "five twenty hundred dollars ريال ريالين خمسين per cent half past noon quarter to six am "
            "o'clock in the morning first of may الساعه الخامسه صباحا منتصف الليل الاول من مارس "
            "a@b.co shop.com sold out left اخر قطعه نفدت الكميه code ABCDEF كود QKJHWZ 15 3 $ % 12:30 5/6 number".split(
                " "
            )
        ),
        max_size=8,
    )
)
def test_what_words_state_does_not_hang_on_a_figure_elsewhere(words: list[str]):
    text = fold(" ".join(words))
    found = claimed(text, text)
    beside = claimed(text + FIGURE, text + FIGURE)
    assert [place for place in beside if place[1] <= len(text)] == found
