"""Sentences of both sides, written before the rules were read: how much is found, and what is taken for more."""

import pytest

from benchmarks.privacy.__main__ import SENTENCES, measured, sentences
from curation.privacy import finds
from curation.privacy.tables import messages_may_hold
from tests.builders import record, talk

GULF = ("SA", "AE", "EG", "JO")


@pytest.mark.parametrize(
    ("file", "least"),
    [("names_en", 0.8), ("names_ar", 0.8), ("phones", 0.95), ("secrets", 0.9)],  # 12, 11, 52 and 18 of 60 once
)
def test_most_of_what_people_write_is_found_and_hardly_anything_else(file: str, least: float):
    given = list(sentences(SENTENCES / f"{file}.txt"))
    outcome = measured(given, file)
    assert outcome.whole >= least * outcome.values, outcome.missed
    assert outcome.false <= 1, outcome.wrong


@pytest.mark.parametrize("file", ["clean", "no_secrets"])
def test_places_products_months_and_everyday_words_are_nobody_s(file: str):
    outcome = measured(list(sentences(SENTENCES / f"{file}.txt")), file)
    assert outcome.false <= 1, outcome.wrong


@pytest.mark.parametrize("file", ["phones", "secrets"])
def test_the_quick_look_at_a_table_passes_over_no_sentence_that_holds_something(file: str):
    held = [one.text for one in sentences(SENTENCES / f"{file}.txt") if finds(one.text, GULF, "")]
    looked_at = record(*(talk(text) for text in held)).select(messages_may_hold()).to_series()
    assert [text for text, seen in zip(held, looked_at, strict=True) if not seen] == []
