"""Facts of curated rows: where they stand in the words as they now are, and what becomes of each."""

import polars as pl
import pytest

from curation.core.text.facts.patterns import KINDS
from curation.curate.facts import reader, with_facts
from curation.curate.knowledge import statements
from curation.curate.masking import masker
from curation.curate.rows import keyed, maker
from curation.curate.used import Written
from curation.privacy import PATTERNED
from curation.privacy.params import Privacy
from tests.builders import record, shipped_policy, talk

UNLEARN = dict.fromkeys(KINDS, "unlearn")
PRIVACY = Privacy(countries=("SA",))


def stated(table: pl.DataFrame) -> list[list[tuple[str, str, str]]]:
    """Words, kind and treatment of each row's facts."""
    return [
        [(messages[f["turn"]][f["field"]][f["start"] : f["end"]], f["kind"], f["treatment"]) for f in facts]
        for messages, facts in table.select("messages", "facts").iter_rows()
    ]


@pytest.mark.parametrize("said", ["👋🏽 Call 0501234567: it costs 31 SAR.", "اتصل على ٠٥٠١٢٣٤٥٦٧، السعر ٣١ ريالاً."])
def test_places_are_those_of_the_words_after_masking(said: str) -> None:
    read = record(talk("How much?", said)).with_columns(parent_id=pl.lit(None, pl.String))
    table, _ = masker(PATTERNED, PRIVACY)(read)
    assert "[phone_1]" in table["messages"][0][1]["content"]
    ((fact,),) = stated(with_facts(table, {**UNLEARN, "price": "ground"}, ()))
    assert fact == ("31 SAR" if said.isascii() or "SAR" in said else "٣١ ريالاً", "price", "ground")


def test_only_what_is_learnt_and_nothing_grounds_is_told() -> None:
    shown = [*talk("Is it 31 SAR?", "Yes, 31.00 SAR, by 5 pm."), *talk("And?", "It is 7 SAR.")]
    shown[-1] = {**shown[-1], "train": False}
    assert stated(with_facts(record(shown), UNLEARN, ())) == [[("5 pm", "time", "unlearn")]]


@pytest.mark.parametrize(
    ("treatment", "thought"), [("unlearn", "unlearn"), ("ground", "unlearn"), ("report", "report")]
)
def test_facts_of_reasoning_are_told_by_the_same_treatment_and_ground_no_reply(treatment: str, thought: str) -> None:
    said = talk("By 5 pm?", "السعر ٣١ ريالاً")
    said[1] = {**said[1], "reasoning": "By 5 pm it was 40 SAR, now 31 SAR."}
    found = stated(with_facts(record(said), dict.fromkeys(KINDS, treatment), ()))
    assert found == [[("٣١ ريالاً", "price", treatment), ("40 SAR", "price", thought), ("31 SAR", "price", thought)]]


@pytest.mark.parametrize("confirmed", ["25 SAR", "٢٥ ريال", "25.00 riyals"])
def test_what_a_person_has_confirmed_is_learnt_in_every_spelling(confirmed: str) -> None:
    table = record(talk("Fee?", "It is 25 SAR."), talk("الرسوم؟", "الرسوم ٢٥ ريالاً أو 30 ريالاً."))
    policy = shipped_policy(confirmed_facts=(confirmed,))
    rows = with_facts(table, policy.facts, ())
    assert [len(facts) for facts in rows["facts"]] == [1, 2]
    found, _ = reader(policy.facts, policy.confirmed_facts)(table)
    assert stated(found) == [[], [("30 ريالاً", "price", "unlearn")]]


def test_the_stage_says_how_many_facts_have_which_treatment() -> None:
    table = record(talk("How much?", "It is 7 SAR until 5 pm."), talk("Hi", "Hello")).with_columns(
        parent_id=pl.lit(None, pl.String), origin=pl.lit("accepted")
    )
    policy = shipped_policy(facts={"time": "review"})
    written, make = Written(), maker([], PRIVACY, policy.facts, policy.confirmed_facts)
    rows = pl.concat(written.passing(map(make, keyed(table).iter_slices(1))))
    assert rows["row_id"].equals(table["row_id"])
    assert (written.rows, written.treated()) == (2, {"facts_review": 1, "facts_unlearn": 1})
    assert written.stated().equals(statements(table))


def test_how_many_conversations_are_read_at_once_changes_nothing() -> None:
    table = record(*(talk("How much?", f"It is {price} SAR.") for price in range(30, 37)), talk("And?", "Nothing."))
    rows = table.with_columns(parent_id=pl.lit(None, pl.String)).sort("conversation_id")
    read = reader(UNLEARN, ())
    parts = list(map(read, rows.iter_slices(3)))
    for whole, some in zip(read(rows), zip(*parts, strict=True), strict=True):
        assert whole.equals(pl.concat(some))
    assert [part.height for part in read(rows.clear())] == [0, 0]
