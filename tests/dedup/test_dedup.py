"""Copies go, each with a named survivor; what means something else stays."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.__main__ import Dedup, deduplicated
from curation.dedup.guard import difference_in_meaning
from curation.dedup.survivors import copies
from tests.builders import params, record, talk

P = Dedup.model_validate(params("dedup"))
WORDS = "the sofa arrived late yesterday and one leg was broken so please send somebody who can repair it soon".split()
ARABIC = "وصلت الأريكة متأخرة أمس وكانت إحدى الأرجل مكسورة فأرجو إرسال شخص يستطيع إصلاحها قريبا جدا من فضلكم".split()


def clusters_of(rows: pl.DataFrame) -> pl.DataFrame:
    return deduplicated(rows, P)[2]


def survivors(*contents: tuple[str, ...]) -> int:
    return int(clusters_of(record(*(talk(*said) for said in contents)))["survivor"].sum())


def said_by(seed: int, vocabulary: list[str] = WORDS, length: int = 60) -> str:
    return " ".join(random.Random(seed).choices(vocabulary, k=length))


def test_an_exact_copy_names_the_row_that_stands_for_it():
    table = clusters_of(record(talk("Hello there", "Hi"), talk("Hello there", "Hi"), source_id=["b", "a"]))
    survivor, copy = table.filter("survivor").row(0, named=True), table.filter(~pl.col("survivor")).row(0, named=True)
    assert survivor["row_id"] == "file:2"
    assert (copy["duplicate_of"], copy["kind"], copy["similarity"]) == ("file:2", "exact", 1.0)


@pytest.mark.parametrize("vocabulary", [WORDS, ARABIC])
def test_a_copy_with_a_changed_word_goes(vocabulary: list[str]):
    text = said_by(1, vocabulary)
    assert survivors((text, said_by(2, vocabulary)), (text + " " + vocabulary[0], said_by(2, vocabulary))) == 1


def test_unlike_conversations_all_stay():
    assert survivors(*((said_by(n), said_by(n + 100)) for n in range(20))) == 20


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("Order 1001 is late", "Order 1002 is late", "numbers"),
        ("الطلب ١٠٠١ متأخر", "الطلب ١٠٠٢ متأخر", "numbers"),
        ("You can return it", "You can not return it", "negation"),
        ("I can do it", "I can't do it", "negation"),
        ("يمكنك إرجاعها", "لا يمكنك إرجاعها", "negation"),
        ("My name is Sara and I wait", "My name is Mona and I wait", "names"),
        ("اسمي سارة وأنا أنتظر", "اسمي منى وأنا أنتظر", "names"),
        ("أهلاً بك، مريم. راجعت الأمر", "أهلاً بك، دانة. راجعت الأمر", "names"),
        ("عبير، أهلاً وسهلاً بك", "ريم، أهلاً وسهلاً بك", "names"),
        ("مرحباً مريم، شكراً لك", "مرحباً ليلى، شكراً لك", "names"),
    ],
)
def test_what_differs_in_meaning_is_no_copy(left: str, right: str, reason: str):
    assert difference_in_meaning(left, right) == reason
    around = said_by(3)
    assert survivors((f"{around}. {left}", "Noted."), (f"{around}. {right}", "Noted.")) == 2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Order ١٠٠١ is late", "Order 1001 is late"),
        ("Please repair it soon", "Kindly repair it soon"),
        ("the delivery was late", "the delivry was late"),
        ("أرجو الإصلاح", "ارجو الاصلاح"),
    ],
)
def test_spelling_and_politeness_are_no_difference_in_meaning(left: str, right: str):
    assert difference_in_meaning(left, right) is None


def test_templated_tool_calls_that_differ_in_arguments_all_stay():
    def call(order: int):
        arguments = [{"function": {"name": "lookup", "arguments": f'{{"order": "{order}"}}'}}]
        asked = talk("Please look up the order that I placed with you last week and tell me when it comes")
        return [*asked, {"role": "assistant", "content": "", "tool_calls": arguments}]

    table = clusters_of(record(*(call(n) for n in range(200))))
    assert table["survivor"].all()


def test_shared_openings_do_not_make_copies():
    opening = "Welcome to the help desk of the house, how may we be of service to you on this fine day?"
    contents = [(said_by(n, length=12), opening, said_by(n + 500, length=12), opening) for n in range(40)]
    assert survivors(*contents) == 40


def test_one_question_with_two_different_standard_replies_stays_twice():
    standard = [said_by(n, length=40) for n in (901, 902)]
    others = [(said_by(n, length=12), standard[n % 2]) for n in range(60)]
    question = said_by(5, length=30)
    assert survivors(*others, (question, standard[0]), (question, standard[1])) == 62


def test_conversations_that_share_only_the_question_stay():
    question = said_by(5, length=30)
    assert survivors((question, said_by(6, length=60)), (question, said_by(7, length=60))) == 2


def test_the_cleanest_copy_survives_before_the_longest():
    text, reply = said_by(8), said_by(9)
    rows = record(talk(text, reply), talk(text + " thanks", reply + " \ufffd"))
    assert clusters_of(rows).filter("survivor")["row_id"].to_list() == ["file:1"]


def test_copies_do_not_chain():
    pairs = pl.DataFrame({"left": ["a", "b"], "right": ["b", "c"], "similarity": [0.8, 0.8]})
    assert copies(pairs, {"a": 0, "b": 1, "c": 2}) == {"b": ("a", 0.8)}  # c is like b, not like a: it stays


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_result_is_the_same_in_any_order(shuffle: random.Random):
    base = [said_by(n, length=40) for n in range(6)]
    talks = [talk(text, "Noted.") for text in [*base, *(f"{text} please" for text in base[:3]), base[0]]]
    rows = record(*talks)
    order = list(range(rows.height))
    shuffle.shuffle(order)
    assert clusters_of(rows[order]).equals(clusters_of(rows))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_every_removal_is_proved_by_its_true_jaccard(seed: int, changes: int):
    rng = random.Random(seed)
    text = said_by(seed).split()
    other = [w if rng.random() > changes / 60 else "changed" for w in text]
    table = clusters_of(record(talk(" ".join(text), "ok"), talk(" ".join(other), "ok")))
    runs = [{tuple(side[i : i + 5]) for i in range(len(side) - 4)} for side in ([*text, "ok"], [*other, "ok"])]
    true = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    gone = table.filter(~pl.col("survivor"))
    if gone.height and gone["kind"][0] == "near":
        assert gone["similarity"][0] == pytest.approx(true)
        assert true >= P.threshold
    elif not gone.height:
        assert true < P.threshold


def test_conversations_without_a_word_are_no_copies_of_each_other():
    assert survivors(("?!", "..."), ("!!", "--")) == 2
