"""Patterns in pieces find what one pattern of them all finds."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text import patterns
from curation.core.text.patterns import Patterns

WORDS = ("ab", "abc", "b+c", "كلب", "كلب ?ها", "c|a", "x{2,3}", "(?:a|ك)b")
EDGE = "(?:^|$|[^a-zء-ي])"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), max_size=6), st.lists(st.text("abcx كلبها ", max_size=12), min_size=1, max_size=20)
)
def test_pieces_find_what_the_whole_finds(words: list[str], texts: list[str]) -> None:
    told = pl.DataFrame({"text": texts})
    longest, patterns.LONGEST = patterns.LONGEST, 1  # a piece for each
    try:
        apart = Patterns(EDGE, words, EDGE)
    finally:
        patterns.LONGEST = longest
    found = told.select(
        here=apart.stand_in(pl.col("text")),
        first=apart.first_in(pl.col("text")),
        whole=pl.col("text").str.extract(apart.whole, 1),
    )
    assert found["first"].to_list() == found["whole"].to_list()
    assert found["here"].to_list() == found["whole"].is_not_null().to_list()


def test_no_patterns_fit_nothing() -> None:
    assert pl.DataFrame({"text": ["", "a"]}).select(Patterns("", (), "").first_in(pl.col("text")))[
        "text"
    ].to_list() == [
        None,
        None,
    ]


def test_no_piece_is_long() -> None:
    many = Patterns("", [f"word{number}" for number in range(5_000)], "")
    assert max(map(len, many._pieces)) < 2 * patterns.LONGEST < len(many.whole)
