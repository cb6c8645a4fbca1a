"""Numbers on disk are those that were put there, whatever is read of them together."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.flat import Digests, Words

WORD = st.integers(0, 2**64 - 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(WORD, max_size=5), max_size=6), st.lists(st.tuples(*[st.integers(0, 30)] * 2), max_size=8))
def test_words_of_spans_are_those_of_an_array(parts: list[list[int]], spans: list[tuple[int, int]]):
    words, array = Words(None), np.array([word for part in parts for word in part], np.uint64)
    for part in parts:
        words.append(np.array(part, np.uint64))
    ends = [sorted(min(end, len(array)) for end in span) for span in spans]
    starts, ends = np.array(ends, np.int64).reshape(-1, 2).T
    expected = [array[start:end] for start, end in zip(starts, ends, strict=True)]
    assert words.take(starts, ends).tolist() == np.concatenate([array[:0], *expected]).tolist()
    assert np.array_equal(np.concatenate([array[:0], *words.parts(4)]), array)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9), st.integers(1, 6), st.integers(1, 4), st.randoms(use_true_random=False))
def test_columns_of_digests_are_those_of_an_array(rows: int, values: int, at_once: int, draw):
    array = np.random.default_rng(draw.randrange(99)).integers(0, 2**32, (rows, values), np.uint32)
    places = np.array(draw.sample(range(rows), rows), np.int64)
    digests = Digests(places, values, None)
    for start in range(0, rows, at_once):
        digests.put(start, array[start : start + at_once])
    columns = np.array(draw.sample(range(values), draw.randint(1, values)))
    assert np.array_equal(digests.of(columns), array[places][:, columns])
