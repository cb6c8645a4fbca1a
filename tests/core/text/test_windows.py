"""Long texts that are read in windows."""

import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.facts import facts
from curation.core.text.windows import LENGTH, Place, in_windows
from curation.privacy import masked

RUN = re.compile(r"[a-z]+|\d+")


def runs(text: str) -> Iterator[Place[str]]:
    return ((found.start(), found.end(), found.group()) for found in RUN.finditer(text))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("a1 \n,"), st.integers(1, 2 * LENGTH)), max_size=8))
def test_windows_find_what_is_found_at_once_and_cut_nothing(parts: list[tuple[str, int]]) -> None:
    text = "".join(sign * times for sign, times in parts)
    assert list(in_windows(text, runs)) == list(runs(text))


def test_a_text_that_fits_is_read_as_it_stands() -> None:
    read = []
    assert list(in_windows("a b", lambda text: read.append(text) or [])) == [] and read == ["a b"]


def test_facts_and_personal_data_are_found_wherever_they_stand_in_a_long_text() -> None:
    said = "".join(
        f"Call me at 055123{n:04} about the {n + 1000} dollars. كلمني على 0559876{n:03}. " for n in range(199)
    )
    assert len(said) > 2 * LENGTH
    assert not re.search(r"055\d{4}", masked(said, ("SA",)))
    assert [fact.value for fact in facts(said) if fact.kind == "price"] == [f"{n + 1000} USD" for n in range(199)]
