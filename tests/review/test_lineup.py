from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.consensus.consensus import Review
from curation.decisions.answers import Answer
from curation.decisions.decisions import Decision
from curation.decisions.gold import Gold, write_gold
from curation.review.lineup import LINEUP, MOST_ROUNDS, line_of_now, lineup
from tests.builders import talk
from tests.review.project import project


def name(n: int) -> str:
    """A conversation_id for a number."""
    return f"{n:032x}"


def queue(doubts: int = 4, held: int = 0, blind: int = 0, priority: float = 0.5) -> pl.DataFrame:
    """Doubts first, 0 to `doubts` - 1, then held ones, then blind ones."""
    reasons = ["doubt"] * (doubts + held) + ["blind_accepted"] * blind
    rows = len(reasons)
    return pl.DataFrame(
        {
            "conversation_id": [name(n) for n in range(rows)],
            "rank": range(1, rows + 1),
            "priority": [priority if reason == "doubt" else None for reason in reasons],
            "reason": reasons,
            "codes": [["loop"] if reason == "doubt" else [] for reason in reasons],
            "evidence": [["loop: x"] if reason == "doubt" else [] for reason in reasons],
            "verdict": ["review"] * doubts + ["held"] * held + ["accept"] * blind,
            "group": [name(n) for n in range(rows)],
        },
        schema_overrides={"priority": pl.Float64, "codes": pl.List(pl.String), "evidence": pl.List(pl.String)},
    )


def said(n: int, annotator: str = "sara", decision: Any = "keep", look: int = 1, **more: Any) -> Answer:
    return Answer(name(n), annotator, decision, round=look, at=f"2026-01-{look:02}T10:00:00+00:00", **more)


def decided(n: int, confidence: float | None = 0.8) -> Decision:
    return Decision(conversation_id=name(n), decision="keep", confidence=confidence)


def line(
    table: pl.DataFrame,
    decisions: Sequence[Decision] = (),
    answers: Sequence[Answer] = (),
    gold: Sequence[int] = (),
    share: float = 0.05,
    **params: Any,
) -> list[tuple[int, int, str]]:
    """Conversation, round and purpose in the order of rank."""
    marked = [Gold(conversation_id=name(n), decision="keep") for n in gold]
    found = lineup(
        table, decisions, answers, marked, Review.model_validate({"second_opinions": 1.0, "gold": share, **params})
    )
    assert found.schema == LINEUP
    assert found["rank"].to_list() == list(range(1, found.height + 1))
    rows = found.select("conversation_id", "round", "purpose").iter_rows()
    return [(int(key, 16), look, purpose) for key, look, purpose in rows]


def test_at_first_the_queue_is_asked_for_as_far_as_the_budget_pays():
    assert line(queue(2, held=2)) == [(0, 1, "doubt"), (1, 1, "doubt")]


def test_held_rows_come_first_in_line_as_decisions_come_in():
    assert line(queue(2, held=2), [decided(0, None)]) == [(1, 1, "doubt"), (2, 1, "doubt")]


def test_blind_rows_are_asked_for_beside_the_budget():
    assert line(queue(1, blind=2)) == [(0, 1, "doubt"), (1, 1, "blind_accepted"), (2, 1, "blind_accepted")]


def test_a_record_that_not_everybody_has_answered_stays_as_it_is():
    assert line(queue(2), answers=[said(0)], min_submitted=2) == [(0, 1, "doubt"), (1, 1, "doubt")]


def test_a_row_on_which_people_disagree_comes_back_first_and_takes_the_place_of_a_new_one():
    answers = [said(1), said(1, "omar", "drop")]
    assert line(queue(2, held=1), answers=answers, min_submitted=2, second_opinions=0) == [
        (1, 2, "doubt"),
        (0, 1, "doubt"),
    ]


def test_a_blind_row_on_which_people_disagree_comes_back_as_the_blind_row_it_is():
    answers = [said(1), said(1, "omar", "drop")]
    assert line(queue(1, blind=1), answers=answers)[0] == (1, 2, "blind_accepted")


def test_after_many_looks_a_row_is_left_to_the_team_lead():
    answers = [said(0, f"annotator {look}", look=look) for look in range(1, MOST_ROUNDS + 1)]
    assert line(queue(1), answers=answers) == []
    assert line(queue(1), answers=answers[:-1]) == [(0, MOST_ROUNDS, "doubt")]


def test_what_somebody_was_unsure_of_gets_a_second_opinion():
    looked = [said(0, confidence="unsure"), said(1)]
    assert line(queue(2, priority=0.1), [decided(0), decided(1)], looked) == [(0, 2, "doubt")]


def test_a_second_opinion_goes_where_people_and_checks_contradict_each_other():
    table = queue(20, priority=0.9)
    answers = [said(n, "sara" if n % 2 else "omar", "keep" if n == 3 else "drop") for n in range(10)]
    looks = [row for row in line(table, [decided(n) for n in range(10)], answers) if row[1] > 1]
    assert looks == [(3, 2, "doubt")]


