import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.ledger import FINDING, OUTCOMES, assert_law, counts, entries
from curation.harness.errors import QiratError


def ledger_of(*closed: tuple[str, str]) -> pl.DataFrame:
    return entries(pl.DataFrame(closed, schema=["row_id", "outcome"], orient="row"), "curate")


rows = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sampled_from(OUTCOMES), min_size=1)


@given(rows)
def test_every_row_closed_once_obeys_the_law_and_adds_up(closed: dict[str, str]):
    ledger = ledger_of(*closed.items())
    assert_law(ledger, pl.Series(list(closed)))
    found = counts(ledger)
    assert found["raw"] == len(closed) == sum(found[name] for name in OUTCOMES)


@given(rows, st.data())
def test_losing_any_row_breaks_the_law(closed: dict[str, str], data: st.DataObject):
    lost = data.draw(st.sampled_from(sorted(closed)))
    kept = [(row, outcome) for row, outcome in closed.items() if row != lost] or [("other", "held")]
    with pytest.raises(QiratError, match=r"lost|never read"):
        assert_law(ledger_of(*kept), pl.Series(list(closed)))


@given(rows, st.data())
def test_closing_any_row_twice_breaks_the_law(closed: dict[str, str], data: st.DataObject):
    again = data.draw(st.sampled_from(sorted(closed)))
    with pytest.raises(QiratError, match="closed more than once"):
        assert_law(ledger_of(*closed.items(), (again, "held")), pl.Series(list(closed)))


def test_findings_close_nothing():
    with pytest.raises(QiratError, match="lost"):
        assert_law(ledger_of(("a", FINDING)), pl.Series(["a"]))


def test_an_outcome_nobody_knows_breaks_the_law():
    with pytest.raises(QiratError, match="unknown outcome"):
        assert_law(ledger_of(("a", "misplaced")), pl.Series(["a"]))
