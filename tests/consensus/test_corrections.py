from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.consensus.corrections import AnswerError, Known, ReadAnswer, covered_values, edited, numbered, outcome
from curation.core.record.conversation import message
from curation.decisions.answers import Answer
from curation.privacy import covered

TALK = [message("user", "hi"), message("assistant", "one"), message("user", "and?"), message("assistant", "two")]


def contents(corrected: str, original: Any = TALK, countries: Any = None) -> list[str]:
    return [m["content"] for m in edited(original, corrected, countries) or original]


def answer(decision: Any, corrected: str = "", label: str = "") -> Answer:
    return Answer("a" * 32, "sara", decision, corrected=corrected, label=label)


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
        ("[?]\nx", "their numbers are gone"),
        ("[2]\ncall [phone_1]", r"\[phone_1\], which covers nothing"),
    ],
)
def test_a_correction_that_cannot_be_meant_is_told_with_its_cure(corrected: str, told: str) -> None:
    with pytest.raises(AnswerError, match=told):
        edited(TALK, corrected)


def test_what_was_there_to_be_edited_and_stays_as_it_stood_corrects_nothing() -> None:
    left = "[2]\none \n\n[4]\n two"
    assert edited(TALK, left) is None
    assert outcome(answer("keep", left), TALK) == ReadAnswer("keep")
    assert outcome(answer("drop", left), TALK) == ReadAnswer("drop")
    with pytest.raises(AnswerError, match="corrects nothing"):
        outcome(answer("edit", left), TALK)
    assert contents("[2]\none\n\n[4]\nbetter") == ["hi", "one", "and?", "better"]


def test_to_keep_and_to_correct_at_once_cannot_be_meant() -> None:
    for given_answer in (answer("keep", "[4]\nbetter"), answer("keep", label="refund")):
        with pytest.raises(AnswerError, match="says keep, yet corrects"):
            outcome(given_answer, TALK)


def test_signs_that_turn_text_backwards_are_not_taken_over_and_are_no_change_by_themselves() -> None:
    talk = [message("user", "hi"), message("assistant", "safe \u202egpj.exe\u202c")]
    assert edited(talk, "safe gpj.exe\u202c") is None


@pytest.mark.parametrize(
    ("corrected", "suggested", "read"),
    [
        ("better", "[2]\none", "[2]\nbetter"),
        ("[4]\nbetter", "[2]\none", "[4]\nbetter"),
        ("better", "", "better"),
        ("", "[2]\none", ""),
        ("better", "[2]\none\n\n[4]\ntwo", "[?]\nbetter"),
    ],
)
def test_a_number_that_was_deleted_while_editing_is_put_back(corrected: str, suggested: str, read: str) -> None:
    assert numbered(corrected, suggested) == read


# -- covers ------------------------------------------------------------------------------------------------------------

PERSONAL = {
    "email": "a.b@example.com",
    "card": "4111 1111 1111 1111",
    "iban": "GB82 WEST 1234 5698 7654 32",
    "national_id": "1000000008",
    "phone": "+966 55 123 4567",
}


@pytest.mark.parametrize(("kind", "value"), PERSONAL.items())
def test_a_reply_with_a_cover_can_be_edited_and_the_value_comes_back(kind: str, value: str) -> None:
    said = f"Your {kind.replace('_', ' ')} is"
    talk = [message("user", "hi"), message("assistant", f"{said} {value}")]
    shown = covered(talk, ("SA",))[1]["content"]
    assert shown == f"{said} [{kind}_1]"
    assert contents(f"Yes. {shown}", talk, ("SA",))[1] == f"Yes. {said} {value}"
    assert edited(talk, shown, ("SA",)) is None
    with pytest.raises(AnswerError, match=rf"\[2\] holds \[{kind}_2\], which covers nothing"):
        edited(talk, f"it is [{kind}_2]", ("SA",))


def test_a_cover_comes_back_as_its_reply_writes_it_or_as_it_was_first_written() -> None:
    talk = [
        message("user", "I am on 0551234567"),
        message("assistant", "Is it +966 55 123 4567?"),
        message("user", "yes"),
        message("assistant", "Thanks"),
    ]
    assert contents("[2]\nNote: [phone_1]\n[4]\nWe call [phone_1]", talk, ("SA",))[1::2] == [
        "Note: +966 55 123 4567",
        "We call 0551234567",
    ]


def test_covers_inside_of_json_are_not_put_back_but_told() -> None:
    talk = [message("user", "hi"), message("assistant", '{"email": "a.b@example.com"}')]
    assert covered_values(talk, ("SA",)) == [{}, {}]
    with pytest.raises(AnswerError, match="covers nothing"):
        edited(talk, '{"to": "[email_1]"}', ("SA",))


def test_a_cover_that_the_conversation_itself_has_may_stay() -> None:
    talk = [message("user", "hi"), message("assistant", "call [phone]")]
    assert contents("Please call [phone].", talk)[1] == "Please call [phone]."


@given(st.lists(st.sampled_from([*PERSONAL.values(), "and", "call [phone_1]", "٠٥٠١٢٣٤٥٦٧", "؟"]), max_size=8))
def test_covers_put_back_give_the_words_that_were_covered(words: list[str]) -> None:
    talk = [message("assistant", " ".join(words))]
    [shown], [values] = covered(talk, ("SA",)), covered_values(talk, ("SA",))
    for cover, value in values.items():
        assert value in talk[0]["content"] and cover in shown["content"]
    assert edited(talk, f"[1]\n{shown['content']}", ("SA",)) is None if shown["content"] else True


# -- labels ------------------------------------------------------------------------------------------------------------


def test_a_label_is_taken_as_the_data_set_spells_it() -> None:
    known = Known(labels={"refund", "إلغاء الطلب"})
    assert outcome(answer("edit", label=" Refund "), TALK, known) == ReadAnswer("edit", label="refund")
    assert outcome(answer("edit", label="الغاء الطلب"), TALK, known) == ReadAnswer("edit", label="إلغاء الطلب")


def test_a_label_that_nothing_has_is_told_with_those_near_it() -> None:
    with pytest.raises(AnswerError, match=r"'refnd' is no label of this data set; near it are refund; write one"):
        outcome(answer("edit", label="refnd"), TALK, Known(labels={"refund", "delivery"}))


def test_where_nothing_is_labelled_any_label_is_taken() -> None:
    assert outcome(answer("edit", label="refund"), TALK).label == "refund"


@given(st.text(min_size=1).filter(lambda t: t.strip() and "[" not in t and t.strip() != "two" and max(t) < "\u202d"))
def test_only_the_corrected_reply_changes(text: str) -> None:
    after = edited(TALK, text)
    assert after is not None
    assert [m["content"] for m in after] == ["hi", "one", "and?", text.strip()]
    assert [m["role"] for m in after] == [m["role"] for m in TALK]
