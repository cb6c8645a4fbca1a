"""The benchmark's truth is true: copies and twins are as alike as it says, twins differ in what it says."""

import random

import pytest

from benchmarks.near_copies.planted import TWINNING, Edit, as_text, jaccard, planted, recombined, shingles, templated
from curation.dedup.guard import difference_in_meaning
from curation.dedup.meaning import meaning
from tests.builders import talk

WORDS = "please send somebody who can repair the large sofa that was broken when it arrived at our house".split()
DIALOGUES = [
    talk(f"My name is Anna. {' '.join(random.Random(n).choices(WORDS, k=60))} on monday, order {n}.", "Noted, Anna.")
    for n in range(200)
]


def test_planted_rows_are_alike_to_one_row_each():
    data = planted(DIALOGUES, 0.7, seed=7)
    assert len(data.rows) == len(DIALOGUES) + len(data.copies) + len(data.twins)
    assert len(data.copies) == len(data.twins) == 8
    origins = [origin for origin, _ in (*data.copies, *data.twins)]
    assert len(set(origins)) == len(origins)
    for origin, edited in (*data.copies, *data.twins):
        sets = [shingles(as_text(data.rows[row])) for row in (origin, edited)]
        assert data.rows[origin] != data.rows[edited]
        assert jaccard(*sets) >= 0.7


@pytest.mark.parametrize("edit", TWINNING)
def test_a_twin_means_something_else(edit: Edit):
    text = "Yes, the sofa for Anna is late, it should come on monday at 4 and that is what I was told."
    messages = [talk(said) for said in (text, edit(text, random.Random(1)))]
    assert difference_in_meaning(*map(meaning, messages)) is not None


def test_rows_for_growth_are_the_same_whatever_is_made_with_them():
    assert recombined(DIALOGUES, 50, 100, seed=7).equals(recombined(DIALOGUES, 50, 100, seed=7))
    assert recombined(DIALOGUES, 0, 100, seed=7)["conversation_id"].n_unique() == 100


def test_conversations_of_the_template_differ_only_in_their_arguments():
    one, other = templated(2)
    assert [m["content"] for m in one] == [m["content"] for m in other]
    assert difference_in_meaning(meaning(one), meaning(other)) == "actions"
