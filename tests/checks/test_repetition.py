"""What is a loop, within a reply and from reply to reply."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import checks
from curation.checks.repetition import REPORTED_FROM, _may_repeat, _repeated
from tests.builders import context, record, shipped_policy, talk
from tests.checks.seeing import REPLY, seen


def test_loops_are_measured_and_emphasis_is_not():
    loop = "We will call you back soon. " * 6
    found = checks()["repetition"](record(talk("Hi", loop)), context())
    assert found["value"][0] > 0.7
    assert "x6" in found["evidence"][0]
    assert seen("repetition", talk("Hi", "Very very very sorry!"), talk("Hi", REPLY)) == set()


@pytest.mark.parametrize(
    ("reply", "phrase", "other"),
    [
        ("We are sorry to hear that.", "Is there anything else?", "Your parcel arrives on Monday."),
        ("نأسف جداً لما حدث معك.", "هل هناك شيء آخر أساعدك فيه؟", "يصل طردك يوم الاثنين إن شاء الله."),
    ],
)
def test_a_bot_that_says_the_same_in_every_turn_is_told_and_a_phrase_that_comes_back_is_no_loop(
    reply: str, phrase: str, other: str
):
    def repeated(*replies: str) -> list[float]:
        said = [part for n, text in enumerate(replies) for part in (f"And {n}?", text)]
        found = checks()["repetition"](record(talk(*said)), context())
        return found.filter(pl.col("code") == "repeated_reply")["value"].to_list()

    limit = shipped_policy().limits["repeated_reply"].doubt
    assert limit is not None
    assert repeated(reply, reply, f"{reply[:-1]}!")[0] >= limit
    assert repeated(phrase, phrase, other)[0] < limit
    assert (
        repeated(other, phrase, reply, phrase, f"{other} 1", phrase, f"{other} 2", phrase, f"{other} 3", phrase) == []
    )


@pytest.mark.parametrize(
    ("said", "reply", "times"),
    [
        (("Bye", "bye bye", "Thanks a lot"), "Thank you and have a good day.", []),
        (("شكراً", "مع السلامة", "شكراً جزيلاً لك"), "شكراً لتواصلك معنا وإلى اللقاء.", []),
        (("Where is it?", "Hello?", "I have been waiting for days", "12345"), "Please wait a little while.", [3]),
        (("أين طلبي؟", "مرحبا؟", "أنا في الانتظار منذ أيام", "12345"), "يرجى الانتظار قليلاً من فضلك.", [3]),
    ],
)
def test_courtesies_answered_alike_are_no_loop_and_what_is_asked_is(
    said: tuple[str, ...], reply: str, times: list[int]
):
    found = checks()["repetition"](record(talk(*(part for text in said for part in (text, reply)))), context())
    assert found.filter(pl.col("code") == "repeated_reply")["value"].to_list() == times


def test_two_replies_that_each_come_twice_count_once():
    first, second = "Which day suits you best?", "Your table is booked for Monday."
    said = [part for text in (first, first, second, second) for part in ("I would like another day", text)]
    found = checks()["repetition"](record(talk(*said)), context())
    assert found.filter(pl.col("code") == "repeated_reply")["value"].to_list() == [1]


_SPELLINGS = ("أهلا", "اهلاً", "مدرسة", "مدرسه", "Thanks", "thanks", "order", "½", "1", "١", "ـ", "x_y", "ß", "ss", "of")


@given(
    st.lists(st.sampled_from(_SPELLINGS), min_size=16, max_size=24),
    st.lists(st.from_regex(r"[a-h]{1,2}", fullmatch=True), max_size=30),
)
def test_no_reply_that_repeats_itself_is_passed_over(words: list[str], others: list[str]):
    reply = " ".join([*others, *words])
    if _repeated(reply)[0] >= REPORTED_FROM:
        assert _may_repeat(record(talk("Hi", reply))).height == 1
