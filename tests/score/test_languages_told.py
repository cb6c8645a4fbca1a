"""A team in another language is told at once what works for it and what does not."""

from dataclasses import replace

import pytest

from curation.score.notes import of_languages
from tests.builders import context, record, talk


def told(*languages: str, named: tuple[str, ...] = ("en", "ar")) -> dict[str, str]:
    table = record(*(talk(f"{n}?", "!") for n in range(len(languages))), language=list(languages))
    beside = replace(context(), params=context().params.model_copy(update={"languages": named}))
    return {code: evidence for code, _, evidence in of_languages(table, beside)}


@pytest.mark.parametrize("language", ["es", "fr", "tr", "ur", "fa", "ckb", "ku", "arabizi", "other"])
def test_a_set_in_an_unnamed_language_is_told_which_param_names_it(language: str):
    said = told(*[language] * 30)
    assert f"100% in {language}" in said["languages_unnamed"]
    assert f"score.languages: [{language}] in params.yaml" in said["languages_unnamed"]


def test_a_mix_is_told_both_and_keeps_what_is_named_already():
    assert "score.languages: [en, es]" in told(*["en"] * 10, *["es"] * 20)["languages_unnamed"]


def test_a_named_language_is_told_which_checks_know_it_not():
    said = told(*["es"] * 30, named=("es",))
    assert set(said) == {"languages_unchecked"}
    assert "es: nobody looked for profanity, refusal, spam" in said["languages_unchecked"]


def test_english_and_arabic_need_no_word_nor_do_strays():
    assert told(*["en"] * 50, *["ar"] * 50, "es", "mixed", "und") == {}
