import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.text.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thank you! How can I help?  Bye.", ["Thank you!", "How can I help?", "Bye."]),
        ("شكراً لك! كيف أساعدك؟ مع السلامة.", ["شكراً لك!", "كيف أساعدك؟", "مع السلامة."]),
        ("Really?! Yes… We do... Now", ["Really?!", "Yes…", "We do...", "Now"]),
        ("حقاً؟! نعم… سنفعل... الآن", ["حقاً؟!", "نعم…", "سنفعل...", "الآن"]),
        ("One line\nand another\n\n and a third", ["One line", "and another", "and a third"]),
        ("سطر\nوآخر", ["سطر", "وآخر"]),
        ("It costs 4.99 today. It is at zaafaran.com/help.", ["It costs 4.99 today.", "It is at zaafaran.com/help."]),
        ("السعر ٤٫٩٩ اليوم. العنوان zaafaran.com.", ["السعر ٤٫٩٩ اليوم.", "العنوان zaafaran.com."]),
        ('He said "wait." Then he left.', ['He said "wait."', "Then he left."]),
        ("قال «انتظر.» ثم ذهب.", ["قال «انتظر.»", "ثم ذهب."]),
        ("متى يصل؟\u200f غداً.", ["متى يصل؟\u200f", "غداً."]),
        ("1. Open the box. 2. Press the button.", ["1. Open the box.", "2. Press the button."]),
        ("١. افتح الصندوق. ٢. اضغط الزر.", ["١. افتح الصندوق.", "٢. اضغط الزر."]),
        ("Dr. Sara calls at 5 p.m. tomorrow. See no. 7.", ["Dr. Sara calls at 5 p.m. tomorrow.", "See no. 7."]),
        ("تتصل د. سارة غداً. العنوان ص.ب. 123.", ["تتصل د. سارة غداً.", "العنوان ص.ب. 123."]),
        ("No. We do not ship there.", ["No.", "We do not ship there."]),
        ("好的。我们会来！谢谢", ["好的。", "我们会来！", "谢谢"]),
        ("یہ ہے۔ وہ ہے۔", ["یہ ہے۔", "وہ ہے۔"]),
        (" \n ", []),
    ],
)
def test_sentences_of_both_scripts_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="aBح؟.!? \n«»1٣。", max_size=40))
def test_no_letter_is_lost_and_none_comes(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
