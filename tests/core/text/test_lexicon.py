"""What the lists of numbers, months and money hold, and that whoever reads them reads the same."""

import re

from curation.core.text.folding import fold
from curation.core.text.lexicon import (
    ARABIC_DIGITS,
    ARABIC_MONTHS,
    DIGITS,
    ENGLISH_MONTHS,
    LEVANTINE_MONTHS,
    NUMBERS,
    PERSIAN_DIGITS,
    THOUSANDS,
)


def test_a_year_has_twelve_months_in_each_tongue_and_no_name_stands_for_two() -> None:
    every = [*ENGLISH_MONTHS, *ARABIC_MONTHS, *LEVANTINE_MONTHS]
    assert len(every) == len({fold(month) for month in every}) == 36


def test_digits_of_every_script_fold_to_the_same_ones() -> None:
    assert fold(ARABIC_DIGITS) == fold(PERSIAN_DIGITS) == DIGITS


def test_thousands_are_parted_and_decimals_are_not() -> None:
    assert [re.sub(THOUSANDS, "", text) for text in ("1,234,567", "1٬000", "12,34", "1,2345")] == [
        "1234567",
        "1000",
        "12,34",
        "1,2345",
    ]


def test_no_word_means_two_numbers() -> None:
    meant = {(fold(word), number) for number, said in NUMBERS.items() for word in said.split()}
    assert len(meant) == len(dict(meant))
