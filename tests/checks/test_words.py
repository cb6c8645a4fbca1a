"""What a set says is read once for all checks that compare its rows."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.check import contents
from curation.checks.models import words
from curation.checks.models.words import LEAST, fair_parts, groups, said_by_language
from tests.builders import context, record, talk


def test_a_set_is_read_once_while_it_is_at_hand_and_anew_when_it_is_another():
    rows = record(*(talk(f"Where is order {n}?", f"Order {n} is on its way.") for n in range(LEAST)))
    (said,) = said_by_language(rows, context())
    assert said_by_language(rows, context())[0] is said
    assert said_by_language(rows.head(LEAST - 1), context()) == []
    assert said_by_language(rows, context())[0] is not said


def test_a_text_that_is_said_again_and_again_is_one_text():
    rows = record(*(talk(f"Where is my {'old ' * n}lamp?", "It is on its way.") for n in range(LEAST)))
    (said,) = said_by_language(rows, context())
    assert said.counts.shape[0] == LEAST + 1
    assert said.times(said.reply).max() == LEAST
    first = said.turns[[int(said.reply.argmax())]]
    assert contents(first, rows, context()).to_list() == ["It is on its way."]


@given(st.dictionaries(st.sampled_from(["ar", "en", "fr", None]), st.integers(1, 40), min_size=1), st.integers(2, 15))
def test_groups_are_whole_languages_or_like_parts_of_one_by_id_and_none_is_too_large(sizes, largest):
    keys = [(f"{n * 7919 % 10007:05}{name}", name) for name, size in sizes.items() for n in range(size)]
    table = pl.DataFrame(keys, {"conversation_id": pl.String, "judged_as": pl.String}, orient="row")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "GROUP", largest)
        grouped = groups(table.sort("conversation_id"))
        parts = list(fair_parts(table))
    for rows in (*grouped.partition_by("group"), *parts):
        assert rows.height <= largest
    assert pl.concat(parts).equals(table.sort("conversation_id"))
    for of_language in grouped.partition_by("judged_as"):
        assert of_language["group"].is_sorted()
        within = of_language["group"].value_counts()["count"]
        assert within.len() == -(-of_language.height // largest)
        assert within.max() - within.min() <= 1
    shared = grouped.filter(pl.col("judged_as").n_unique().over("group") > 1)["judged_as"]
    assert all(sizes[name] <= largest for name in shared.unique())
