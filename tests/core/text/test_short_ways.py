"""The short ways to read a text say what the long ones say."""

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.core.text.facts.patterns import claimed
from curation.core.text.facts.spelled import Spelled
from curation.core.text.folding import fold, folded, letters_folded, variants_folded

SIGNS = st.one_of(
    st.sampled_from("aZ9.,' \n\t٫٬٣٠كتابأةىُّـً؟é–’“😀$:/"),
    st.characters(max_codepoint=0x7FF, exclude_categories=["Cs"]),
    st.sampled_from(["ﬁ", "½", "ﷺ", "\u200f", "\u0301", "\u0654", "1,000", "12.00", "İ", "𝐀", "  "]),
)
WRITTEN = st.lists(SIGNS, max_size=12).map("".join)


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
    two = column.with_columns(other="text")
    assert two.select(folded(pl.all())).columns == two.columns


@given(WRITTEN)
def test_a_text_is_spelled_alike_alone_and_before_a_sign_that_takes_the_long_way(text: str):
    alone, before = Spelled(text), Spelled(f"{text}|ﬁ")
    behind = len(Spelled("|ﬁ").text)
    assert before.text[:-behind] == alone.text
    assert before.cased[:-behind].replace("\n", " ").split() == alone.cased.replace("\n", " ").split()
    places = range(len(alone.text))
    assert [alone.written(at, at + 1) for at in places] == [before.written(at, at + 1) for at in places]


FIGURE = " | 77"  # a text with a figure is read for all kinds


@example(["five", "%"])
@example(["twenty", "٪"])
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
