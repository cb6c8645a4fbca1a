"""Numbers and nouns agree, in Arabic as the language has it."""

import re

import pytest
import yaml
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from curation.report.words import FOLDER, Words, flat, languages, plural

ENGLISH, ARABIC = languages()


@given(st.integers(0, 100_000))
def test_the_form_of_a_noun_is_the_one_that_cldr_has(number: int) -> None:
    for words in languages():
        assert plural(number, words.code) == Locale.parse(words.code).plural_form(number)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "لا محادثات"),
        (1, "محادثة واحدة"),
        (2, "محادثتين"),
        (4, "4 محادثات"),
        (11, "11 محادثة"),
        (100, "100 محادثة"),
        (1103, "1,103 محادثات"),
        ("2,111", "2,111 محادثة"),
    ],
)
def test_conversations_are_counted_as_arabic_counts(number: int | str, said: str) -> None:
    assert ARABIC.counted("conversation", number) == said
    figures = {"metric": "m", "against": "a", "gain": "g", "groups": 3}
    assert f"{said} من 3 مجموعات" in ARABIC("because.unbeaten", n=number, **figures)
    assert ("conversations" in ENGLISH("because.unbeaten", n=number, **figures)) == (number != 1)


def test_every_form_of_every_noun_is_there() -> None:
    for words in languages():
        for key in (key for key in words.keys if re.fullmatch(r"plural\.\w+\.other", key)):
            noun = key.split(".")[1]
            assert all(words.counted(noun, number).strip() for number in (0, 1, 2, 3, 11, 100))


def test_no_arabic_text_puts_a_bare_noun_behind_a_number() -> None:
    bare = r"\{(n|rows|raw|of|groups|records)(:,)?\} (محادث|مجموع|سجل)"
    told = {key: ARABIC(key) for key in ARABIC.keys if not key.startswith("plural.")}
    assert {key for key, text in told.items() if re.search(bare, text)} == set()


def test_every_text_is_words_and_not_what_yaml_takes_for_a_truth_or_a_number() -> None:
    for path in FOLDER.glob("*.yaml"):
        texts = dict(flat(yaml.safe_load(path.read_text("utf-8"))))
        assert {key: text for key, text in texts.items() if not isinstance(text, str)} == {}


def test_a_word_that_is_no_noun_of_the_catalogue_stays_a_format() -> None:
    words = Words(dict(flat({"language": {"code": "en", "name": "E", "direction": "ltr"}, "a": "{x:>5}|{y:.0%}"})))
    assert words("a", x="b", y=0.5) == "    b|50%"
