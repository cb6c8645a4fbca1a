"""From answers to decisions; how good people are is in test_reliability.py."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.consensus.consensus import Consensus, Review, consensus, latest, merged
from curation.core.record.conversation import message
from curation.decisions.answers import Answer
from curation.decisions.decisions import Decision

ID = "a" * 32
TALK = [message("user", "hi"), message("assistant", "one"), message("user", "and?"), message("assistant", "two")]


def answer(annotator: str, decision: Any, key: str = ID, **more: Any) -> Answer:
    return Answer(key, annotator, decision, at=more.pop("at", "2026-01-05T10:00:00+00:00"), **more)


def decided(answers: Sequence[Answer], gold: Any = None, chances: Any = None, **params: Any) -> Consensus:
    originals = {answer.conversation_id: TALK for answer in answers}
    return consensus(answers, originals, Review(**params), chances, gold)


def decision(decided_at: str, choice: Any = "keep") -> Decision:
    return Decision(conversation_id=ID, decision=choice, decided_at=decided_at)


def rows(count: int) -> list[str]:
    return [f"{number:032x}" for number in range(1, count + 1)]


def test_one_answer_decides_when_one_is_asked_for() -> None:
    [found] = decided([answer("sara", "drop", reasons=("wrong_tone",), purpose="blind_accepted")]).decisions
    assert found == Decision(
        conversation_id=ID,
        decision="drop",
        reasons=("wrong_tone",),
        annotators=("sara",),
        agreement=1.0,
        decided_at="2026-01-05T10:00:00+00:00",
        purpose="blind_accepted",
        confidence=0.8,
    )


def test_more_than_half_of_equally_good_people_decide() -> None:
    later = "2026-01-06T00:00:00+00:00"
    [found] = decided([answer("c", "keep", at=later), answer("a", "drop"), answer("b", "drop")]).decisions
    assert (found.decision, found.annotators, found.agreement) == ("drop", ("a", "b"), 0.6667)
    assert found.decided_at == later, "a newer answer makes a newer decision, whatever it says"


def test_people_who_agree_are_never_overruled_by_the_policy() -> None:
    for choice in ("keep", "drop"):
        for chance in (0.0, 1.0):
            [found] = decided([answer("a", choice), answer("b", choice)], chances={ID: chance}).decisions
            assert found.decision == choice


def test_a_tie_is_left_undecided_and_told() -> None:
    found = decided([answer("a", "keep"), answer("b", "drop")])
    assert not found.decisions
    assert found.disagreements[0].startswith(f"{ID}: a says keep, b says drop (keep is ")


def test_of_two_edits_the_better_annotators_words_are_taken() -> None:
    gold = dict.fromkeys(rows(20), "drop")
    practice = [answer("b", "drop", key) for key in gold]
    practice += [answer("a", "keep" if number < 5 else "drop", key) for number, key in enumerate(gold)]
    edits = [answer("a", "edit", corrected="x"), answer("b", "edit", corrected="y")]
    [found] = [d for d in decided([*practice, *edits], gold).decisions if d.conversation_id == ID]
    assert found.messages and found.messages[-1]["content"] == "y"
    assert (found.annotators, found.agreement) == (("a", "b"), 1.0)


def test_equal_corrections_stand_before_a_single_one() -> None:
    edits = [answer("a", "edit", corrected="x"), *(answer(name, "edit", corrected="y") for name in "bc")]
    [found] = decided(edits).decisions
    assert found.messages and found.messages[-1]["content"] == "y"
    labels = [answer("a", "edit", label="x"), *(answer(name, "edit", label="y") for name in "bc")]
    assert decided(labels).decisions[0].label == "y"


def test_too_few_answers_decide_nothing_and_are_no_disagreement() -> None:
    found = decided([answer("a", "keep")], min_submitted=2)
    assert not found.decisions and not found.disagreements


def test_one_annotator_answering_twice_is_one_answer_the_later() -> None:
    first = answer("a", "keep")
    second = answer("a", "drop", at="2026-01-05T11:00:00+00:00", round=2)
    assert latest([second, first]) == [second]
    assert not decided([first, second], min_submitted=2).decisions


def test_a_single_answer_of_someone_unsure_goes_back_for_another_look() -> None:
    found = decided([answer("a", "drop", confidence="unsure")])
    assert not found.decisions and "drop is 40% sure" in found.disagreements[0]
    assert decided([answer("a", "drop", confidence="sure")]).decisions


def test_a_single_answer_of_someone_careless_goes_back_for_another_look() -> None:
    gold = dict.fromkeys(rows(12), "drop")
    practice = [answer("a", "keep", key) for key in gold] + [answer("b", "drop", key) for key in gold]
    found = decided([*practice, answer("a", "keep"), answer("b", "keep", "b" * 32)], gold)
    assert [d.conversation_id for d in found.decisions if d.purpose == "doubt" and d.decision == "keep"] == ["b" * 32]
    assert any(told.startswith(f"{ID}: a says keep") for told in found.disagreements)


def test_gold_is_decided_as_the_expert_wrote_whatever_people_say() -> None:
    answers = [answer("a", "keep", purpose="gold"), answer("b", "drop", purpose="gold")]
    [found] = decided(answers, {ID: "drop"}).decisions
    assert (found.decision, found.annotators, found.purpose, found.confidence) == ("drop", ("b",), "gold", 1.0)
    assert not decided(answers[:1], {ID: "drop"}).decisions, "nobody said it: there is no decision of theirs to write"


def test_an_edit_carries_the_whole_corrected_conversation_and_the_label() -> None:
    [found] = decided([answer("a", "edit", corrected="better", label=" refund ")]).decisions
    assert found.label == "refund" and found.messages
    assert [m["content"] for m in found.messages] == ["hi", "one", "and?", "better"]


@pytest.mark.parametrize(
    ("given_answer", "told"),
    [
        (answer("sara", "edit"), "corrects nothing"),
        (answer("sara", "keep", corrected="x"), "says keep, yet corrects"),
        (answer("sara", "edit", corrected="[1]\nx"), "no reply of the assistant"),
    ],
)
def test_an_unusable_answer_is_told_with_conversation_and_annotator(given_answer: Answer, told: str) -> None:
    found = decided([given_answer])
    assert not found.decisions
    assert found.unusable[0].startswith(f"{ID}, answer of sara: ") and told in found.unusable[0]


def test_a_correction_of_a_conversation_that_is_gone_is_told() -> None:
    found = consensus([answer("a", "edit", corrected="x")], {}, Review())
    assert "not in data/ingested" in found.unusable[0]


def test_decisions_stay_unless_people_answered_since() -> None:
    old, new = decision("2026-01-05T10:00:00+00:00"), decision("2026-01-05T10:00:01+00:00", "drop")
    assert merged([old], [new]) == [new]
    assert merged([new], [old]) == [new]
    by_hand = decision("2026-01-05T10:00:01+00:00", "keep")
    assert merged([by_hand], [new]) == [by_hand]
    assert merged([old], []) == [old]


def test_a_decision_without_a_date_is_by_hand_and_stays() -> None:
    by_hand = decision("", "drop")
    assert merged([by_hand], [decision("2026-01-05T10:00:00+00:00")]) == [by_hand]


def test_what_people_say_takes_the_place_of_what_was_applied_whenever_they_said_it() -> None:
    applied = Decision(
        conversation_id=ID, decision="keep", decided_at="2026-01-05T12:00:00Z", applied_from="b" * 32, similarity=0.97
    )
    theirs = decision("2026-01-05T10:00:00+00:00", "drop")  # given before somebody applied, pulled after it
    assert merged([applied], [theirs]) == [theirs]


def test_a_decision_falls_when_somebody_disagrees_later() -> None:
    first = [answer("a", "keep")]
    before = decided(first).decisions
    later = decided([*first, answer("b", "drop", at="2026-01-06T00:00:00+00:00", round=2)])
    assert later.open == {ID: "2026-01-06T00:00:00+00:00"}
    assert merged(before, later.decisions, later.open) == []
    by_hand = decision("", "keep")
    assert merged([by_hand], later.decisions, later.open) == [by_hand]


def test_a_decision_that_the_expert_contradicts_falls() -> None:
    before, gold = decided([answer("a", "keep")]).decisions, {ID: "drop"}
    assert merged(before, [], gold=gold) == []
    [both] = decided([answer("a", "keep"), answer("b", "drop")], gold).decisions
    assert merged(before, [both], gold=gold) == [both] and both.decision == "drop"


def test_a_decision_stays_when_its_annotator_turns_out_to_be_careless() -> None:
    before = decided([answer("a", "keep")]).decisions
    gold = dict.fromkeys(rows(12), "drop")
    later = decided([answer("a", "keep"), *(answer("a", "keep", key) for key in gold)], gold)
    assert not later.decisions and merged(before, later.decisions) == before


@given(st.permutations(["keep", "drop", "drop"]))
def test_the_order_of_answers_does_not_matter(choices: list[Any]) -> None:
    given_answers = [answer(name, choice) for name, choice in zip("abc", choices, strict=True)]
    one, other = decided(given_answers), decided(given_answers[::-1])
    assert (one.decisions, one.disagreements) == (other.decisions, other.disagreements)
    assert one.annotators.equals(other.annotators)


def test_nobody_has_answered() -> None:
    found = decided([])
    assert (found.decisions, found.unusable, found.disagreements, found.annotators.height) == ([], [], [], 0)
