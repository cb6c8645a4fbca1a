"""What a verdict says of its test."""

from dataclasses import replace

import polars as pl
import pytest

from tests.builders import record, talk
from training.evaluate.conditions import figures, known_sentences, voice
from training.judge.languages import LanguageProfile

TRAIN = record(
    talk("Hi", "Thank you for writing. Your order left today!"),
    talk("مرحباً", "شكراً لتواصلك. سيصلك الطلب غداً؟"),
    talk("Where is it", "That is a customer's sentence"),
    language=["en", "ar", "en"],
)
KNOWN = LanguageProfile(limit=90, cut=0.01, allowed=80, spelt=0.0, judged=True, conversations=9)


def shares(*replies: str, language: str = "en") -> float:
    test = record(*[talk("?", reply) for reply in replies], language=[language] * len(replies))
    return known_sentences(TRAIN, test)["all"][0]


@pytest.mark.parametrize(
    ("reply", "language", "share"),
    [
        ("thank you  for WRITING! It is blue.", "en", 0.5),
        ("Thank you for writing\n\nYour order left today", "en", 1.0),
        ("Thank you for writing to us.", "en", 0.0),  # goes on
        ("Where is it", "en", 0.0),  # a customer said so
        ("شكرا لتواصلك! سيصلك الطلب غدا.", "ar", 1.0),  # without marks
        ("شُكراً لتواصلك. أين أنت؟", "ar", 0.5),
    ],
)
def test_a_sentence_is_known_when_the_team_said_it_in_train_word_for_word(
    reply: str, language: str, share: float
) -> None:
    assert shares(reply, language=language) == share


def test_shares_are_told_by_language_for_the_metrics() -> None:
    test = record(talk("?", "Thank you for writing."), talk("?", "لا. نعم."), language=["en", "ar"])
    assert figures(TRAIN, test) == pytest.approx(
        {"test_sentences_in_train_all": 1 / 3, "test_sentences_in_train_en": 1, "test_sentences_in_train_ar": 0}
    )
    assert known_sentences(TRAIN, test.clear()) == {}


def codes(test: pl.DataFrame, answered: pl.DataFrame, **profiles: LanguageProfile) -> list[str]:
    return [reason.code for reason in voice(TRAIN, test, answered, profiles).told]


def test_a_test_of_the_houses_own_phrases_is_called_so_and_one_of_new_words_is_not() -> None:
    new = record(talk("?", "This stands nowhere else."))
    assert codes(TRAIN.head(2), new, en=KNOWN) == ["known_sentences"]
    assert codes(new, new, en=KNOWN) == []


def test_phrases_of_a_language_that_is_not_judged_say_nothing_of_the_test() -> None:
    test = pl.concat([TRAIN.filter(language="ar"), record(talk("?", "This stands nowhere else."))])
    assert codes(test, test, en=KNOWN, ar=KNOWN) == ["known_sentences"]
    assert codes(test, test, en=KNOWN, ar=replace(KNOWN, judged=False)) == ["unjudged"]


def test_replies_behind_true_earlier_ones_are_told_where_there_are_any() -> None:
    several = record(talk("a", "b", "c", "d"), talk("a", "b"))
    found = voice(TRAIN, several, several, {}).told
    assert [(reason.code, dict(reason.figures)) for reason in found] == [("true_turns", {"n": 1, "of": 2})]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (LanguageProfile(90, 0.01, 80, 0.99, False, 9), ["unspoken"]),
        (LanguageProfile(90, 0.01, 80, 0.0, False, 9), ["unjudged"]),
        (LanguageProfile(90, 0.01, 80, 0.99, True, 9), ["spelt"]),
        (LanguageProfile(64, 0.92, 80, 0.0, True, 9), ["cut"]),
        (LanguageProfile(64, 0.92, 80, 0.99, False, 9), ["unspoken"]),
        (KNOWN, []),
    ],
)
def test_languages_left_out_spelt_or_cut_are_named_with_their_conversations(
    profile: LanguageProfile, expected: list[str]
) -> None:
    new = record(talk("?", "This stands nowhere else."))
    assert codes(new, new, ar=profile) == expected
    assert all("ar" in str(reason) for reason in voice(TRAIN, new, new, {"ar": profile}).told)
