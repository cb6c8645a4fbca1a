import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.draw import fair_order, lot


def table(languages: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"conversation_id": [str(n) for n in range(len(languages))], "language": languages})


@given(st.lists(st.sampled_from(["en", "ar", "mixed"]), min_size=1, max_size=60), st.integers(1, 60), st.integers())
def test_any_beginning_holds_the_languages_in_their_proportions(languages: list[str], first: int, seed: int) -> None:
    first = min(first, len(languages))
    chosen = fair_order(table(languages), seed)["language"].head(first).to_list()
    for language in set(languages):
        assert abs(chosen.count(language) - first * languages.count(language) / len(languages)) < 2


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does() -> None:
    rows = table(["en", "ar"] * 20)
    assert fair_order(rows, 1).equals(fair_order(rows.reverse(), 1))
    assert not fair_order(rows, 1).equals(fair_order(rows, 2))


def test_a_draw_never_changes_or_splits_and_samples_would_be_drawn_anew() -> None:
    assert lot("7:0a1b") == "0fdd87bd448ab5554738c684776ec1f9d6c81a921ccce56c879cf284af15aed5"
    assert lot("\ud800") != lot("\ud801")  # half a character, as torn exports have it
