import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from curation.core.text import language
from curation.core.text.language import FOREIGN_WORDS, SHARED_WORDS, SMALL_WORDS, language_and_chance
from curation.core.text.plain_language import plain_languages

WORDS = [*(w for words in SMALL_WORDS.values() for w in words), *SHARED_WORDS, *FOREIGN_WORDS]
OTHERS = (
    "parcel PARCEL a3is 3is _is is_ don't 'tis Los ZH-9412 كتاب الطلب ومدرسة مدرسةً شُكراً ۳ ٣كم سفارش چطور ێ 请 é".split()
)
SPACES = [" ", "  ", "\n", "-", "'", "، ", ". ", "…", "", "\u200c", "²"]
TEXT = st.lists(st.tuples(st.sampled_from([*WORDS, *OTHERS]), st.sampled_from(SPACES)), max_size=12)


@given(TEXT.map(lambda parts: "".join(word + space for word, space in parts)))
@example("where is the parcel that you promised")
@example("and la and the and the")  # too much of another language
@example("is_ is_ is_ parcel parcel parcel")
@example("أين الطلب الذي طلبته")
@example("كتب كتاب كتب كتاب كتب في")  # too few small words
@example("شُكراً على الطلب")
def test_whole_columns_say_what_each_text_says_by_itself(text: str):
    found = plain_languages(pl.Series([text]))[0]
    assert found is None or (language._is_plainly(found, text) and language_and_chance(text) == (found, 1.0))


def test_what_is_plain_is_told_without_a_detector():
    texts = ["Where is the parcel that you promised?", "أين الطلب الذي طلبته أمس؟", "colis perdu hier soir", "چطور است"]
    assert plain_languages(pl.Series(texts)).to_list() == ["en", "ar", None, None]
    assert plain_languages(pl.Series([], dtype=pl.String)).to_list() == []
