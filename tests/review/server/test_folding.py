from hypothesis import given
from hypothesis import strategies as st

from curation.core.text.folding import fold as fold_for_matching
from curation.review.embedded.sqlite_argilla.folding import fold


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_search_folds_as_the_checks_do(text: str) -> None:
    assert fold_for_matching(fold(text) or "") == fold_for_matching(text)


def test_search_and_checks_know_the_same_arabic_variants() -> None:
    differing = [
        character
        for character in map(chr, (*range(0x0600, 0x0700), *range(0xFB50, 0xFE00), *range(0xFE70, 0xFF00), 0x2018))
        if (fold(character) or "").strip() != fold_for_matching(character).strip()
    ]
    assert differing == []


def test_numbers_marks_and_letters_that_writers_interchange_become_one() -> None:
    assert fold("إلى مَدينةٍ رقم ١٢۳") == "الي مدينه رقم 123"
    assert fold(None) is None
