"""Evidence is the conversation's own words; remarks speak the page's language; nothing of another customer is shown."""

import re

import polars as pl
import pytest
from markupsafe import Markup

from curation.checks.codes import codes
from curation.report.evidence import remark, told
from curation.report.results import Results
from curation.report.words import languages
from curation.score.notes import of_languages
from tests.builders import context

ENGLISH, ARABIC = (Results(codes=codes()).worded(words) for words in languages())
OWN = ["Where is my order?", "Dear Huda, it costs SAR 30. نعم، يأخذ الفريق القطعة. Done."]
LATIN = re.compile("[A-Za-z]{3,}")


def text(evidence: str, words: object) -> str:
    shown = str(told(evidence, OWN, words, ("SA",)))  # type: ignore[arg-type]
    return re.sub("[\u2066-\u2069]", "", Markup(shown).striptags())


@pytest.mark.parametrize(
    ("evidence", "english", "arabic"),
    [
        ("it costs SAR 30", "it costs SAR 30", "it costs SAR 30"),
        ("price: sar 30", "price: sar 30", "سعر: sar 30"),
        ("en -> ar: نعم، يأخذ", "English → Arabic: نعم، يأخذ", "الإنجليزية → العربية: نعم، يأخذ"),
        ("نعم ياخذ الفريق القطعه (x6)", "نعم ياخذ الفريق القطعه", "نعم ياخذ الفريق القطعه"),
        ("set.jsonl:7 (17% of it, 9% of this): where is my order", "set.jsonl:7: where is my order", None),
        ("where ... costs", "where ... costs", "where ... costs"),
        ("closing", "closing", "الختام"),
        ("given refund, the words say delivery", None, "التصنيف refund، والكلمات تقول delivery"),
        ("card at characters 172-191", None, "رقم بطاقة عند الحروف 172-191"),
        ("the customer speaks as replies of this set do", None, "يتكلم العميل كما تتكلم ردود هذه البيانات"),
        ("max_words: 171 words", None, "max_words: عدد الكلمات 171"),
        ("chat/a.jsonl:62", None, "chat/a.jsonl:62"),
        (
            "not JSON (Unterminated string starting at: line 1 column 673 (char 672)); export the row again",
            None,
            "ليس JSON (السطر 1، العمود 673)، صدّروا الصف من جديد",
        ),
    ],
)
def test_evidence_speaks_the_language_of_the_page(evidence: str, english: str | None, arabic: str | None) -> None:
    assert text(evidence, ENGLISH) == (english or evidence)
    assert text(evidence, ARABIC) == (arabic or english or evidence)


@pytest.mark.parametrize("other", ["Dear Faisal, your sofa is late", "الأخت دانة، مرحباً بك", "Emma"])
@pytest.mark.parametrize("quoted", ["Dear Huda, it costs", "words that stand nowhere", ""])
def test_nothing_that_another_customer_was_told_is_shown(quoted: str, other: str) -> None:
    for words in (ENGLISH, ARABIC):
        shown = text(f"{quoted} | a like customer was told: {other}", words)
        assert not set(re.findall(r"\w+", other)) - set(re.findall(r"\w+", quoted)) & set(re.findall(r"\w+", shown))


@pytest.mark.parametrize("remark", ["a sentence that nobody has translated", "2 of 3 turns look odd; see there"])
def test_english_of_a_check_stays_off_the_arabic_page(remark: str) -> None:
    assert text(remark, ENGLISH) == remark
    assert text(remark, ARABIC) == ""


def test_personal_data_in_evidence_is_covered_and_markup_stays_text() -> None:
    for words in (ENGLISH, ARABIC):
        shown = str(told("mail a.b@example.com <b>", ["mail a.b@example.com <b>"], words, ("SA",)))
        assert "example.com" not in shown
        assert "<b>" not in shown


def test_notes_on_languages_speak_arabic_on_the_arabic_page() -> None:
    rows = pl.DataFrame({"language": ["en"] * 6 + ["fr"] * 3 + ["tr"] * 2})
    told_of = [evidence for _, _, evidence in of_languages(rows, context())]
    assert len(told_of) > 2
    for evidence in told_of:
        assert remark(evidence, ENGLISH) == evidence
        arabic = remark(evidence, ARABIC)
        assert "الفرنسية" in arabic or "التركية" in arabic
        allowed = {"score", "languages", "params", "yaml", *re.findall(r"\w+", evidence.partition("looked for")[2])}
        assert {word for word in LATIN.findall(arabic) if "_" not in word} <= allowed