def test_a_tie_that_nothing_settles_is_no_fault_and_no_lottery():
    answers = [said(0), said(0, "omar", "drop")]
    assert len({tuple(line(queue(1), [decided(0)], answers)) for _ in range(8)}) == 1


@pytest.mark.parametrize("confidence", [0.95, None])
def test_what_is_surely_decided_is_never_asked_for_again(confidence: float | None):
    answers = [said(n, decision="keep", confidence="unsure") for n in range(4)]
    assert line(queue(4, priority=0.9), [decided(n, confidence) for n in range(4)], answers) == []


@pytest.mark.parametrize(("share", "looks"), [(0.0, 0), (0.3, 3), (1.0, 10)])
def test_second_opinions_keep_to_their_share_of_the_answers(share: float, looks: int):
    answers = [said(n, confidence="unsure") for n in range(10)]
    found = line(queue(10), [decided(n) for n in range(10)], answers, second_opinions=share)
    assert [look for _, look, _ in found] == [2] * looks


def test_second_looks_that_people_took_count_against_the_share():
    answers = [said(n, confidence="unsure") for n in range(8)] + [said(n, "omar", look=2) for n in range(2)]
    found = line(queue(10), [decided(n) for n in range(10)], answers, second_opinions=0.3)
    assert [look for _, look, _ in found if look > 1] == [2]  # of 10 answers 3 may be second looks and 2 are


def test_gold_rows_are_their_share_of_the_line_and_stand_evenly():
    found = line(queue(18), gold=range(101, 105), share=0.1)
    assert [rank for rank, (_, _, purpose) in enumerate(found, 1) if purpose == "gold"] == [6, 16]


def test_a_gold_row_looks_like_a_blind_one():
    known = [Gold(conversation_id=name(9), decision="drop")]
    table = lineup(queue(1, blind=1), [], [], known, Review(gold=0.4))
    shown = table.filter(pl.col("purpose") != "doubt").select("round", "priority", "codes", "evidence")
    assert shown.unique().rows() == [(1, None, [], [])]
    assert shown.height == 2


def test_a_doubtful_row_that_is_gold_is_asked_for_as_gold_only_even_when_decided():
    assert line(queue(2), [decided(0)], gold=[0], share=0.5) == [(1, 1, "doubt"), (0, 1, "gold")]


def test_gold_rows_go_round_until_everybody_has_met_them():
    def met(*answers: Answer) -> list[tuple[int, int]]:
        found = line(queue(8), answers=answers, gold=[50, 51], share=0.5)
        return sorted((n, look) for n, look, purpose in found if purpose == "gold")

    assert met() == [(50, 1), (51, 1)]
    assert met(said(50, "sara"), said(0, "omar")) == [(50, 2), (51, 1)]
    assert met(said(50, "sara"), said(50, "omar", look=2)) == [(51, 1)]


def test_a_gold_row_does_not_go_round_for_somebody_who_has_left():
    met = [said(50, "sara", look=look) for look in (1, 2)]
    assert (50, 2, "gold") in line(queue(8), answers=[met[0], said(0, "omar")], gold=[50], share=0.5)
    assert not [row for row in line(queue(8), answers=[*met, said(0, "omar")], gold=[50], share=0.5) if row[0] == 50]


def test_a_gold_row_that_waits_for_a_second_answer_stays_the_record_it_is():
    found = line(queue(2), answers=[said(50, "sara"), said(0, "omar")], gold=[50], share=0.5, min_submitted=2)
    assert (50, 1, "gold") in found


def test_gold_rows_that_the_data_has_no_more_do_not_stand_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    ids = project(tmp_path, [{"messages": talk(f"q{n}", "reply")} for n in range(4)])
    (tmp_path / "data" / "review").mkdir()
    write_gold(Gold(conversation_id=key, decision="keep") for key in [*(name(n) for n in range(9)), ids[0]])
    table = line_of_now(Review(gold=0.25), None).rows
    assert table.filter(purpose="gold")["conversation_id"].to_list() == ids[:1]


looks = st.tuples(
    st.integers(0, 7),
    st.sampled_from(["sara", "omar", "lina"]),
    st.sampled_from(["keep", "edit", "drop"]),
    st.integers(1, 3),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(looks, max_size=12), st.lists(st.integers(0, 7), unique=True), st.randoms())
def test_no_row_is_asked_for_twice_and_the_order_of_answers_changes_nothing(
    given_: list[tuple[int, str, Any, int]], done: list[int], draw: Any
):
    answers = [said(n, who, decision, look) for n, who, decision, look in given_]
    rows = line(queue(5, held=2, blind=1), [decided(n) for n in done], answers, gold=[7], min_submitted=2)
    assert len({n for n, _, _ in rows}) == len(rows)
    unique = {(a.conversation_id, a.annotator, a.round): a for a in answers}
    shuffled = draw.sample(list(unique.values()), len(unique))
    assert line(queue(5, held=2, blind=1), [decided(n) for n in done], list(unique.values())) == line(
        queue(5, held=2, blind=1), [decided(n) for n in done], shuffled
    )
