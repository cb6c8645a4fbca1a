"""Words are hashed as XXH3 says, which no version of anything may change."""

import polars as pl

from curation.similarity.shingles import each_hashed, hashed, words_hashed


def test_a_text_has_the_hash_that_is_specified_wherever_it_stands() -> None:
    known = {"": 0x2D06800538D394C2, "a": 0xE6C632B61E964E1F, "abc": 0x78AF5F94892F3950}
    texts = ["abc", "", "a", "abc", "طلب"]
    found = hashed(pl.Series(texts))
    assert found.dtype == pl.UInt64
    assert [known.get(text, value) for text, value in zip(texts, found, strict=True)] == found.to_list()
    assert found.n_unique() == 4
    assert each_hashed(pl.Series(texts)).equals(found)
    assert words_hashed(pl.Series(texts)).tolist() == found.to_list()


def test_no_text_has_no_hash() -> None:
    nothing = pl.Series([], dtype=pl.String)
    assert hashed(nothing).to_list() == each_hashed(nothing).to_list() == words_hashed(nothing).tolist() == []
