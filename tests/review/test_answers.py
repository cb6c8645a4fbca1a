from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.conversation import message
from curation.decision import Decision
from curation.personal_data import masked
from curation.review.answers import Answer, AnswerError, consensus, edited, merged

ID = "a" * 32
TALK = [message("user", "hi"), message("assistant", "one"), message("user", "and?"), message("assistant", "two")]


def answer(annotator: str, decision: Any, **more: Any) -> Answer:
    return Answer(ID, annotator, decision, at=more.pop("at", "2026-01-05T10:00:00+00:00"), **more)


def decision(decided_at: str, choice: Any = "keep") -> Decision:
    return Decision(conversation_id=ID, decision=choice, decided_at=decided_at)


def contents(corrected: str) -> list[str]:
    return [m["content"] for m in edited(TALK, corrected)]


def test_a_correction_without_a_number_replaces_the_last_reply() -> None:
    assert contents("  better \n") == ["hi", "one", "and?", "better"]


@pytest.mark.parametrize("marker", ["[2]", " [ 2 ] ", "[٢]", "[turn 2]", "[رد ٢]", "[الدور 2]"])
def test_a_numbered_correction_replaces_the_reply_of_that_number(marker: str) -> None:
    assert contents(f"{marker}\nbetter\nstill") == ["hi", "better\nstill", "and?", "two"]


def test_several_replies_are_corrected_at_once() -> None:
    assert contents("[4]\nlast\n\n[2]\nfirst") == ["hi", "first", "and?", "last"]


def test_a_number_inside_a_sentence_belongs_to_the_text() -> None:
    assert contents("see [2] above")[-1] == "see [2] above"


@pytest.mark.parametrize(
    ("corrected", "told"),
    [
        ("[1]\nx", r"\[1\] is no reply of the assistant; its replies are \[2\], \[4\]"),
        ("[9]\nx", r"\[9\] is no reply"),
        ("[2]\n  \n[4]\nx", r"\[2\] has no text"),
        ("[2]\nx\n[2]\ny", "twice"),
        ("x\n[2]\ny", "above the first number"),
        ("[4]\ntwo", "stands there already"),
    ],
)
def test_a_correction_that_cannot_be_meant_is_told_with_its_cure(corrected: str, told: str) -> None:
    with pytest.raises(AnswerError, match=told):
        edited(TALK, corrected)


@pytest.mark.parametrize(
    ("personal", "cover"),
    [
        ("a.b@example.com", "[email]"),
        ("4111 1111 1111 1111", "[card]"),
        ("GB82 WEST 1234 5698 7654 32", "[iban]"),
        ("1000000008", "[national_id]"),
        ("+966 55 123 4567", "[phone]"),
    ],
)
def test_a_cover_of_personal_data_never_gets_into_the_data(personal: str, cover: str) -> None:
    assert masked(f"it is {personal}", ("SA",)) == f"it is {cover}"
    talk = [message("user", "hi"), message("assistant", f"reach us: {personal}")]
    with pytest.raises(AnswerError, match=rf"\[2\] holds \{cover[:-1]}\], .*write the reply without it"):
        edited(talk, f"Please reach us: {cover}")


def test_a_cover_that_the_reply_itself_has_may_stay() -> None:
    talk = [message("user", "hi"), message("assistant", "call [phone]")]
    assert edited(talk, "Please call [phone].")[1]["content"] == "Please call [phone]."


@given(st.text(min_size=1).filter(lambda t: t.strip() and "[" not in t and t.strip() != "two"))
def test_only_the_corrected_reply_changes(text: str) -> None:
    after = edited(TALK, text)
    assert [m["content"] for m in after] == ["hi", "one", "and?", text.strip()]
    assert [m["role"] for m in after] == [m["role"] for m in TALK]


def test_one_answer_decides_when_one_is_asked_for() -> None:
    found = consensus([answer("sara", "drop", reasons=("wrong_tone",))], {})
    assert found.decisions == [
        Decision(
            conversation_id=ID,
            decision="drop",
            reasons=("wrong_tone",),
            annotators=("sara",),
            agreement=1.0,
            decided_at="2026-01-05T10:00:00+00:00",
        )
    ]


def test_more_than_half_of_the_answers_decide() -> None:
    later = "2026-01-06T00:00:00+00:00"
    given_answers = [answer("c", "keep", at=later), answer("a", "drop"), answer("b", "drop")]
    [decided] = consensus(given_answers, {}, 3).decisions
    assert (decided.decision, decided.annotators, decided.agreement) == ("drop", ("a", "b"), 0.6667)
    assert decided.decided_at == later, "a newer answer makes a newer decision, whatever it says"


def test_a_tie_is_left_undecided_and_told() -> None:
    found = consensus([answer("a", "keep"), answer("b", "drop")], {})
    assert not found.decisions and found.disagreements == [f"{ID}: a says keep, b says drop"]


def test_two_edits_with_other_words_are_a_disagreement() -> None:
    edits = [answer("a", "edit", corrected="x"), answer("b", "edit", corrected="y")]
    found = consensus(edits, {ID: TALK})
    assert not found.decisions and len(found.disagreements) == 1


def test_too_few_answers_decide_nothing_and_are_no_disagreement() -> None:
    found = consensus([answer("a", "keep")], {}, min_submitted=2)
    assert not found.decisions and not found.disagreements


def test_an_edit_carries_the_whole_corrected_conversation_and_the_label() -> None:
    [decided] = consensus([answer("a", "edit", corrected="better", label=" refund ")], {ID: TALK}).decisions
    assert decided.label == "refund" and decided.messages
    assert [m["content"] for m in decided.messages] == ["hi", "one", "and?", "better"]


@pytest.mark.parametrize(
    ("given_answer", "told"),
    [
        (answer("sara", "edit"), "corrects nothing"),
        (answer("sara", "keep", corrected="x"), "says keep, yet corrects"),
        (answer("sara", "edit", corrected="[1]\nx"), "no reply of the assistant"),
    ],
)
def test_an_unusable_answer_is_told_with_conversation_and_annotator(given_answer: Answer, told: str) -> None:
    found = consensus([given_answer], {ID: TALK})
    assert not found.decisions
    assert found.unusable[0].startswith(f"{ID}, answer of sara: ") and told in found.unusable[0]


def test_a_correction_of_a_conversation_that_is_gone_is_told() -> None:
    assert "not in data/ingested" in consensus([answer("a", "edit", corrected="x")], {}).unusable[0]


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


@given(st.permutations(["keep", "drop", "drop"]))
def test_the_order_of_answers_does_not_matter(choices: list[Any]) -> None:
    given_answers = [answer(name, choice) for name, choice in zip("abc", choices, strict=True)]
    assert consensus(given_answers, {}) == consensus(reversed(given_answers), {})
